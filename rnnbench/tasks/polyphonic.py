"""Next frame of a piano roll: independent notes (Boulanger-Lewandowski et al. 2012, Chung et al. 2014)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import BinaryF1Score

from rnnbench.data.spec import Batch, DataSpec
from rnnbench.tasks.task import Task


class NoteF1(BinaryF1Score):
    """``BinaryF1Score`` of bool tensors: three passes over them where torchmetrics' own update takes twenty.

    It would cost as much as the training of a small network.
    """

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Count notes that are predicted, played, and both."""
        both, predicted, played = (torch.count_nonzero(part) for part in (preds & target, preds, target))
        neither = preds.numel() - predicted - played + both
        self._update_state(both, predicted - both, neither, played - both)


class Polyphonic(Task):
    """Bernoulli negative log-likelihood in nats, summed over notes and averaged over all frames of the split.

    Args:
        name: the name of the task.
        input_noise: standard deviation of Gaussian noise on the inputs of training.
        encoder: see ``Task``.
    """

    primary = "nll"
    modes: ClassVar[dict[str, str]] = {"nll": "min", "f1": "max"}

    def __init__(
        self,
        name: str = "polyphonic",
        input_noise: float = 0.0,
        encoder: Callable[..., Any] | None = None,
    ):
        super().__init__(name, encoder=encoder)
        if input_noise < 0:
            raise ValueError(f"input_noise={input_noise}: must not be negative")
        self.input_noise = input_noise

    @property
    def augments(self) -> bool:
        """Whether inputs are noisy."""
        return self.input_noise > 0

    def augmented(self, batch: Batch, spec: DataSpec) -> Batch:
        """The batch with its noise."""
        if not self.augments:
            return batch
        inputs_BTI = batch.inputs_BTI
        return replace(batch, inputs_BTI=inputs_BTI + self.input_noise * torch.randn_like(inputs_BTI))

    def losses(self, outputs_NO: Tensor, targets_N: Tensor) -> Tensor:
        """Sum over notes of the binary cross-entropy of a frame."""
        return F.binary_cross_entropy_with_logits(outputs_NO, targets_N, reduction="none").sum(-1)

    def metrics(self, spec: DataSpec) -> MetricCollection:
        """nll per frame; F1 over all notes at a threshold of one half."""
        return MetricCollection(
            {"nll": MeanMetric(nan_strategy="disable"), "f1": NoteF1()},
            compute_groups=False,
        )

    def update(self, metrics: MetricCollection, outputs_NO: Tensor, targets_N: Tensor, losses_N: Tensor) -> None:
        """Add frames."""
        metrics.update(preds=outputs_NO > 0, target=targets_N > 0, value=losses_N)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Largest absolute difference between the probability of a note and what was played."""
        return (outputs.sigmoid() - targets).abs().amax(-1)

    def constant(self, targets_N: Tensor, size: int) -> Tensor:
        """Logits of each note's own frequency (with half a count added on either side)."""
        n = len(targets_N)
        p = (targets_N.double().sum(0) + 0.5) / (n + 1)
        return torch.logit(p)
