"""What stands around a model for one kind of problem: head, loss, metrics, and which metric selects.

Shape suffixes: B batch, T time, O outputs, N scored positions (sequences, or steps within length).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from rnnbench.data.spec import Batch, DataSpec, Outputs

if TYPE_CHECKING:
    from torchmetrics import MetricCollection

POOLINGS = ("last", "mean", "max", "attention")


class Task:
    """Base of all tasks. A task is equal for every model that is compared.

    Attributes:
        version: raised when a fix changes the numbers of this task.
        primary: the metric that selects on validation, see ``select_by``.
        modes: for each metric whether less (``min``) or more (``max``) is better.
        without_spread: the metrics that ``of_points`` can be judged by; None: all.

    Args:
        name: the name of the task.
        pooling: what one target per sequence is read from: the ``last`` step, or ``mean``, ``max`` or ``attention``
            over all steps.
        encoder: called with ``spec``; turns the inputs of a batch into what a backbone reads. None: they are that.
        composition: builds the model around the backbone, called as ``rnnbench.models.SequenceModel``; None: that one.
    """

    version: ClassVar[int] = 1
    primary: str
    modes: dict[str, str]
    without_spread: tuple[str, ...] | None = None

    def __init__(
        self,
        name: str,
        pooling: str = "last",
        encoder: Callable[..., Any] | None = None,
        composition: Callable[..., Any] | None = None,
    ):
        if pooling not in POOLINGS:
            raise ValueError(f"pooling={pooling!r}: choose one of {', '.join(POOLINGS)}")
        self.name = name
        self.pooling: str | None = pooling
        self.encoder, self.composition = encoder, composition

    def select_by(self, metric: str | None) -> None:
        """Let another metric of validation select; None: leave it. Raises ``ValueError`` where it is not measured."""
        if metric is None:
            return
        if metric not in self.modes:
            raise ValueError(f"{metric}: {self.name} has {', '.join(self.modes)}")
        self.primary = metric

    def output_size(self, spec: DataSpec) -> int:
        """Outputs of the head at each scored position (O)."""
        return spec.target_size

    def score(self, outputs: Outputs, batch: Batch, per_step: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs ``(N, O)``, targets ``(N, …)`` and losses ``(N,)`` of all that counts, as ``update`` takes them."""
        outputs_NO, targets_N = scored(outputs.values, batch, per_step)
        return outputs_NO, targets_N, self.losses(outputs_NO, targets_N)

    def model_options(self) -> dict[str, Any]:
        """How outputs are composed from the backbone, beyond pooling and head: see ``rnnbench.models``."""
        return {}

    def bind(self, artifacts: Mapping[str, Any]) -> None:
        """Take what the data decided: the dataset's ``artifacts``, when they are loaded."""

    @property
    def augments(self) -> bool:
        """Whether ``augmented`` changes anything."""
        return False

    def augmented(self, batch: Batch, spec: DataSpec) -> Batch:
        """A training batch with random changes, drawn from torch's generator; by default as it is."""
        return batch

    def losses(self, outputs_NO: Tensor, targets_N: Tensor) -> Tensor:
        """The loss of each scored position, shape ``(N,)``."""
        raise NotImplementedError(f"{type(self).__name__} defines no loss")

    def metrics(self, spec: DataSpec) -> MetricCollection:
        """The torchmetrics collection that ``update`` feeds."""
        raise NotImplementedError(f"{type(self).__name__} defines no metrics")

    def train_metrics(self, spec: DataSpec) -> MetricCollection:
        """What is measured during training; fewer than ``metrics`` where these take long."""
        return self.metrics(spec)

    def valid_metrics(self, spec: DataSpec) -> MetricCollection:
        """What is measured on validation after an epoch; fewer than ``metrics`` where these take long."""
        return self.metrics(spec)

    def listen(self, metrics: MetricCollection, outputs: Outputs, batch: Batch) -> None:
        """Add to ``metrics`` what takes more than ``score``: what the model says without help. By default nothing."""

    def update(self, metrics: MetricCollection, outputs_NO: Tensor, targets_N: Tensor, losses_N: Tensor) -> None:
        """Add scored positions to ``metrics``; each member takes the arguments it knows."""
        metrics.update(preds=outputs_NO, target=targets_N, value=losses_N)

    def predictions(self, outputs: Outputs, batch: Batch, per_step: bool) -> list[Any]:
        """What the outputs say of each sequence, as the dataset's ``answer`` takes it: here its outputs.

        ``(O,)`` a sequence, ``(T_n, O)`` for outputs at every step.
        """
        if not per_step:
            return list(outputs.values)
        B, T = outputs.values.shape[:2]
        lengths = [T] * B if outputs.lengths_B is None else outputs.lengths_B.tolist()
        return [row[:length] for row, length in zip(outputs.values, lengths)]

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """How far each position's outputs ``(..., O)`` are from their targets at most, shape ``(...)``."""
        raise NotImplementedError(f"{type(self).__name__} defines no errors")

    def constant(self, targets_N: Tensor, size: int) -> Tensor | None:
        """The ``size`` outputs that fit ``targets_N`` best when they may not depend on the input; None: it has none."""
        raise NotImplementedError(f"{type(self).__name__} defines no constant prediction")

    def of_points(self, points_NO: Tensor) -> Tensor:
        """Outputs ``(N, O)`` that say what a method without training predicts."""
        return points_NO


def scored(outputs: Tensor, batch: Batch, per_step: bool) -> tuple[Tensor, Tensor]:
    """Outputs ``(N, O)`` and targets ``(N, …)`` of the positions that count; padding never does."""
    if not per_step:
        if batch.mask is None:
            return outputs, batch.targets
        return outputs[batch.mask], batch.targets[batch.mask]
    if batch.lengths_B is None and batch.mask is None:
        return outputs.flatten(0, 1), batch.targets.flatten(0, 1)
    valid_BT = batch.valid_BT()
    return outputs[valid_BT], batch.targets[valid_BT]


def counted(batch: Batch, per_step: bool) -> Tensor | None:
    """Bool, ``(B,)`` or ``(B, T)``: which targets count; None: all."""
    if per_step and batch.lengths_B is not None:
        return batch.valid_BT()
    return batch.mask


def sequence_errors(task: Task, outputs: Tensor, targets: Tensor, valid: Tensor | None, per_step: bool) -> Tensor:
    """The largest error of each sequence, ``(...)``, from outputs ``(..., O)``, or ``(..., T, O)`` with ``per_step``.

    ``valid``, bool, is where a target counts; None: everywhere. A sequence without any has the error 0.
    """
    errors = task.errors(outputs.detach(), targets)
    if valid is not None:
        errors = torch.where(valid, errors, 0)
    return errors.amax(-1) if per_step else errors


def constant_outputs(task: Task, batches: list[Batch], spec: DataSpec) -> Tensor | None:
    """The best constant outputs ``(O,)`` for the targets of ``batches``; None where the task has none."""
    targets = [scored(b.targets, b, spec.per_step)[1] for b in batches]
    return task.constant(torch.cat(targets), task.output_size(spec))
