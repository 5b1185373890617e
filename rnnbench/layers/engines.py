"""How a cell is run over time. Every engine gives the same numbers as ``loop``, at another speed.

All work on the packed layout of ``PackedSequence``: sequences sorted by decreasing length, the rows of all
first steps, then of all second steps, and so on; ``batch_sizes[t]`` rows belong to step t. A batch of equal
lengths is the case of constant batch sizes. Padding never reaches an engine.

Shape suffixes: N real steps of all sequences together, I input.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from rnnbench.cells import Cell
from rnnbench.layers.fused import Unsupported, compiled, fused, trouble
from rnnbench.layers.loop import Params, State, loop
from rnnbench.layers.scan import scan, scannable

#: What ``engine`` may be; ``auto`` takes the fastest that can run the cell.
ENGINES = ("auto", "loop", "fused", "scan")

_RUN = {"loop": loop, "fused": fused, "scan": scan}


def engines_for(cell: Cell) -> tuple[str, ...]:
    """The engines that can run ``cell`` on this machine, the fastest first; ``loop`` can always."""
    # Measured at 2048 steps, one thread: a scan takes 1.1 to 7 times as long as compiled code, but where the cell is
    # mostly softplus (minGRU and minLSTM in log space), where it takes 0.6 to 0.7.
    able = {"fused": why_not_fused(cell) is None, "scan": scannable(cell), "loop": True}
    return tuple(name for name, can in able.items() if can)


@cache
def why_not_fused(cell: Cell) -> str | None:
    """What keeps ``cell`` from being compiled, in one line; None if nothing does."""
    try:
        compiled(cell)
    except Unsupported as error:
        return f"cannot run {type(cell).__name__}: {error}"
    reason = trouble()
    if reason:
        _warn_once(reason)
    return reason


@cache
def _warn_once(reason: str) -> None:
    warnings.warn(f"the fused engine cannot be built, the loop runs instead: {reason}", stacklevel=2)


def resolve_engine(name: str, cell: Cell) -> str:
    """The engine that will run ``cell``.

    Raises:
        ValueError: for a name that is none of ``ENGINES``, or an engine that cannot run the cell.
    """
    if name not in ENGINES:
        raise ValueError(f"engine={name!r}: must be one of {', '.join(map(repr, ENGINES))}")
    able = engines_for(cell)
    if name not in ("auto", *able):
        names = ", ".join(map(repr, ("auto", *able)))
        reason = (why_not_fused(cell) if name == "fused" else None) or f"cannot run {type(cell).__name__}"
        raise ValueError(f"engine={name!r}: {reason}; must be one of {names}")
    return able[0] if name == "auto" else name


def run_engine(
    engine: str,
    cell: Cell,
    params: Params,
    data_NI: Tensor,
    batch_sizes: Sequence[int],
    state: State,
    reverse: bool = False,
    extra: Params | None = None,
) -> tuple[Tensor, State]:
    """Run ``cell`` by the engine of that name, one of ``engines_for(cell)``; for the rest see ``loop``.

    What the fused engine has no code for (other devices, autocast, half precision, tracing for export) the second
    engine runs.
    """
    if engine == "fused" and not _fusable(data_NI, params, state):
        engine = second_engine(cell)
    return _RUN[engine](cell, params, data_NI, batch_sizes, state, reverse, extra)


def second_engine(cell: Cell) -> str:
    """What runs ``cell`` where compiled code cannot: ``scan`` or ``loop``."""
    return "scan" if scannable(cell) else "loop"


def _fusable(data_NI: Tensor, params: Params, state: State) -> bool:
    if torch.compiler.is_compiling() or torch.jit.is_tracing() or torch.is_autocast_enabled(data_NI.device.type):
        return False
    given = (data_NI, *params.values(), *state)
    alike = len({(tensor.dtype, tensor.device) for tensor in given}) == 1
    return alike and data_NI.device.type == "cpu" and data_NI.dtype in (torch.float32, torch.float64)
