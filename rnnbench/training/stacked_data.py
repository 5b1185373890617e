"""One split of several runs, served as batches in which every run has its own sequences.

Shape suffixes: M runs, B batch, T time, I features, R rows of all runs' batches one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnnbench.data.dataset import Sequences
from rnnbench.data.spec import Batch

Packed = tuple[PackedSequence, Tensor, Tensor | None]


@dataclass(frozen=True)
class StackedBatch:
    """A mini-batch of every run.

    Attributes:
        inputs_MBTI: inputs; those of shorter sequences are padded to the longest of all runs.
        targets: as in ``Batch``, with a leading dimension M.
        scored: bool, ``(M, B)``, or ``(M, B, T)`` for per-step targets: what counts. None: everything.
        sizes: sequences of each run's batch; the rows beyond them are copies that do not count.
        lengths_R: steps of each sequence, M x B of them in a row; None when all are equally long.
    """

    inputs_MBTI: Tensor
    targets: Tensor
    scored: Tensor | None
    sizes: list[int]
    lengths_R: Tensor | None = None


class StackedSequences:
    """A split of M runs. Data that the runs share are held once."""

    def __init__(self, splits: Sequence[Sequences], per_step: bool, dtype: torch.dtype):
        self.splits, self.per_step, self.dtype = splits, per_step, dtype
        self.shared = all(split is splits[0] for split in splits)

    @property
    def ragged(self) -> bool:
        """Whether sequences differ in length."""
        return self.splits[0].lengths is not None

    @cached_property
    def _joined(self) -> Sequences:
        """The splits of all runs as one: a batch of all is then one gather."""
        return self.splits[0] if self.shared else _joined(self.splits)

    def batch(self, run: int, rows: Tensor) -> Batch:
        """The sequences at ``rows`` of a run's own split."""
        return self._typed(self.splits[run].batch(rows))

    def packed(self, runs: Sequence[int], indices: Sequence[Tensor]) -> list[Packed]:
        """A batch of every run without padding, see ``Sequences.packed``."""
        found = self._joined.packed(self._in_joined(runs, indices))
        if self.dtype is torch.float32:
            return found
        return [(x.to(self.dtype), y.to(self.dtype) if y.is_floating_point() else y, mask) for x, y, mask in found]

    def stacked(self, runs: Sequence[int], indices: Sequence[Tensor]) -> StackedBatch:
        """Sequences ``indices[i]`` of the run ``runs[i]`` as one batch."""
        sizes = [len(rows) for rows in indices]
        M, B = len(sizes), max(sizes)
        full = [rows if len(rows) == B else torch.cat([rows, rows[-1:].expand(B - len(rows))]) for rows in indices]
        batch = self._typed(self._joined.batch(torch.cat(self._in_joined(runs, full))))
        scored, targets = self._scored(batch, torch.tensor(sizes), B), batch.targets.unflatten(0, (M, B))
        if scored is not None:  # losses are taken of all, and what does not count may be no number and no class
            targets = torch.where(scored[(...,) + (None,) * (targets.dim() - scored.dim())], targets, 0)
        return StackedBatch(batch.inputs_BTI.unflatten(0, (M, B)), targets, scored, sizes, batch.lengths_B)

    def _in_joined(self, runs: Sequence[int], indices: Sequence[Tensor]) -> list[Tensor]:
        if self.shared:
            return list(indices)
        return [rows + run * len(self.splits[0]) for run, rows in zip(runs, indices)]

    def _typed(self, batch: Batch) -> Batch:
        if self.dtype is torch.float32:
            return batch
        targets = batch.targets.to(self.dtype) if batch.targets.is_floating_point() else batch.targets
        return replace(batch, inputs_BTI=batch.inputs_BTI.to(self.dtype), targets=targets)

    def _scored(self, batch: Batch, sizes_M: Tensor, B: int) -> Tensor | None:
        M = len(sizes_M)
        whole = batch.mask is None and not (self.per_step and batch.lengths_B is not None)
        if whole and not bool((sizes_M < B).any()):
            return None
        real_MB = torch.arange(B) < sizes_M[:, None]
        if self.per_step:
            return real_MB[..., None] & batch.valid_BT().unflatten(0, (M, B))
        return real_MB if batch.mask is None else real_MB & batch.mask.view(M, B)


def _joined(splits: Sequence[Sequences]) -> Sequences:
    def join(parts: list[Any]) -> Any:
        return torch.cat(parts) if isinstance(parts[0], Tensor) else list(chain.from_iterable(parts))

    masks = [split.mask for split in splits]
    return Sequences(
        join([split.inputs for split in splits]),
        join([split.targets for split in splits]),
        None if masks[0] is None else join(masks),
    )
