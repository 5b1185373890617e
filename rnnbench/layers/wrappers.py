"""What can be put around any cell: noise on its values. Each turns a cell into another cell.

Noise is drawn for a whole pass before it begins, so that every engine sees the same; outside of training it takes
its expectation.

Shape suffixes: B sequences, N real steps of all sequences together, H hidden size, S size of a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from rnnbench.cells import Cell, Stage
from rnnbench.layers.shapes import prepared_shapes

#: The matrix through which a cell sees its own past.
RECURRENT = "weight_hh"


@dataclass(frozen=True, kw_only=True)
class Around(Cell):
    """Base of what is put around a cell: by itself the cell as it is.

    Attributes:
        inner: the cell.
    """

    inner: Cell

    @classmethod
    def of(cls, inner: Cell, **options: Any) -> Self:
        """It around ``inner``."""
        return cls(inner.input_size, inner.hidden_size, inner.bias, inner=inner, **options)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "output", self.inner.output)

    @property
    def state(self) -> dict[str, int]:
        """The inner cell's."""
        return self.inner.state

    @property
    def output_size(self) -> int:
        """The inner cell's."""
        return self.inner.output_size

    @property
    def streams(self) -> dict[str, int]:
        """The inner cell's."""
        return self.inner.streams

    @property
    def constants(self) -> dict[str, int]:
        """The inner cell's."""
        return self.inner.constants

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The inner cell's."""
        return self.inner.parameter_shapes()

    def stages(self) -> tuple[Stage, ...]:
        """The inner cell's."""
        return self.inner.stages()

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """As the inner cell."""
        return self.inner.prepare(params)

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As the inner cell."""
        self.inner.reset_parameters(params)

    def draw(self, N: int, B: int, like: Tensor, training: bool) -> dict[str, Tensor]:
        """Its streams ``(N, size)`` and constants ``(B, size)`` by name, of the type and device of ``like``."""
        return self.inner.draw(N, B, like, training) if isinstance(self.inner, Around) else {}


@dataclass(frozen=True, kw_only=True)
class VariationalDropout(Around):
    """Dropout on the recurrent value, one mask for all steps of a sequence: what weight_hh multiplies.

    Source: Gal and Ghahramani 2016, arXiv:1512.05287, equation 7, the form with tied weights: all gates see the same
    mask. Only the product sees it; the state itself is carried on whole.

    Attributes:
        rate: probability of dropping a number; the others are divided by 1 - rate.
    """

    rate: float

    @property
    def constants(self) -> dict[str, int]:
        """And the mask."""
        return super().constants | {"kept_hidden": prepared_shapes(self.inner)[RECURRENT][1]}

    def stages(self) -> tuple[Stage, ...]:
        """The inner cell's, and before those with a recurrent product one that masks."""
        stages: list[Stage] = []
        masked: set[str] = set()
        for stage in self.inner.stages():
            product = stage.product
            if product and product.weight == RECURRENT:
                name = f"{product.value}_masked"
                if product.value not in masked:
                    stages.append(Stage(_times, (name,), (product.value, "kept_hidden")))
                    masked.add(product.value)
                stage = replace(stage, product=replace(product, value=name))
            stages.append(stage)
            masked -= set(stage.writes)
        return tuple(stages)

    def draw(self, N: int, B: int, like: Tensor, training: bool) -> dict[str, Tensor]:
        """And the mask."""
        size, rate = self.constants["kept_hidden"], self.rate if training else 0.0
        return super().draw(N, B, like, training) | {"kept_hidden": dropout_mask(B, size, rate, like)}


def _times(value: Tensor, mask: Tensor) -> tuple[Tensor]:
    return (value * mask,)


