"""A tag for every word, each by itself or as a chain; named entities.

Shape suffixes: B sentences, T words, O tags, N words of all sentences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MeanMetric, Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from rnnbench.data.entities import spans
from rnnbench.data.spec import NO_TARGET, Batch, DataSpec, Outputs
from rnnbench.tasks import chain
from rnnbench.tasks.task import Task


class Tagging(Task):
    """Negative log-likelihood of the tags, in nats a word, and the share of words with the right one.

    Outputs ``(B, T, O)`` are scores of tags, each word by itself; ``(B, T, O, O)`` are scores of pairs of neighbours,
    as a ``LinearChain`` gives them.

    Args:
        name: the name of the task.
        encoder: see ``Task``.
        composition: see ``Task``.
    """

    primary: str = "accuracy"
    modes: ClassVar[dict[str, str]] = {"nll": "min", "accuracy": "max"}

    def __init__(
        self,
        name: str = "tagging",
        encoder: Callable[..., Any] | None = None,
        composition: Callable[..., Any] | None = None,
    ):
        super().__init__(name, encoder=encoder, composition=composition)

    def score(self, outputs: Outputs, batch: Batch, per_step: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs as they are, targets ``(B, T)`` with -1 where none counts, and losses ``(N,)``.

        The loss of a sentence under a chain is shared out among its words, so that either kind is a mean over words.
        """
        values, valid_BT = outputs.values, batch.valid_BT()
        targets_BT = batch.targets.masked_fill(~valid_BT, NO_TARGET)
        if values.dim() == 3:
            return values, targets_BT, F.cross_entropy(values[valid_BT], targets_BT[valid_BT], reduction="none")
        lengths_B = valid_BT.sum(1)
        losses_B = chain.log_partition(values, lengths_B) - chain.score(values, targets_BT, lengths_B)
        return values, targets_BT, (losses_B / lengths_B).repeat_interleave(lengths_B)

    def metrics(self, spec: DataSpec) -> MetricCollection:
        """nll and accuracy over words."""
        return MetricCollection(self._words(spec), compute_groups=False)

    def train_metrics(self, spec: DataSpec) -> MetricCollection:
        """Those of words alone; of a chain, whose best tags take as long to find as the loss, nll alone."""
        words = self._words(spec)
        if self.composition is not None:
            del words["accuracy"]
        return MetricCollection(words, compute_groups=False)

    def _words(self, spec: DataSpec) -> dict[str, Metric | MetricCollection]:
        accuracy = MulticlassAccuracy(spec.target_size, average="micro", validate_args=False)
        return {"nll": MeanMetric(nan_strategy="disable"), "accuracy": accuracy}

    def update(self, metrics: MetricCollection, outputs_NO: Tensor, targets_N: Tensor, losses_N: Tensor) -> None:
        """Add sentences, by what ``score`` gives."""
        if set(metrics) == {"nll"}:
            metrics.update(value=losses_N)
            return
        valid_BT = targets_N != NO_TARGET
        tags_BT = decode(outputs_NO, valid_BT.sum(1))
        metrics.update(
            preds=tags_BT[valid_BT],
            target=targets_N[valid_BT],
            value=losses_N,
            tags_BT=tags_BT.masked_fill(~valid_BT, NO_TARGET),
            truth_BT=targets_N,
        )

    def predictions(self, outputs: Outputs, batch: Batch, per_step: bool) -> list[Any]:
        """Tags, int64 ``(T_n,)`` a sentence."""
        lengths_B = batch.valid_BT().sum(1)
        tags_BT = decode(outputs.values, lengths_B)
        return [row[:length] for row, length in zip(tags_BT, lengths_B.tolist())]

    def constant(self, targets_N: Tensor, size: int) -> Tensor:
        """Logits of the frequencies of the tags (with one count added to each, so that none is impossible)."""
        return (torch.bincount(targets_N.flatten(), minlength=size).double() + 1).log()


class Entities(Tagging):
    """Tagging whose tags mark entities; F1 of whole entities selects.

    An entity is right where its first word, its last and its kind are. See ``rnnbench.data.entities``.

    Args:
        name: the name of the task.
        encoder: see ``Task``.
        composition: see ``Task``.
    """

    primary: str = "f1"
    modes: ClassVar[dict[str, str]] = {**Tagging.modes, "precision": "max", "recall": "max", "f1": "max"}

    def __init__(
        self,
        name: str = "entities",
        encoder: Callable[..., Any] | None = None,
        composition: Callable[..., Any] | None = None,
    ):
        super().__init__(name, encoder, composition)

    def metrics(self, spec: DataSpec) -> MetricCollection:
        """nll and accuracy over words; precision, recall and F1 over entities."""
        found = {**self._words(spec), "entities": EntityScores(tuple(spec.labels or ()))}
        return MetricCollection(found, compute_groups=False)


class EntityScores(Metric):
    """Precision, recall and F1 over the entities of all sentences; 0 where there are none to count.

    Args:
        labels: the tags, by number.
    """

    full_state_update: ClassVar[bool] = False

    def __init__(self, labels: tuple[str, ...]):
        super().__init__()
        self.labels = labels
        for name in ("right", "predicted", "true"):
            self.add_state(name, torch.tensor(0), dist_reduce_fx="sum")
        self.right: Tensor
        self.predicted: Tensor
        self.true: Tensor

    def update(self, tags_BT: Tensor, truth_BT: Tensor) -> None:
        """Count the entities of sentences; -1 beyond their ends."""
        for tags, truth in zip(tags_BT.tolist(), truth_BT.tolist()):
            found, there = (set(spans([self.labels[i] for i in row if i >= 0])) for row in (tags, truth))
            self.right += len(found & there)
            self.predicted += len(found)
            self.true += len(there)

    def compute(self) -> dict[str, Tensor]:
        """By name."""
        right = self.right.double()
        precision, recall = right / self.predicted.clamp(min=1), right / self.true.clamp(min=1)
        f1 = 2 * right / (self.predicted + self.true).clamp(min=1)
        return {"precision": precision, "recall": recall, "f1": f1}


def decode(values: Tensor, lengths_B: Tensor) -> Tensor:
    """The tags that scores of tags or of pairs say, int64 ``(B, T)``."""
    return values.argmax(-1) if values.dim() == 3 else chain.best_tags(values, lengths_B)
