"""The next token of a running text: words or characters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MeanMetric, MetricCollection

from rnnbench.data.spec import Batch, DataSpec, Outputs
from rnnbench.tasks.task import Task


class LanguageModelling(Task):
    """Cross-entropy in nats, averaged over all tokens of a part.

    Args:
        name: the name of the task.
        encoder: see ``Task``.
        composition: see ``Task``.
    """

    primary: str = "nll"
    modes: ClassVar[dict[str, str]] = {"nll": "min", "perplexity": "min", "bpc": "min"}

    def __init__(
        self,
        name: str = "language_modelling",
        encoder: Callable[..., Any] | None = None,
        composition: Callable[..., Any] | None = None,
    ):
        super().__init__(name, encoder=encoder, composition=composition)

    def losses(self, outputs_NO: Tensor, targets_N: Tensor) -> Tensor:
        """Negative log-likelihood of each token."""
        return F.cross_entropy(outputs_NO, targets_N, reduction="none")

    def metrics(self, spec: DataSpec) -> MetricCollection:
        """nll a token; perplexity, its exponential; bpc, the same in bits: a character where tokens are that."""
        return MetricCollection(
            {
                "nll": MeanMetric(nan_strategy="disable"),
                "perplexity": Perplexity(nan_strategy="disable"),
                "bpc": Bits(nan_strategy="disable"),
            },
            compute_groups=False,  # shared states do not survive a checkpoint
        )

    def predictions(self, outputs: Outputs, batch: Batch, per_step: bool) -> list[Any]:
        """The nll ``(T_n,)`` of each token of a sequence, as the batch's targets name them."""
        rows = super().predictions(outputs, batch, per_step)
        return [self.losses(row, targets_T[: len(row)]) for row, targets_T in zip(rows, batch.targets)]

    def constant(self, targets_N: Tensor, size: int) -> Tensor:
        """Logits of the unigram model: the frequencies of tokens (with one count added to each)."""
        return (torch.bincount(targets_N, minlength=size).double() + 1).log()


class Perplexity(MeanMetric):
    """exp of the mean. Unlike torchmetrics' own it takes losses, so that no logits are looked at twice."""

    def compute(self) -> Tensor:
        """A number of at least 1."""
        return super().compute().exp()


class Bits(MeanMetric):
    """The mean in bits, of values in nats."""

    def compute(self) -> Tensor:
        """Bits a token."""
        return super().compute() / math.log(2)
