"""What gated cells share: stacked weights with a block of rows a gate, the one-stage step, pointwise functions.

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight (gates times H).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnbench.cells.base import Cell, Product, Recurrence, Rows, Stage


@dataclass(frozen=True)
class Gated(Cell):
    """Base of cells whose gates are sums ``W_i x + b_i + W_h h + b_h``; a subclass names its gates.

    What no subclass repeats: weight_ih (G, I) and bias_ih (G) have H rows a gate in the order of ``gates``,
    weight_hh (G, H) and bias_hh (G) in the order of ``recurrent``.

    Attributes:
        gates: names of the blocks of rows of weight_ih, in their order.
        recurrent: names of the blocks of weight_hh and bias_hh, where they are not those of ``gates``.
        biases: the biases there are; papers write one (bias_ih), libraries add two.
        unbiased: gates without rows in bias_ih: at the beginning and the end of ``gates``.
        states: names of the states, each of H units.
        vectors: names of further parameters (H).
        memory_gates: gates that decide how long the state lasts: 1 for one that keeps it, -1 for one that writes to it.
        matrices: names of further parameters (n H, H), each with its n.
    """

    gates: ClassVar[tuple[str, ...]] = ()
    recurrent: ClassVar[tuple[str, ...] | None] = None
    biases: ClassVar[tuple[str, ...]] = ("bias_ih",)
    unbiased: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("h",)
    vectors: ClassVar[tuple[str, ...]] = ()
    memory_gates: ClassVar[Mapping[str, int]] = MappingProxyType({})
    matrices: ClassVar[tuple[tuple[str, int], ...]] = ()

    @property
    def state(self) -> dict[str, int]:
        return dict.fromkeys(self.states, self.hidden_size)

    @property
    def recurrent_gates(self) -> tuple[str, ...]:
        """The gates that see the state through a matrix: the blocks of weight_hh."""
        return self.gates if self.recurrent is None else self.recurrent

    @property
    def _biased(self) -> tuple[str, ...]:
        return tuple(gate for gate in self.gates if gate not in self.unbiased)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        H = self.hidden_size
        G_ih, G_hh = len(self.gates) * H, len(self.recurrent_gates) * H
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (G_ih, self.input_size)}
        if G_hh:
            shapes["weight_hh"] = (G_hh, H)
        rows = {"bias_ih": len(self._biased) * H, "bias_hh": G_hh}
        if self.bias:
            shapes |= {name: (rows[name],) for name in self.biases}
        return shapes | dict.fromkeys(self.vectors, (H,)) | {name: (n * H, H) for name, n in self.matrices}

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Zeros where bias_ih has no rows."""
        if not self.unbiased or "bias_ih" not in params:
            return params
        first, last = _rows(self.gates, self._biased[0], self._biased[-1], self.hidden_size)
        return {**params, "bias_ih": F.pad(params["bias_ih"], (first, self.all_rows[1] - last))}

    def starts(self) -> Mapping[str, float]:
        """Constants at which parameters start, by name; the rest is drawn."""
        return {}

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``Cell``; what is in ``starts`` is drawn too, then filled, so that the others do not depend on it."""
        super().reset_parameters(params)
        for name in self.starts().keys() & params.keys():
            nn.init.constant_(params[name], self.starts()[name])

    def rows(self, first: str, last: str | None = None) -> Rows:
        """The rows of gate ``first``, or of all from ``first`` to ``last``, in weight_ih."""
        return _rows(self.gates, first, last, self.hidden_size)

    @property
    def all_rows(self) -> Rows:
        """Every row of weight_ih."""
        return 0, len(self.gates) * self.hidden_size

    def product(self, value: str = "h", first: str | None = None, last: str | None = None) -> Product:
        """``value`` times weight_hh with its bias: all rows, or those of gate ``first`` to ``last``."""
        rows = _rows(self.recurrent_gates, first, last, self.hidden_size) if first else None
        return Product(value, "weight_hh", "bias_hh" if self.bias and "bias_hh" in self.biases else None, rows)

    def set_gate_bias(self, params: Mapping[str, Tensor], gate: str, value: float | Tensor) -> None:
        """Fill a gate's bias: ``value``, one or (H), in bias_ih, 0 in bias_hh if there is one."""
        with torch.no_grad():
            bias = params["bias_ih"][slice(*_rows(self._biased, gate, None, self.hidden_size))]
            bias.copy_(torch.as_tensor(value, dtype=bias.dtype, device=bias.device))
            if "bias_hh" in params:
                nn.init.zeros_(params["bias_hh"][slice(*_rows(self.recurrent_gates, gate, None, self.hidden_size))])


