"""Metrics of several runs, fed in few large portions: torchmetrics takes as long for a small one.

Shape suffixes: M runs, N positions of one run.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import MetricCollection

from rnnbench.tasks.task import Task
from rnnbench.training.stacked_model import Scores

HELD = 4_000_000  # numbers that may wait, over all runs


class StackedMetrics:
    """Collects what batches gave, and updates each run's own metrics with it."""

    def __init__(self, task: Task, metrics: Sequence[MetricCollection]):
        self.task, self.metrics = task, metrics
        self._waiting: list[Scores] = []
        self._numbers = 0

    def add(self, scores: Scores) -> None:
        """Keep the scores of one batch."""
        held = (scores.outputs_MNO.detach(), scores.targets_MN, scores.losses_MN.detach(), scores.scored_MN)
        self._waiting.append(Scores(*held))
        self._numbers += held[0].numel()
        if self._numbers > HELD:
            self.flush()

    def flush(self) -> None:
        """Update the metrics with all that waits."""
        waiting, self._waiting, self._numbers = self._waiting, [], 0
        if not waiting:
            return
        outputs, targets, losses = (
            torch.cat([getattr(s, name) for s in waiting], 1) for name in ("outputs_MNO", "targets_MN", "losses_MN")
        )
        scored = _scored(waiting)
        for m, metrics in enumerate(self.metrics):
            own = slice(None) if scored is None else scored[m]
            self.task.update(metrics, outputs[m][own], targets[m][own], losses[m][own])


def _scored(waiting: Sequence[Scores]) -> Tensor | None:
    if all(scores.scored_MN is None for scores in waiting):
        return None
    return torch.cat(
        [torch.ones_like(s.losses_MN, dtype=torch.bool) if s.scored_MN is None else s.scored_MN for s in waiting], 1
    )
