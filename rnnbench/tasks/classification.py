"""Classes per sequence or per step: softmax, or one sigmoid with binary cross-entropy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from rnnbench.data.spec import Batch, DataSpec, Outputs
from rnnbench.tasks.task import Task


class Classification(Task):
    """Cross-entropy in nats; accuracy over all positions; precision, recall and F1 averaged over classes.

    Args:
        name: the name of the task.
        loss: ``softmax`` over C outputs, or ``sigmoid``: one output and binary cross-entropy, for two classes.
        pooling: what one target per sequence is read from, see ``Task``.
        encoder: see ``Task``.
    """

    primary = "nll"
    modes: ClassVar[dict[str, str]] = {
        "nll": "min",
        "accuracy": "max",
        "precision": "max",
        "recall": "max",
        "f1": "max",
    }

    def __init__(
        self,
        name: str = "classification",
        loss: Literal["softmax", "sigmoid"] = "softmax",
        pooling: Literal["last", "mean", "max", "attention"] = "last",
        encoder: Callable[..., Any] | None = None,
    ):
        super().__init__(name, pooling, encoder)
        if loss not in ("softmax", "sigmoid"):
            raise ValueError(f"loss={loss!r}: choose softmax or sigmoid")
        self.loss = loss

    def output_size(self, spec: DataSpec) -> int:
        """C outputs, or one for ``sigmoid``."""
        if self.loss == "softmax":
            return spec.target_size
        if spec.target_size != 2:
            raise ValueError(f"loss=sigmoid is for two classes; this dataset has {spec.target_size}: use softmax")
        return 1

    def losses(self, outputs_NO: Tensor, targets_N: Tensor) -> Tensor:
        """Negative log-likelihood in nats."""
        if self.loss == "softmax":
            return F.cross_entropy(outputs_NO, targets_N, reduction="none")
        return F.binary_cross_entropy_with_logits(outputs_NO[:, 0], targets_N.to(outputs_NO), reduction="none")

    def metrics(self, spec: DataSpec) -> MetricCollection:
        """nll, accuracy (micro), precision, recall, F1 (macro)."""
        C = spec.target_size
        macro = {"num_classes": C, "average": "macro", "validate_args": False}
        return MetricCollection(
            {
                "nll": MeanMetric(nan_strategy="disable"),
                "accuracy": MulticlassAccuracy(C, average="micro", validate_args=False),
                "precision": MulticlassPrecision(**macro),
                "recall": MulticlassRecall(**macro),
                "f1": MulticlassF1Score(**macro),
            },
            compute_groups=False,  # shared states do not survive a checkpoint
        )

    def update(self, metrics: MetricCollection, outputs_NO: Tensor, targets_N: Tensor, losses_N: Tensor) -> None:
        """Count predicted classes and losses."""
        classes = outputs_NO.argmax(-1) if self.loss == "softmax" else (outputs_NO[:, 0] > 0).long()
        metrics.update(preds=classes, target=targets_N, value=losses_N)

    def predictions(self, outputs: Outputs, batch: Batch, per_step: bool) -> list[Any]:
        """Probabilities of the classes: ``(C,)`` a sequence, ``(T_n, C)`` for every step."""
        if self.loss == "softmax":
            return [row.softmax(-1) for row in super().predictions(outputs, batch, per_step)]
        rows = (row.sigmoid() for row in super().predictions(outputs, batch, per_step))
        return [torch.cat([1 - p, p], -1) for p in rows]

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Largest absolute difference between the probability of a class and 1 or 0."""
        if self.loss == "sigmoid":
            return (outputs[..., 0].sigmoid() - targets.to(outputs)).abs()
        return (outputs.softmax(-1) - F.one_hot(targets, outputs.shape[-1])).abs().amax(-1)

    def constant(self, targets_N: Tensor, size: int) -> Tensor:
        """Logits of the class frequencies (with one count added to each, so that none is impossible)."""
        counts = torch.bincount(targets_N.flatten(), minlength=size).double()
        if self.loss == "sigmoid":
            counts = F.pad(counts, (0, 2 - len(counts)))
            return (counts[1:] + 1).log() - (counts[:1] + 1).log()
        return (counts + 1).log()