@dataclass(frozen=True, kw_only=True)
class RecurrentDropout(Around):
    """Dropout on the candidate, what a gate writes to the state, with a new mask at every step.

    ::

        c' = f * c + i * d(g)          LSTM
        h' = z * h + (1 - z) * d(n)    GRU

    Source: Semeniuta, Severyn and Barth 2016, arXiv:1603.05118, equations 10 and 13, masks drawn per step. The
    state is never dropped, so that memory lasts.

    Attributes:
        rate: probability of dropping a number; the others are divided by 1 - rate.
    """

    rate: float

    @property
    def streams(self) -> dict[str, int]:
        """And the mask."""
        return super().streams | {"kept_candidate": self.hidden_size}

    def stages(self) -> tuple[Stage, ...]:
        """The inner cell's; the one with the candidate reads the mask."""
        return tuple(
            replace(stage, reads=(*stage.reads, "kept_candidate"), candidate=False) if stage.candidate else stage
            for stage in self.inner.stages()
        )

    def draw(self, N: int, B: int, like: Tensor, training: bool) -> dict[str, Tensor]:
        """And the mask."""
        size, rate = self.hidden_size, self.rate if training else 0.0
        return super().draw(N, B, like, training) | {"kept_candidate": dropout_mask(N, size, rate, like)}


@dataclass(frozen=True, kw_only=True)
class Zoneout(Around):
    """Some numbers of a state stay what they were a step ago.

    ::

        s' = d * s + (1 - d) * s_new       d = 1 with the probability of ``rates``; the rate itself at evaluation

    Source: Krueger et al. 2017, arXiv:1606.01305, equations 4 to 6. What else the cell computes from a new state
    within the step, such as h from c in an LSTM, sees s_new.

    Attributes:
        rates: states and their rates.
    """

    rates: tuple[tuple[str, float], ...]

    @property
    def streams(self) -> dict[str, int]:
        """And d for every state that has a rate."""
        return super().streams | {f"zoned_{name}": self.state[name] for name, _ in self.rates}

    def stages(self) -> tuple[Stage, ...]:
        """The inner cell's, writing elsewhere, and one that mixes."""
        names = tuple(name for name, _ in self.rates)
        new: dict[str, str] = {}
        stages = []
        for stage in self.inner.stages():
            stages.append(_renamed(stage, new, names))
            new |= {name: f"{name}_new" for name in stage.writes if name in names}
        reads = (*new.values(), *new, *(f"zoned_{name}" for name in new))
        return (*stages, Stage(_mix, tuple(new), reads))

    def draw(self, N: int, B: int, like: Tensor, training: bool) -> dict[str, Tensor]:
        """And d."""
        drawn = super().draw(N, B, like, training)
        for name, rate in self.rates:
            d_NS = torch.full((N, self.state[name]), rate, dtype=like.dtype, device=like.device)
            drawn[f"zoned_{name}"] = torch.bernoulli(d_NS) if training else d_NS
        return drawn


def _renamed(stage: Stage, new: Mapping[str, str], names: tuple[str, ...]) -> Stage:
    """``stage`` reading what is in ``new`` by its other name, and writing all ``names`` by another name."""
    if stage.recurrence and stage.writes[0] in names:
        stage = replace(stage, pointwise=stage.step, reads=stage.inputs, recurrence=None)
    product = stage.product
    return replace(
        stage,
        writes=tuple(f"{name}_new" if name in names else name for name in stage.writes),
        reads=tuple(new.get(name, name) for name in stage.reads),
        product=product and replace(product, value=new.get(product.value, product.value)),
    )


def _mix(*values: Tensor) -> tuple[Tensor, ...]:
    count = len(values) // 3
    news, olds, zoned = values[:count], values[count : 2 * count], values[2 * count :]
    return tuple(d * old + (1 - d) * new for new, old, d in zip(news, olds, zoned))


def dropout_mask(rows: int, size: int, rate: float, like: Tensor) -> Tensor:
    """``(rows, size)``: 0 with the probability ``rate``, else ``1 / (1 - rate)``; its expectation is 1."""
    kept = torch.full((rows, size), 1 - rate, dtype=like.dtype, device=like.device)
    return torch.bernoulli(kept) / (1 - rate) if rate else kept
