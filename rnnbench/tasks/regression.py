"""Numbers per sequence or per step, with squared error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from rnnbench.data.spec import DataSpec
from rnnbench.tasks.task import Task


class Regression(Task):
    """Mean squared error, in the units of the targets as the dataset scales them.

    Args:
        name: the name of the task.
        pooling: what one target per sequence is read from, see ``Task``.
        encoder: see ``Task``.
    """

    primary = "mse"
    modes: ClassVar[dict[str, str]] = {"mse": "min", "mae": "min"}

    def __init__(
        self,
        name: str = "regression",
        pooling: Literal["last", "mean", "max", "attention"] = "last",
        encoder: Callable[..., Any] | None = None,
    ):
        super().__init__(name, pooling, encoder)

    def losses(self, outputs_NO: Tensor, targets_N: Tensor) -> Tensor:
        """Squared error, averaged over the O numbers of a position."""
        return (outputs_NO - targets_N).square().mean(-1)

    def metrics(self, spec: DataSpec) -> MetricCollection:
        """mse and mae."""
        return MetricCollection({"mse": MeanSquaredError(), "mae": MeanAbsoluteError()}, compute_groups=False)

    def update(self, metrics: MetricCollection, outputs_NO: Tensor, targets_N: Tensor, losses_N: Tensor) -> None:
        """Add errors; contiguous copies because torchmetrics views them flat."""
        metrics.update(preds=outputs_NO.contiguous(), target=targets_N.contiguous())

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Largest absolute difference of the O numbers."""
        return (outputs - targets).abs().amax(-1)

    def constant(self, targets_N: Tensor, size: int) -> Tensor:
        """The mean."""
        return targets_N.double().mean(0)
