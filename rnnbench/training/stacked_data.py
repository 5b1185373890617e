"""One split of several runs, served as batches in which every run has its own sequences.

Shape suffixes: M runs, B batch, T time, I features, R rows of all runs' batches one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from rnnbench.data.dataset import Sequences
from rnnbench.data.spec import Batch


@dataclass(frozen=True)
class StackedBatch:
    """A mini-batch of every run.

    Attributes:
        inputs_MBTI: inputs, zero beyond each sequence's length; rows sorted by decreasing length where these differ.
        targets: as in ``Batch``, with a leading dimension M.
        lengths_MB: own steps of each sequence, int64; None when every sequence fills T.
        union_B: the largest of the runs' b-th lengths: the steps that all runs compute in row b.
        scored: bool, ``(M, B)``, or ``(M, B, T)`` for per-step targets: what counts. None: everything.
        sequences: real sequences in each run's batch.
    """

    inputs_MBTI: Tensor
    targets: Tensor
    lengths_MB: Tensor | None
    union_B: Tensor | None
    scored: Tensor | None
    sequences: list[int]


class StackedSequences:
    """A split of M runs. Data that the runs share are held once."""

    def __init__(self, splits: Sequence[Sequences], per_step: bool, dtype: torch.dtype):
        self.per_step, self.dtype = per_step, dtype
        shared = all(split is splits[0] for split in splits)
        self.sequences = splits[0] if shared else _joined(splits)
        self.starts = [0 if shared else m * len(splits[0]) for m in range(len(splits))]

    def batch(self, runs: Sequence[int], indices: Sequence[Tensor]) -> StackedBatch:
        """The sequences ``indices[i]`` of the run ``runs[i]``, each index counted within its own split."""
        sizes = [len(rows) for rows in indices]
        B = max(sizes)
        rows = [self._sorted(rows + self.starts[m]) for m, rows in zip(runs, indices)]
        # a run whose batch is smaller repeats its last, shortest sequence, which then does not count
        rows_R = torch.cat([r if len(r) == B else torch.cat([r, r[-1:].expand(B - len(r))]) for r in rows])
        batch = self.sequences.batch(rows_R)
        M = len(rows)
        lengths_MB = None if batch.lengths_B is None else batch.lengths_B.view(M, B)
        targets = batch.targets.to(self.dtype) if batch.targets.is_floating_point() else batch.targets
        return StackedBatch(
            inputs_MBTI=batch.inputs_BTI.to(self.dtype).unflatten(0, (M, B)),
            targets=targets.unflatten(0, (M, B)),
            lengths_MB=lengths_MB,
            union_B=None if lengths_MB is None else lengths_MB.amax(0),
            scored=self._scored(batch, torch.tensor(sizes), B),
            sequences=sizes,
        )

    def _sorted(self, rows: Tensor) -> Tensor:
        lengths = self.sequences.lengths
        return rows if lengths is None else rows[lengths[rows].argsort(descending=True, stable=True)]

    def _scored(self, batch: Batch, sizes_M: Tensor, B: int) -> Tensor | None:
        M = len(sizes_M)
        fillers = bool((sizes_M < B).any())
        own = batch.mask is not None or (self.per_step and batch.lengths_B is not None)
        if not fillers and not own:
            return None
        real_MB = torch.arange(B) < sizes_M[:, None]
        if self.per_step:
            return real_MB[..., None] & batch.valid_BT().unflatten(0, (M, B))
        return real_MB if batch.mask is None else real_MB & batch.mask.view(M, B)


def _joined(splits: Sequence[Sequences]) -> Sequences:
    def join(parts: list) -> Tensor | list[Tensor]:
        return torch.cat(parts) if isinstance(parts[0], Tensor) else list(chain.from_iterable(parts))

    masks = [split.mask for split in splits]
    return Sequences(
        join([split.inputs for split in splits]),
        join([split.targets for split in splits]),
        None if masks[0] is None else join(masks),
    )
