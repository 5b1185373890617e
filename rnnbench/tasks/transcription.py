"""The labels that a sequence says, in their order: words of an utterance.

Shape suffixes: B sequences, T steps, O labels and the blank, L targets of a sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torchmetrics import MeanMetric, Metric, MetricCollection

from rnnbench.data.spec import NO_TARGET, Batch, DataSpec, Outputs
from rnnbench.errors import UserError
from rnnbench.tasks import ctc
from rnnbench.tasks.task import Task


class Transcription(Task):
    """Connectionist temporal classification (Graves et al. 2006).

    Metrics: wer, the fewest labels to replace, to leave out and to put in, over the labels there are; exact, the share
    of sequences without any; nll, in nats a label, averaged over sequences.

    Args:
        name: the name of the task.
        decoding: ``greedy``: what the likeliest path says; ``beam``: the likeliest labels, by a search.
        beam_width: beginnings that the search keeps.
        encoder: see ``Task``.
    """

    primary: str = "wer"
    modes: ClassVar[dict[str, str]] = {"wer": "min", "exact": "max", "nll": "min"}

    def __init__(
        self,
        name: str = "transcription",
        decoding: Literal["greedy", "beam"] = "greedy",
        beam_width: int = 10,
        encoder: Callable[..., Any] | None = None,
    ):
        super().__init__(name, encoder=encoder)
        if decoding not in ("greedy", "beam"):
            raise ValueError(f"decoding={decoding!r}: choose greedy or beam")
        if beam_width < 1:
            raise ValueError(f"beam_width={beam_width}: must be at least 1")
        self.pooling = None  # outputs at every step
        self.decoding, self.beam_width = decoding, beam_width

    def output_size(self, spec: DataSpec) -> int:
        """The labels, and the blank."""
        return spec.target_size + 1

    def score(self, outputs: Outputs, batch: Batch, per_step: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Logarithms of probabilities ``(B, T, O)``, targets ``(B, L)`` and losses ``(B,)``, in nats a label.

        Raises:
            UserError: a sequence has fewer steps than its targets need, as after an encoder's stride.
        """
        logs_BTO = ctc.log_probabilities(outputs.values, outputs.lengths_B)
        losses_B = ctc.losses(logs_BTO, outputs.lengths_B, batch.targets)
        if bool(torch.isinf(losses_B).any()) and bool(torch.isfinite(outputs.values).all()):
            raise UserError(f"{self.name}: after the encoder a sequence has fewer steps than its targets need; "
                            "lower task.encoder.stride")  # fmt: skip
        return logs_BTO, batch.targets, losses_B / (batch.targets != NO_TARGET).sum(1).clamp(min=1)

    def metrics(self, spec: DataSpec) -> MetricCollection:
        """wer, exact and nll."""
        from torchmetrics.text import WordErrorRate

        found = {"wer": WordErrorRate(), "exact": Exact(), "nll": MeanMetric(nan_strategy="disable")}
        return MetricCollection(found, compute_groups=False)  # type: ignore[arg-type]

    def train_metrics(self, spec: DataSpec) -> MetricCollection:
        """nll alone: what is said is looked at in evaluation."""
        return MetricCollection({"nll": MeanMetric(nan_strategy="disable")}, compute_groups=False)

    def update(self, metrics: MetricCollection, outputs_NO: Tensor, targets_N: Tensor, losses_N: Tensor) -> None:
        """Add sequences, by what ``score`` gives."""
        if set(metrics) == {"nll"}:
            metrics.update(value=losses_N)
            return
        told = [_text(labels) for labels in self.decode(outputs_NO)]
        truth = [_text(row[row != NO_TARGET].tolist()) for row in targets_N]
        metrics.update(preds=told, target=truth, value=losses_N)

    def decode(self, logs_BTO: Tensor) -> list[list[int]]:
        """Labels of each sequence."""
        if self.decoding == "greedy":
            return ctc.greedy(logs_BTO)
        return [ctc.beam_search(row, self.beam_width) for row in logs_BTO]

    def predictions(self, outputs: Outputs, batch: Batch, per_step: bool) -> list[Any]:
        """Labels of each sequence."""
        return self.decode(ctc.log_probabilities(outputs.values, outputs.lengths_B))

    def constant(self, targets_N: Tensor, size: int) -> None:
        """None: what a path says that does not depend on the input depends on its length."""
        return None


class Exact(Metric):
    """The share of sequences that are told as they are."""

    full_state_update: ClassVar[bool] = False
    right: Tensor
    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("right", "total"):
            self.add_state(name, torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: list[str], target: list[str]) -> None:
        """Count texts."""
        self.right += sum(a == b for a, b in zip(preds, target))
        self.total += len(target)

    def compute(self) -> Tensor:
        """0 to 1."""
        return self.right.double() / self.total.clamp(min=1)


def _text(labels: list[int]) -> str:
    return " ".join(map(str, labels))
