"""What stands around a model for one kind of problem: head, loss, metrics, and which metric selects.

Shape suffixes: B batch, T time, O outputs, N scored positions (sequences, or steps within length).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from rnnbench.data.spec import Batch, DataSpec

if TYPE_CHECKING:
    from torchmetrics import MetricCollection

POOLINGS = ("last", "mean", "max")


class Task:
    """Base of all tasks. A task is equal for every model that is compared.

    Attributes:
        version: raised when a fix changes the numbers of this task.
        primary: the metric that selects on validation.
        modes: for each metric whether less (``min``) or more (``max``) is better.
    """

    version: ClassVar[int] = 1
    primary: ClassVar[str]
    modes: ClassVar[dict[str, str]]

    def __init__(self, name: str, pooling: str = "last"):
        if pooling not in POOLINGS:
            raise ValueError(f"pooling={pooling!r}: choose one of {', '.join(POOLINGS)}")
        self.name = name
        self.pooling = pooling

    def output_size(self, spec: DataSpec) -> int:
        """Outputs of the head at each scored position (O)."""
        return spec.target_size

    def losses(self, outputs_NO: Tensor, targets_N: Tensor) -> Tensor:
        """The loss of each scored position, shape ``(N,)``."""
        raise NotImplementedError(f"{type(self).__name__} defines no loss")

    def metrics(self, spec: DataSpec) -> MetricCollection:
        """The torchmetrics collection that ``update`` feeds."""
        raise NotImplementedError(f"{type(self).__name__} defines no metrics")

    def update(self, metrics: MetricCollection, outputs_NO: Tensor, targets_N: Tensor, losses_N: Tensor) -> None:
        """Add scored positions to ``metrics``; each member takes the arguments it knows."""
        metrics.update(preds=outputs_NO, target=targets_N, value=losses_N)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """How far each position's outputs ``(..., O)`` are from their targets at most, shape ``(...)``."""
        raise NotImplementedError(f"{type(self).__name__} defines no errors")

    def constant(self, targets_N: Tensor) -> Tensor:
        """The outputs ``(O,)`` that fit all of ``targets_N`` best when they may not depend on the input."""
        raise NotImplementedError(f"{type(self).__name__} defines no constant prediction")


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


def constant_outputs(task: Task, batches: list[Batch], per_step: bool) -> Tensor:
    """The best constant outputs ``(O,)`` for the targets of ``batches``."""
    targets = [scored(b.targets, b, per_step)[1] for b in batches]
    return task.constant(torch.cat(targets))
