"""The options of a layer that change what its cells compute, checked and applied."""

from __future__ import annotations

from collections.abc import Mapping

from rnnbench.cells import Cell
from rnnbench.layers.layer_norm import layer_norm as normalised
from rnnbench.layers.wrappers import RECURRENT, RecurrentDropout, VariationalDropout, Zoneout

Rates = float | Mapping[str, float]


def around(
    cell: Cell,
    variational_dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    zoneout: Mapping[str, float] | None = None,
    layer_norm: bool = False,
) -> Cell:
    """``cell`` with everything around it that is asked for; ``cell`` itself if nothing is.

    Args:
        cell: the cell.
        variational_dropout: rate of ``VariationalDropout``.
        recurrent_dropout: rate of ``RecurrentDropout``.
        zoneout: rates of ``Zoneout`` by state.
        layer_norm: whether ``LayerNorm`` is asked for.

    Raises:
        ValueError: in one line, where the cell has nothing that it could act on.
    """
    name, products = type(cell).__name__, [stage.product for stage in cell.stages() if stage.product]
    if layer_norm:
        cell = normalised(cell)
    if recurrent_dropout:
        if not any(stage.candidate for stage in cell.stages()):
            raise ValueError(f"recurrent_dropout={recurrent_dropout}: {name} has no candidate that it could drop")
        cell = RecurrentDropout.of(cell, rate=recurrent_dropout)
    if variational_dropout:
        if not any(product.weight == RECURRENT for product in products):
            text = f"{name} multiplies nothing by {RECURRENT}; x alone can be dropped: {{x: {variational_dropout}}}"
            raise ValueError(f"variational_dropout.h={variational_dropout}: {text}")
        cell = VariationalDropout.of(cell, rate=variational_dropout)
    rates = tuple((state, rate) for state, rate in (zoneout or {}).items() if rate)
    return Zoneout.of(cell, rates=rates) if rates else cell


def rate(option: str, value: float) -> float:
    """``value`` as a probability.

    Raises:
        ValueError: in one line, if it is none, or 1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(f"{option}={value!r}: must be at least 0 and less than 1")
    return float(value)


def rates(option: str, value: Rates, names: tuple[str, ...]) -> dict[str, float]:
    """A rate for each of ``names``: the same for all, or those of a mapping, 0 where it says nothing.

    Raises:
        ValueError: in one line, for another name or no rate, or where there are no names to have one.
    """
    if value and not names:
        raise ValueError(f"{option}={value}: this cell has no value that it could act on")
    if not isinstance(value, Mapping):
        return dict.fromkeys(names, rate(option, value))
    for name in value:
        if name not in names:
            raise ValueError(f"{option}.{name}: no such value; there are {', '.join(names)}")
    return {name: rate(f"{option}.{name}", value.get(name, 0.0)) for name in names}