@dataclass(frozen=True)
class OneStage(Gated):
    """Base of gated cells with one stage: ``step(sum, old states, vectors)``, or share and product for the sum.

    Attributes:
        reads: the old states that ``step`` sees.
        joint: whether share and product are summed.
        recurrence: that of the stage.
        has_candidate: whether ``step`` takes a factor on the candidate, see ``Stage``.
    """

    reads: ClassVar[tuple[str, ...]] = ("h",)
    joint: ClassVar[bool] = True
    recurrence: ClassVar[Recurrence | None] = None
    has_candidate: ClassVar[bool] = False

    @property
    def parameters_read(self) -> tuple[str, ...]:
        """The parameters that ``step`` sees after the states."""
        return self.vectors

    def stages(self) -> tuple[Stage, ...]:
        product = self.product() if self.recurrent_gates else None
        joint, reads = self.joint and product is not None, (*self.reads, *self.parameters_read)
        more = (joint, self.recurrence, self.has_candidate)
        return (Stage(self.step, tuple(self.state), reads, self.all_rows, product, *more),)

    def step(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """The new states; with ``recurrence`` the coefficients."""
        raise NotImplementedError(f"{type(self).__name__} does not define its step")


@dataclass(frozen=True)
class ForgetBias(Gated):
    """Base of cells with a forget gate ``f`` whose bias can be raised at the start.

    Attributes:
        forget_bias: value at which the forget gate's bias starts; None leaves it as drawn.
    """

    forget_bias: float | None = None

    examples = ({"forget_bias": 1.0},)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.forget_bias is not None and not self.bias:
            raise ValueError(f"forget_bias={self.forget_bias}: needs bias=True")

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``torch.nn``, then the forget gate's bias, which draws nothing."""
        super().reset_parameters(params)
        if self.forget_bias is not None:
            self.set_gate_bias(params, "f", self.forget_bias)


def keep(z: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """``z * old + (1 - z) * new``, as wide as the old state: autocast makes products narrow, lerp takes one type."""
    return torch.lerp(new.to(old.dtype), old, z.to(old.dtype))


def write(z: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """``(1 - z) * old + z * new``, as wide as the old state."""
    return torch.lerp(old, new.to(old.dtype), z.to(old.dtype))


def write_tanh(sum_BH: Tensor, z_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
    """The stage that writes a candidate: ``(1 - z) * h + z * tanh(sum)``."""
    return (write(z_BH, h_BH, torch.tanh(sum_BH)),)


def standardise(values: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the last dimension: a layer norm without gain and bias."""
    centred = values - values.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(-1, keepdim=True) + 1e-5)


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """``tanh`` or ``relu``."""
    return torch.tanh if name == "tanh" else torch.relu


def through(gate: Tensor | None, value: Tensor) -> Tensor:
    """What a gate lets through; all of it where there is none."""
    return value if gate is None else gate * value


def as_is(value: Tensor) -> tuple[Tensor]:
    """The stage that is its product alone."""
    return (value,)


def tanh(value: Tensor) -> tuple[Tensor]:
    """The stage that is the tanh of its argument."""
    return (torch.tanh(value),)


def sigmoid(value: Tensor) -> tuple[Tensor]:
    """The stage that is the sigmoid of its argument."""
    return (torch.sigmoid(value),)


def times(one: Tensor, other: Tensor) -> tuple[Tensor]:
    """The stage that multiplies its two arguments."""
    return (one * other,)


def _rows(gates: tuple[str, ...], first: str, last: str | None, size: int) -> Rows:
    return gates.index(first) * size, (gates.index(last or first) + 1) * size
