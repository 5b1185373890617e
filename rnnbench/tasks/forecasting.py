"""The next rows of a series: points, quantiles or a normal distribution, and the errors that forecasters report.

Shape suffixes: B batch, T time, I features, N forecasts, O numbers of one forecast (steps x targets), C targets,
P parameters by which a number is predicted.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import (
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanMetric,
    MeanSquaredError,
    MetricCollection,
    PearsonCorrCoef,
    RelativeSquaredError,
    SymmetricMeanAbsolutePercentageError,
)

from rnnbench.data.augmentation import Augmentation
from rnnbench.data.series import UNITS
from rnnbench.data.spec import Batch, DataSpec, Outputs
from rnnbench.tasks.task import Task

STRATEGIES = ("direct", "recursive", "encoder_decoder")
ANCHORS = ("last", "season")
LOSSES = ("squared", "absolute")
LEAST_DEVIATION = 1e-3  # of a predicted normal distribution, scaled: its density stays finite
FLAT = 1e-6  # what varies by no more, relative to its mean, is the rounding of a constant
TAIL = 1.2815515655446004  # 80 % of a normal distribution lie within so many standard deviations


class Correlation(PearsonCorrCoef):
    """CORR of LSTNet (Lai et al. 2018): the mean over steps and targets that vary of Pearson's coefficient.

    A forecast that does not vary where the truth does counts as 0.
    """

    def compute(self) -> Tensor:
        """NaN where no truth varies, or no forecast."""
        states: Any = self
        constant_x, constant_y = (
            (squares / states.n_total <= (FLAT * mean).square()).squeeze()
            for mean, squares in ((states.mean_x, states.var_x), (states.mean_y, states.var_y))
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about a part that does not vary
            found = super().compute().masked_fill(constant_x, float("nan") if constant_x.all() else 0.0)
        return found.masked_fill(constant_y, float("nan")).nanmean()


class Forecasting(Task):
    """Errors in the dataset's units (``dataset.units``): mse, mae, rmse; in the units of the file: mape, smape (each
    1 for 100 %), rse, corr (LSTNet, Lai et al. 2018), mase (Hyndman & Koehler 2006: over the mean change over a season
    in training). mape means nothing where the truth comes near 0.

    A model learns scaled values by the mean squared error, or what ``loss`` says. With ``output`` it learns quantiles
    by the pinball loss (metrics pinball, and coverage: the part of the truth between the outer two), or mean and
    deviation of a normal distribution by its likelihood (nll per number, scaled; coverage of the central 80 %). Its
    point forecast is then the median or the mean.

    Args:
        name: the name of the task.
        pooling: what a direct forecast is read from, see ``Task``.
        strategy: ``direct``: all rows at once; ``recursive``: a row at a time, each fed back as the next input, in
            training too; ``encoder_decoder``: likewise, by a second network that starts from the state of the first.
        anchor: a model's output is added to the ``last`` value, or to that a ``season`` before, and the model sees
            values less the last one: it learns changes, as on differences. None: it learns values.
        output: ``point``, ``quantiles`` or ``gaussian``.
        quantiles: increasing, for that output; 0.5 among them.
        loss: of a point forecast, the mean ``squared`` or ``absolute`` error.
        loss_units: whether that is of ``scaled`` values, where all targets count alike, or of ``original`` ones, as
            rse is, where those count most that vary most.
        augment: random changes of training windows; None: none.
        encoder: of direct forecasts, see ``Task``.
    """

    primary = "mse"
    modes = {  # noqa: RUF012  an instance may have others
        "mse": "min",
        "mae": "min",
        "rmse": "min",
        "mape": "min",
        "smape": "min",
        "mase": "min",
        "rse": "min",
        "corr": "max",
    }

    def __init__(
        self,
        name: str = "forecasting",
        pooling: Literal["last", "mean", "max", "attention"] = "last",
        strategy: Literal["direct", "recursive", "encoder_decoder"] = "direct",
        anchor: Literal["last", "season"] | None = None,
        output: Literal["point", "quantiles", "gaussian"] = "point",
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        loss: Literal["squared", "absolute"] = "squared",
        loss_units: Literal["scaled", "original"] = "scaled",
        augment: Augmentation | None = None,
        encoder: Callable[..., Any] | None = None,
    ):
        super().__init__(name, pooling, encoder)
        if strategy not in STRATEGIES:
            raise ValueError(f"strategy={strategy!r}: choose one of {', '.join(STRATEGIES)}")
        if anchor not in (None, *ANCHORS):
            raise ValueError(f"anchor={anchor!r}: choose one of {', '.join(ANCHORS)}, or null")
        if list(quantiles) != sorted(set(quantiles)) or not quantiles or not 0 < quantiles[0] <= quantiles[-1] < 1:
            raise ValueError(f"quantiles={list(quantiles)}: increasing numbers between 0 and 1")
        if 0.5 not in quantiles:
            raise ValueError(f"quantiles={list(quantiles)}: needs 0.5, which is the point forecast")
        _check_loss(loss, loss_units, output)
        self.strategy, self.anchor, self.output, self.augment = strategy, anchor, output, augment
        self.loss, self.loss_units = loss, loss_units
        self.quantiles = torch.tensor([*quantiles], dtype=torch.float64)
        self.without_spread = None if output == "point" else tuple(self.modes)
        self._own: str | None = None  # metric that is the loss
        if output == "quantiles":
            self._own = self.primary = "pinball"
            self.modes = {"pinball": "min", **self.modes}
        elif output == "gaussian":
            self._own = self.primary = "nll"
            self.modes = {"nll": "min", **self.modes}
        elif output != "point":
            raise ValueError(f"output={output!r}: choose one of point, quantiles, gaussian")
        self.bind({})

    def bind(self, artifacts: Mapping[str, Any]) -> None:
        """Take scaling, units and MASE's denominators from what the dataset leaves."""
        targets = self._names = artifacts.get("targets", ["value"])
        self.units, self.log = artifacts.get("units", "scaled"), artifacts.get("log", False)
        shift, scale = artifacts.get("shift", {}), artifacts.get("scale", {})
        self._shift_C = torch.tensor([shift.get(name, 0.0) for name in targets], dtype=torch.float64)
        self._scale_C = torch.tensor([scale.get(name, 1.0) for name in targets], dtype=torch.float64)
        mean = artifacts.get("mean", shift)  # absent from runs of before it was kept
        centre_C = torch.tensor([mean.get(name, 0.0) for name in targets], dtype=torch.float64)
        centre_C = centre_C.exp() if self.log else centre_C
        self._centre = float(centre_C.mean())
        self._mase_C = torch.tensor(artifacts.get("mase_scale", [1.0] * len(targets)), dtype=torch.float64)
        step_C = torch.where(self._mase_C > 0, self._mase_C, 1.0)
        self._level_C, self._step = centre_C.abs() + step_C, float(step_C.max())

    @property
    def parameters(self) -> int:
        """P: outputs for each number that is predicted."""
        return {"point": 1, "quantiles": len(self.quantiles), "gaussian": 2}[self.output]

    def output_size(self, spec: DataSpec) -> int:
        """Outputs of the head: for all rows, or for one at a time."""
        if spec.window is None and (self.strategy != "direct" or self.anchor):
            raise ValueError(f"strategy={self.strategy}, anchor={self.anchor}: needs a dataset of windows")
        if spec.window and spec.window.gap and (self.strategy != "direct" or self.anchor == "season"):
            text = f"strategy={self.strategy}, anchor={self.anchor}: with dataset.gap={spec.window.gap}"
            raise ValueError(f"{text} a forecast is direct, and over the last value or none")
        rows = 1 if self.strategy == "direct" or spec.window is None else spec.window.horizon
        return spec.target_size // rows * self.parameters

    def model_options(self) -> dict[str, Any]:
        """How the forecast is composed around the backbone."""
        located = self.parameters if self.output == "quantiles" else 1  # a deviation does not move with the values
        return {
            "strategy": self.strategy,
            "anchor": self.anchor,
            "parameters": self.parameters,
            "located": located,
            "middle": self.middle,
        }

    @property
    def middle(self) -> int:
        """The parameter that is the point forecast."""
        return self.quantiles.tolist().index(0.5) if self.output == "quantiles" else 0

    @property
    def augments(self) -> bool:
        """Whether training windows are changed."""
        return self.augment is not None and self.augment.active

    def augmented(self, batch: Batch, spec: DataSpec) -> Batch:
        """The batch with the changes that are drawn for it."""
        if self.augment is None or not self.augment.active:
            return batch
        values = spec.input_size if spec.window is None else spec.window.values
        inputs_BTI, targets = self.augment(batch.inputs_BTI, batch.targets, values)
        return replace(batch, inputs_BTI=inputs_BTI, targets=targets)

    # --- outputs

    def _split(self, outputs_NO: Tensor) -> Tensor:
        """``(N, O, P)``."""
        return outputs_NO.unflatten(-1, (-1, self.parameters))

    def point(self, outputs_NO: Tensor) -> Tensor:
        """The point forecast ``(N, O)``, scaled."""
        return self._split(outputs_NO)[..., self.middle]

    def interval(self, outputs_NO: Tensor) -> tuple[Tensor, Tensor] | None:
        """Lower and upper end ``(N, O)``, scaled, of the outer quantiles or the central 80 %; None of points."""
        if self.output == "point":
            return None
        parts_NOP = self._split(outputs_NO)
        if self.output == "quantiles":
            return parts_NOP[..., 0], parts_NOP[..., -1]
        mean, deviation = parts_NOP[..., 0], _deviation(parts_NOP[..., 1])
        return mean - TAIL * deviation, mean + TAIL * deviation

    def original(self, scaled_NO: Tensor) -> Tensor:
        """Values in the units of the file."""
        return self._unscaled(scaled_NO, 0.0)

    def _unscaled(self, scaled_NO: Tensor, less: float) -> Tensor:
        steps = scaled_NO.shape[-1] // len(self._scale_C)
        shift_C = self._shift_C if self.log else self._shift_C - less
        scale_O, shift_O = (part.to(scaled_NO).repeat(steps) for part in (self._scale_C, shift_C))
        values = scaled_NO * scale_O + shift_O
        return values.exp() - less if self.log else values

    def predictions(self, outputs: Outputs, batch: Batch, per_step: bool) -> list[Any]:
        """The next rows of each target by its name, in the units of the file, and with a spread its two ends."""
        parts = {"": self.point(outputs.values)}
        if (ends := self.interval(outputs.values)) is not None:
            parts |= {" low": ends[0], " high": ends[1]}
        rows = {end: self.original(part).unflatten(1, (-1, len(self._names))) for end, part in parts.items()}
        named = [(name + end, rows[end][..., c]) for end in rows for c, name in enumerate(self._names)]
        return [{name: rows_NS[n].tolist() for name, rows_NS in named} for n in range(len(outputs.values))]

    def losses(self, outputs_NO: Tensor, targets_N: Tensor) -> Tensor:
        """Error, pinball loss or negative log-likelihood, averaged over the numbers of a forecast."""
        parts_NOP = self._split(outputs_NO)
        if self.output == "point":
            error_NO = self._error(parts_NOP[..., 0], targets_N)
            return (error_NO.square() if self.loss == "squared" else error_NO.abs()).mean(-1)
        if self.output == "quantiles":
            over_NOP = targets_N[..., None] - parts_NOP
            q_P = self.quantiles.to(over_NOP)
            return torch.maximum(q_P * over_NOP, (q_P - 1) * over_NOP).mean((-1, -2))
        variance = _deviation(parts_NOP[..., 1]).square()
        return F.gaussian_nll_loss(parts_NOP[..., 0], targets_N, variance, full=True, reduction="none").mean(-1)

    def _error(self, points_NO: Tensor, targets_NO: Tensor) -> Tensor:
        """In the units of the loss."""
        if self.loss_units == "scaled":
            return points_NO - targets_NO
        if self.log:
            return self.original(points_NO) - self.original(targets_NO)
        scale_O = self._scale_C.to(points_NO).repeat(points_NO.shape[-1] // len(self._scale_C))
        return (points_NO - targets_NO) * scale_O  # a shift would only be rounded away

    # --- metrics

    def metrics(self, spec: DataSpec) -> MetricCollection:
        """All errors."""
        found = {
            "mse": MeanSquaredError(),
            "mae": MeanAbsoluteError(),
            "rmse": MeanSquaredError(squared=False),
            "mape": MeanAbsolutePercentageError(),
            "smape": SymmetricMeanAbsolutePercentageError(),
            "mase": MeanMetric(nan_strategy="disable"),
            "rse": RelativeSquaredError(squared=False),
            "corr": Correlation(num_outputs=spec.target_size),
        }
        if self._own:
            found |= {name: MeanMetric(nan_strategy="disable") for name in (self._own, "coverage")}
        return MetricCollection(found, compute_groups=False)

    def train_metrics(self, spec: DataSpec) -> MetricCollection:
        """mse and mae: the others would take as long as a step of a small model."""
        return MetricCollection({"mse": MeanSquaredError(), "mae": MeanAbsoluteError()}, compute_groups=False)

    def update(self, metrics: MetricCollection, outputs_NO: Tensor, targets_N: Tensor, losses_N: Tensor) -> None:
        """Add forecasts; each metric is fed in its own units."""
        truth, point = self.original(targets_N), self.original(self.point(outputs_NO))
        scaled = self.units == "scaled"
        pair = (self.point(outputs_NO).contiguous(), targets_N.contiguous()) if scaled else (point, truth)
        fed: dict[str, tuple[Tensor, ...]] = dict.fromkeys(("mse", "mae", "rmse"), pair)
        if "mase" in metrics:
            steps = truth.shape[-1] // len(self._mase_C)
            centred = [self._unscaled(one, self._centre) for one in (self.point(outputs_NO), targets_N)]
            level_O = self._level_C.to(truth).repeat(steps)
            fed |= {
                # ratios: free of the unit, of which torchmetrics' least denominators know nothing
                **dict.fromkeys(("mape", "smape"), (point / level_O, truth / level_O)),
                # the same as of the values, with less rounding
                "rse": tuple(one.flatten() / self._step for one in centred),
                "corr": (point, truth) if truth.shape[-1] > 1 else (point[:, 0], truth[:, 0]),
                "mase": ((point - truth).abs() / self._mase_C.to(truth).repeat(steps),),
            }
            if self._own:
                fed[self._own] = (losses_N,)
            if (ends := self.interval(outputs_NO)) is not None:
                fed["coverage"] = (((ends[0] <= targets_N) & (targets_N <= ends[1])).to(truth),)
        for name, metric in metrics.items():
            metric.update(*fed[str(name)])

    def constant(self, targets_N: Tensor, size: int) -> Tensor:
        """The mean or, by the absolute error, the median; each quantile; mean and deviation."""
        targets = targets_N.double()
        if self.output == "quantiles":
            found_PO = np.quantile(targets.numpy(), self.quantiles.numpy(), axis=0)  # torch's own has a largest size
            return torch.from_numpy(found_PO).mT.flatten()
        if self.output == "point":
            return self._constant_point(targets)
        deviation = (targets.std(0, correction=0) - LEAST_DEVIATION).clamp(min=1e-6)
        raw = deviation + torch.log(-torch.expm1(-deviation))  # what softplus makes the deviation of
        return torch.stack([targets.mean(0), raw], dim=-1).flatten()

    def _constant_point(self, targets_NO: Tensor) -> Tensor:
        if self.loss == "absolute":
            return torch.from_numpy(np.median(targets_NO.numpy(), axis=0))
        if not self.log or self.loss_units == "scaled":
            return targets_NO.mean(0)
        steps = targets_NO.shape[-1] // len(self._scale_C)
        return (self.original(targets_NO).mean(0).log() - self._shift_C.repeat(steps)) / self._scale_C.repeat(steps)

    def of_points(self, points_NO: Tensor) -> Tensor:
        """Outputs whose point forecasts are the given ones; of spread they say nothing."""
        return points_NO.repeat_interleave(self.parameters, dim=-1)


def _check_loss(loss: str, units: str, output: str) -> None:
    if loss not in LOSSES:
        raise ValueError(f"loss={loss!r}: choose one of {', '.join(LOSSES)}")
    if units not in UNITS:
        raise ValueError(f"loss_units={units!r}: choose one of {', '.join(UNITS)}")
    if output != "point" and (loss, units) != ("squared", "scaled"):
        raise ValueError(f"loss={loss}, loss_units={units}: are for output=point; {output} has a loss of its own")


def _deviation(raw: Tensor) -> Tensor:
    return F.softplus(raw) + LEAST_DEVIATION
