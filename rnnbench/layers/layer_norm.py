"""Layer norm around any cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from torch import Tensor, nn

from rnnbench.cells import Cell, Stage
from rnnbench.cells.gated import standardise
from rnnbench.layers.shapes import prepared_shapes
from rnnbench.layers.wrappers import Around


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Around):
    """Layer norm on the input's share and on the product of every stage, apart.

    ::

        LN(W_ih x) * gain_ih + b_ih,  LN(W_hh h) * gain_hh + b_hh      in place of W_ih x + b_ih, W_hh h + b_hh
        LN(v) = (v - mean(v)) / sqrt(var(v) + 1e-5)                    over the rows of the stage

    Source: Ba, Kiros and Hinton 2016, arXiv:1607.06450, equation 20. The biases are the shifts of the norms. The
    memory of an LSTM is left as it is: their LSTM with a third norm there is ``rnnbench.cells.LayerNormLSTM``.

    Parameters: those of the cell, then ``gain_ih``, as long as weight_ih has rows, and alike one for every weight that
    a product has.
    """

    def _gains(self) -> dict[str, int]:
        shapes, stages = prepared_shapes(self.inner), self.inner.stages()
        weights = ["weight_ih"] if any(stage.share for stage in stages) else []
        weights += [stage.product.weight for stage in stages if stage.product]
        return {_gain(weight): shapes[weight][0] for weight in weights}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """And the gains."""
        return super().parameter_shapes() | {name: (rows,) for name, rows in self._gains().items()}

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """The gains start at 1."""
        super().reset_parameters({name: params[name] for name in self.inner.parameter_shapes()})
        for name in self._gains():
            nn.init.ones_(params[name])

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The inner cell's; in place of gains and biases, the part of each that a stage reads."""
        prepared = dict(super().prepare({name: params[name] for name in self.inner.parameter_shapes()}))
        parts = {}
        for norm in _norms(self.inner):
            rows = slice(*norm.rows) if norm.rows else slice(None)
            parts[norm.gain] = params[_gain(norm.weight)][rows]
            if norm.bias:
                parts[norm.shift] = prepared[norm.bias][rows]
        for name in {norm.bias for norm in _norms(self.inner) if norm.bias}:
            del prepared[name]
        return prepared | parts

    def stages(self) -> tuple[Stage, ...]:
        """The inner cell's, with norms before what their pointwise functions do."""
        stages = []
        for index, stage in enumerate(self.inner.stages()):
            norms = [norm for norm in _norms(self.inner) if norm.stage == index]
            reads = [name for norm in norms for name in ((norm.gain, norm.shift) if norm.bias else (norm.gain,))]
            pointwise = _normalised(stage, tuple(bool(norm.bias) for norm in norms))
            product = stage.product and replace(stage.product, bias=None)
            reads = (*reads, *stage.reads)
            stages.append(replace(stage, pointwise=pointwise, reads=reads, product=product, joint=False))
        return tuple(stages)


@dataclass(frozen=True)
class _Norm:
    """A norm of a stage: of the product with these rows of a weight, and the bias that goes with it."""

    stage: int
    weight: str
    bias: str | None
    rows: tuple[int, int] | None

    @property
    def gain(self) -> str:
        return f"{_gain(self.weight)}_{self.stage}"

    @property
    def shift(self) -> str:
        return f"shift_{self.gain}"


def _gain(weight: str) -> str:
    return "gain_" + weight.removeprefix("weight_")


@cache
def _norms(cell: Cell) -> tuple[_Norm, ...]:
    """The norms of all stages in the order of what a pointwise function receives."""

    def of(index: int, stage: Stage) -> Iterator[_Norm]:
        if stage.share:
            yield _Norm(index, "weight_ih", "bias_ih" if "bias_ih" in prepared_shapes(cell) else None, stage.share)
        if stage.product:
            yield _Norm(index, stage.product.weight, stage.product.bias, stage.product.rows)

    return tuple(norm for index, stage in enumerate(cell.stages()) for norm in of(index, stage))


def _normalised(stage: Stage, shifted: tuple[bool, ...]) -> Callable[..., tuple[Tensor, ...]]:
    """The pointwise function of ``stage`` after norms of what leads its arguments."""

    def pointwise(*arguments: Tensor) -> tuple[Tensor, ...]:
        leading, rest = arguments[: len(shifted)], iter(arguments[len(shifted) :])
        sums = []
        for value, has_shift in zip(leading, shifted):
            scaled = standardise(value) * next(rest)
            sums.append(scaled + next(rest) if has_shift else scaled)
        together = [sums[0] + sums[1]] if stage.joint and len(sums) == 2 else sums
        return stage.pointwise(*together, *rest)

    return pointwise


def layer_norm(cell: Cell) -> Cell:
    """``cell`` with its sums normalised.

    Raises:
        ValueError: in one line, for a cell with norms of its own, or sums of one number.
    """
    name = type(cell).__name__
    own = [parameter for parameter in cell.parameter_shapes() if parameter.startswith("gain_")]
    if own:
        raise ValueError(f"layer_norm=True: {name} has norms of its own ({', '.join(own)})")
    for norm in _norms(cell):
        start, stop = norm.rows or (0, prepared_shapes(cell)[norm.weight][0])
        if stop - start == 1:
            raise ValueError(f"layer_norm=True: a norm over the one row of {norm.weight} in {name} is always 0")
    return LayerNorm.of(cell) if _norms(cell) else cell
