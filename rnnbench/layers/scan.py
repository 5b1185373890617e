"""The scan engine: all steps of a cell at once, where its only way back in time is a linear recurrence.

A stage runs on the rows of all steps together; an old state that it reads is the new one, one step later. The
stages are run in the order in which they feed each other over time, which need not be that within a step.

Shape suffixes: N real steps of all sequences together, T padded steps, B sequences, S size of a state.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

import torch
from torch import Tensor

from rnnbench.cells import Cell, Stage
from rnnbench.cells.base import Recurrence
from rnnbench.layers import recurrences
from rnnbench.layers.loop import Params, State, leading
from rnnbench.layers.packing import to_steps


class _Source(NamedTuple):
    """Where a stage finds a name: the index of the stage that wrote it (None: given); a step ago?"""

    name: str
    writer: int | None
    old: bool


def scannable(cell: Cell) -> bool:
    """Whether ``scan`` can run the cell: no stage depends on its own past but through its ``recurrence``."""
    return _order(cell) is not None


def scan(
    cell: Cell,
    params: Params,
    data_NI: Tensor,
    batch_sizes: Sequence[int],
    state: State,
    reverse: bool = False,
    extra: Params | None = None,
) -> tuple[Tensor, State]:
    """Run a ``scannable`` cell over all steps at once; arguments and results are those of ``loop``.

    Differentiable any number of times, and under ``vmap``.
    """
    order = _order(cell)
    assert order is not None, f"{type(cell).__name__} cannot be scanned"
    stages, names = cell.stages(), tuple(cell.state)
    given = dict(cell.prepare(params))
    for name, rows in (extra or {}).items():
        given[name] = rows if name in cell.streams else to_steps(rows, batch_sizes)
    first = dict(zip(names, state))
    time = _Time(batch_sizes, reverse, data_NI.device)
    sources = _sources(stages, names)
    leads = leading(stages, given, data_NI, (len(data_NI),))
    written: dict[tuple[str, int], Tensor] = {}

    def value(source: _Source) -> Tensor:
        name, writer, old = source
        if writer is None:
            return data_NI if name == "x" else given[name]
        return time.before(first[name], written[name, writer]) if old else written[name, writer]

    for i in order:
        stage = stages[i]
        reads = [value(source) for source in sources[i].reads]
        product = {stage.product.value: value(source)} if stage.product and (source := sources[i].product) else {}
        results = stage.pointwise(*leads[i](0, product), *reads)
        if stage.recurrence:
            a, b, *others = results
            results = (time.recur(stage.recurrence, a, b, first[stage.writes[0]]), *others)
        written.update(zip(((name, i) for name in stage.writes), results))
    last = {name: i for i, stage in enumerate(stages) for name in stage.writes}
    final = tuple(time.final(written[name, last[name]]) for name in names)
    return written[cell.output, last[cell.output]], final


class _Sources(NamedTuple):
    reads: list[_Source]
    product: _Source | None


def _sources(stages: tuple[Stage, ...], names: Sequence[str]) -> list[_Sources]:
    """Where each stage finds what it reads and what it multiplies."""
    last = {name: i for i, stage in enumerate(stages) for name in stage.writes}
    newest: dict[str, int] = {}

    def find(name: str) -> _Source:
        old = name in names and name not in newest
        return _Source(name, last.get(name) if old else newest.get(name), old)

    found = []
    for i, stage in enumerate(stages):
        found.append(_Sources([*map(find, stage.reads)], find(stage.product.value) if stage.product else None))
        newest.update(dict.fromkeys(stage.writes, i))
    return found


@cache
def _order(cell: Cell) -> tuple[int, ...] | None:
    """The stages in an order in which each finds its values for all steps; None if there is none."""
    stages = cell.stages()
    writers = [name for stage in stages for name in stage.writes]
    if any(stage.recurrence and writers.count(stage.writes[0]) > 1 for stage in stages):
        return None
    needs = {
        i: {source.writer for source in (*reads, product) if source and source.writer is not None}
        for i, (reads, product) in enumerate(_sources(stages, tuple(cell.state)))
    }
    try:
        return tuple(TopologicalSorter(needs).static_order())
    except CycleError:
        return None


class _Time:
    """What stands where in the packed layout, seen along time.

    Args:
        batch_sizes: rows of each step, never increasing.
        reverse: whether time runs from the last step to the first.
        device: of the data.
    """

    def __init__(self, batch_sizes: Sequence[int], reverse: bool, device: torch.device) -> None:
        self.T, self.B, self.reverse = len(batch_sizes), batch_sizes[0], reverse
        self.ragged = batch_sizes[-1] != self.B
        if not self.ragged:
            return
        size_T = torch.tensor(batch_sizes)
        start_T = size_T.cumsum(0) - size_T
        t_N = torch.arange(self.T).repeat_interleave(size_T)
        b_N = torch.arange(int(size_T.sum())) - start_T[t_N]
        length_B = (size_T[:, None] > torch.arange(self.B)).sum(0)
        begins_N = t_N + 1 == length_B[b_N] if reverse else t_N == 0
        step_N = torch.where(begins_N, t_N, t_N + 1 if reverse else t_N - 1)
        # Of the initial state, B rows, with the N rows of the new one behind it.
        self._before_N = torch.where(begins_N, b_N, self.B + start_T[step_N] + b_N).to(device)
        self._final_B = (start_T[0 if reverse else length_B - 1] + torch.arange(self.B)).to(device)
        self._padded_N = (t_N * self.B + b_N).to(device)

    def before(self, first_BS: Tensor, new_NS: Tensor) -> Tensor:
        """The state before each step, from the first one and that after each step: ``(N, S)``."""
        if self.ragged:
            return torch.cat((first_BS, new_NS)).index_select(0, self._before_N)
        return torch.cat((new_NS[self.B :], first_BS) if self.reverse else (first_BS, new_NS[: -self.B]))

    def final(self, new_NS: Tensor) -> Tensor:
        """The state of each sequence after its last step: ``(B, S)``."""
        if self.ragged:
            return new_NS.index_select(0, self._final_B)
        return new_NS[: self.B] if self.reverse else new_NS[-self.B :]

    def recur(self, kind: Recurrence, a: Tensor, b: Tensor, first_BS: Tensor) -> Tensor:
        """The states ``(N, S)`` of a recurrence; a and b ``(N, S)``, or what expands to it."""
        # Autocast makes the coefficients narrow; the state stays as wide as it came.
        a, b = a.to(first_BS.dtype), b.to(first_BS.dtype)
        if kind == "complex":
            a, b, first_BS = (torch.complex(*v.chunk(2, -1)) for v in (a, b, first_BS))
        S, (fill_a, fill_b) = first_BS.shape[-1], recurrences.NEUTRAL[kind]
        a_TBS, b_TBS = self._padded(a, S, fill_a), self._padded(b, S, fill_b)
        out_TBS = recurrences.run(kind, a_TBS, b_TBS, first_BS, self.reverse)
        out_NS = out_TBS.flatten(0, 1)
        out_NS = out_NS.index_select(0, self._padded_N) if self.ragged else out_NS
        return torch.cat((out_NS.real, out_NS.imag), -1) if kind == "complex" else out_NS

    def _padded(self, v: Tensor, S: int, fill: float) -> Tensor:
        """``(T, B, S)``, with ``fill`` where a sequence has no step."""
        if not self.ragged:
            rows = v.shape[0] if v.dim() > 1 else 1
            return (v.unflatten(0, (self.T, self.B)) if rows > 1 else v).expand(self.T, self.B, S)
        v_NS = v.expand(len(self._padded_N), S)
        return v.new_full((self.T * self.B, S), fill).index_copy(0, self._padded_N, v_NS).unflatten(0, (self.T, -1))
