"""The output layer of Hochreiter and Schmidhuber 1997: logistic units and their squared error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from rnnbench.data.dataset import one_of
from rnnbench.data.spec import Batch, DataSpec, Outputs
from rnnbench.tasks.task import Task

Target = Literal["follows", "possible"]


class LogisticUnits(Task):
    """A logistic unit for each class, whose target is 1 or 0, or for each number in 0 to 1.

    The loss is half the squared error, summed over the units of a position, as in the paper's appendix: its learning
    rates are ours. The metrics mse and mae are means over units.

    Args:
        name: the kind of problem that the dataset poses: ``classification`` or ``regression``.
        pooling: what one target per sequence is read from, see ``Task``.
        encoder: see ``Task``.
        head_range: weights and biases of the units start uniform in plus or minus this (the paper: 0.1 or 0.2, as all
            others); None: as ``nn.Linear``.
    """

    primary = "mse"
    modes: ClassVar[dict[str, str]] = {"mse": "min", "mae": "min"}

    def __init__(
        self,
        name: str = "classification",
        pooling: Literal["last", "mean", "max", "attention"] = "last",
        encoder: Callable[..., Any] | None = None,
        head_range: float | None = None,
    ):
        super().__init__(name, pooling, encoder)
        if head_range is not None and not head_range > 0:
            raise ValueError(f"head_range={head_range}: must be above 0")
        self.head_range = head_range

    def model_options(self) -> dict[str, Any]:
        """Where the units start from."""
        return {"head_range": self.head_range}

    def wanted(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """What the units ``(..., O)`` should be."""
        if targets.is_floating_point():
            return targets
        return F.one_hot(targets, outputs.shape[-1]).to(outputs)

    def losses(self, outputs_NO: Tensor, targets_N: Tensor) -> Tensor:
        """Half the squared error, summed over units."""
        return (outputs_NO.sigmoid() - self.wanted(outputs_NO, targets_N)).square().sum(-1) / 2

    def metrics(self, spec: DataSpec) -> MetricCollection:
        """mse and mae."""
        return MetricCollection({"mse": MeanSquaredError(), "mae": MeanAbsoluteError()}, compute_groups=False)

    def update(self, metrics: MetricCollection, outputs_NO: Tensor, targets_N: Tensor, losses_N: Tensor) -> None:
        """Add errors; contiguous copies because torchmetrics views them flat."""
        wanted_NO = self.wanted(outputs_NO, targets_N)
        metrics.update(preds=outputs_NO.sigmoid().contiguous(), target=wanted_NO.contiguous())

    def predictions(self, outputs: Outputs, batch: Batch, per_step: bool) -> list[Any]:
        """The units: ``(O,)`` a sequence, ``(T_n, O)`` for every step."""
        return [row.sigmoid() for row in super().predictions(outputs, batch, per_step)]

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Largest absolute error of the units."""
        return (outputs.sigmoid() - self.wanted(outputs, targets)).abs().amax(-1)

    def constant(self, targets_N: Tensor, size: int) -> Tensor:
        """What gives the mean of the targets."""
        return torch.logit(self._mean(targets_N, size).clamp(1e-12, 1 - 1e-12))

    def _mean(self, targets_N: Tensor, size: int) -> Tensor:
        if targets_N.is_floating_point():
            return targets_N.double().mean(0)
        return torch.bincount(targets_N, minlength=size).double() / len(targets_N)


class NextSymbols(LogisticUnits):
    """The symbol that follows, where several may: targets ``(..., O)`` are 2 for it, 1 for others that could, else 0.

    A position is right, its error 0, when every possible symbol's unit is more active than that of any impossible one
    (Hochreiter and Schmidhuber 1997, section 5.1); otherwise the error is 1.

    Args:
        name: the kind of problem that the dataset poses.
        target: which units are trained to be 1: that of the symbol that ``follows``, or of all that are ``possible``.
            The paper does not say which.
        head_range: see ``LogisticUnits``.
    """

    def __init__(self, name: str = "next_symbols", target: Target = "follows", head_range: float | None = None):
        super().__init__(name, head_range=head_range)
        self.least = {"follows": 2, "possible": 1}[one_of("target", target, get_args(Target))]

    def wanted(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """1 for the symbols that the units are trained to show."""
        return (targets >= self.least).to(outputs)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """0 or 1."""
        possible = targets > 0
        least = outputs.masked_fill(~possible, float("inf")).amin(-1)
        most = outputs.masked_fill(possible, float("-inf")).amax(-1)
        return (least <= most).to(outputs)

    def _mean(self, targets_N: Tensor, size: int) -> Tensor:
        return (targets_N >= self.least).double().mean(0)
