"""Metrics of several runs, fed in few large portions: torchmetrics takes as long for a small one.

Shape suffixes: M runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torchmetrics import MetricCollection

from rnnbench.tasks.task import Task
from rnnbench.training.stacked_model import Scores

HELD = 200_000  # numbers of a run that may wait; more would not fit a processor's cache
BATCHES = 64  # that may wait; what they hold lies between the large tensors of their steps, whose space it breaks up


class StackedMetrics:
    """Collects what batches gave, and updates each run's own metrics with it.

    Args:
        tasks: of the runs: a run's own data decide the units in which its task measures.
        metrics: of the runs.
    """

    def __init__(self, tasks: Sequence[Task], metrics: Sequence[MetricCollection]):
        self.tasks, self.metrics = tasks, metrics
        self._waiting: list[Scores] = []
        self._numbers = 0

    def add(self, scores: Scores) -> None:
        """Keep the scores of one batch, which no longer hang on a graph."""
        self._waiting.append(scores)
        self._numbers += scores.outputs[0].numel()
        if self._numbers > HELD or len(self._waiting) >= BATCHES:
            self.flush()

    def flush(self) -> None:
        """Update the metrics with all that waits."""
        waiting, self._waiting, self._numbers = self._waiting, [], 0
        if waiting:
            for m, (task, metrics) in enumerate(zip(self.tasks, self.metrics, strict=True)):
                parts = zip(*(scores.of(m) for scores in waiting))
                task.update(metrics, *(torch.cat(part) for part in parts))
