"""The one LightningModule: a model, a task and an optimiser, and the series that a run's record keeps.

Everything that a mid-epoch resume needs lives in the checkpoint: metric states, sums and the series themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from rnnbench.data.spec import Batch, DataSpec, Outputs
from rnnbench.tasks.success import Criterion
from rnnbench.tasks.task import Task, counted, sequence_errors

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
SchedulerFactory = Callable[[torch.optim.Optimizer], Any]


class Diverged(Exception):
    """The training loss is no longer a number; the run ends, and that is its result."""


class SequenceModule(L.LightningModule):
    """Trains ``model`` on ``task``.

    Args:
        model: ``model.run(batch, state)`` gives ``Outputs``, as ``rnnbench.models.SequenceModel`` does.
        task: loss and metrics.
        spec: sizes of the data.
        optimizer: called with the parameters.
        scheduler: called with the optimiser, stepped once an epoch; None for a constant rate.
        clip_norm: the total gradient norm is rescaled to this when larger.
        clip_value: each gradient element is clamped to this magnitude.
        weight_noise: standard deviation of Gaussian noise on every weight during forward and backward (Graves 2011).
        criterion: ends the run when it holds; None: never.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        spec: DataSpec,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        weight_noise: float = 0.0,
        criterion: Criterion | None = None,
    ):
        super().__init__()
        self.model: Any = model
        self.task = task
        self.spec = spec
        self.make_optimizer, self.make_scheduler = optimizer, scheduler
        self.clip_norm, self.clip_value, self.weight_noise = clip_norm, clip_value, weight_noise
        self.criterion = criterion
        self.train_metrics = task.train_metrics(spec)
        self.valid_metrics = task.valid_metrics(spec)
        self.train_metrics.persistent(True)
        for name in ("loss_sum", "grad_norm_sum", "batches"):
            self.register_buffer(name, torch.zeros(()))
        self.series: dict[str, list[float | None]] = {}
        self.sequences, self.train_seconds = 0, 0.0
        self.seconds_before, self._started = 0.0, time.perf_counter()
        self._clean_weights: list[Tensor] = []
        self._valid: dict[str, float] = {}
        self.valid_errors: list[float] = []
        self._scheduler_state: dict[str, Any] | None = None
        self._tick = 0.0
        self._carried: Any = None  # the state at the end of the last training batch, where state is carried
        self._carried_valid: Any = None

    def __setattr__(self, name: str, value: Any) -> None:
        """Lightning notes the name of the hook here 50 times a step, and torch looks for weights in each value."""
        if name == "_current_fx_name":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    @property
    def succeeded(self) -> bool:
        """Whether the criterion has held."""
        return self.criterion is not None and self.criterion.reached is not None

    @property
    def monitor(self) -> str:
        """The logged name of the metric that selects."""
        return f"valid/{self.task.primary}"

    def forward(self, batch: Batch, state: Any = None) -> Outputs:
        """What the model makes of a batch, beginning with ``state`` (None: its own)."""
        return self.model.run(batch, state)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Mean loss over the scored positions of the batch."""
        batch = self.task.augmented(batch, self.spec)
        outputs = self(batch, self._carried)
        if self.spec.carries_state:
            self._carried = detached(outputs.state)
        outputs_NO, targets_N, losses_N = self.task.score(outputs, batch, self.spec.per_step)
        loss, mean, sequences = losses_N.mean(), None, len(batch)
        if _world_size() > 1:
            loss, mean, sequences = _share(losses_N, sequences)
        with torch.no_grad():
            self.loss_sum += loss.detach() if mean is None else mean
            self.batches += 1
            self.sequences += sequences
            self.task.update(self.train_metrics, outputs_NO.detach(), targets_N, losses_N.detach())
        if self.criterion is not None:
            self.criterion.trained(sequences, self._errors("train", outputs.values, batch))
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a validation batch to the metrics."""
        outputs = self(batch, self._carried_valid)
        if self.spec.carries_state:
            self._carried_valid = outputs.state
        self.task.update(self.valid_metrics, *self.task.score(outputs, batch, self.spec.per_step))
        self.task.listen(self.valid_metrics, outputs, batch)
        self.valid_errors += self._errors("valid", outputs.values, batch)

    def _errors(self, split: str, outputs: Tensor, batch: Batch) -> list[float]:
        """The largest error of each sequence, where the criterion asks for it."""
        if self.criterion is None or not self.criterion.sees(split):
            return []
        return sequence_errors(
            self.task, outputs, batch.targets, counted(batch, self.spec.per_step), self.spec.per_step
        ).tolist()

    # --- weights, noise, gradients

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Put noise on the weights; the clean ones come back before the optimiser looks at them."""
        self._tick = time.perf_counter()
        if self.weight_noise:
            weights = [p for p in self.parameters() if p.requires_grad]
            with torch.no_grad():
                self._clean_weights = [p.clone() for p in weights]
                for p in weights:
                    p.add_(torch.randn_like(p), alpha=self.weight_noise)
        if self.global_rank:  # after the noise, which is the same in every process: dropout on other rows is not
            torch.manual_seed(torch.initial_seed() + self.global_rank)

    def on_after_backward(self) -> None:
        """Take the noise off again."""
        if self.weight_noise:
            weights = [p for p in self.parameters() if p.requires_grad]
            with torch.no_grad():
                for p, clean in zip(weights, self._clean_weights):
                    p.copy_(clean)

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: Any = None, gradient_clip_algorithm: Any = None
    ) -> None:
        """Measure the gradient norm, then clip as configured."""
        weights = [p for p in self.model.parameters() if p.grad is not None]
        norm = nn.utils.get_total_norm([p.grad for p in weights if p.grad is not None])
        self.grad_norm_sum += norm
        if self.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(weights, self.clip_norm, norm)
        if self.clip_value is not None:
            nn.utils.clip_grad_value_(weights, self.clip_value)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Stop at a loss that is not finite: at once on the CPU, within 50 steps where looking costs a wait."""
        self.train_seconds += time.perf_counter() - self._tick
        if self.device.type == "cpu" or batch_idx % 50 == 0:
            self._check_finite()

    def _check_finite(self) -> None:
        if not torch.isfinite(self.loss_sum):
            raise Diverged(f"loss not finite at step {self.global_step}")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimiser; its schedule is stepped by ``on_train_epoch_end``.

        Lightning would step a schedule that watches validation only after the epoch's checkpoint is saved, and not
        again on resume.
        """
        optimizer = self.make_optimizer([p for p in self.parameters() if p.requires_grad])
        self.scheduler = None if self.make_scheduler is None else self.make_scheduler(optimizer)
        return optimizer

    def on_fit_start(self) -> None:
        """Draw what earlier attempts logged; here, because a run that was cut off after its last step trains none."""
        self._draw_series()

    def on_train_start(self) -> None:
        """Take the schedule up where it stood; the optimiser has its rate back already."""
        if next(self.parameters()).dtype is torch.float64:
            for metrics in (self.train_metrics, self.valid_metrics):
                metrics.set_dtype(torch.float64)  # torchmetrics takes a move to a device for one to single precision
        if self._scheduler_state is not None and self.scheduler is not None:
            self.scheduler.load_state_dict(self._scheduler_state)

    def _step_schedule(self) -> None:
        if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            if self.monitor in self._valid:
                self.scheduler.step(self._valid[self.monitor])
        elif self.scheduler is not None:
            self.scheduler.step()

    # --- series

    def on_validation_epoch_end(self) -> None:
        """Keep the validation metrics for the epoch's point."""
        self._valid = {f"valid/{k}": float(v) for k, v in self.valid_metrics.compute().items()}
        self.valid_metrics.reset()
        self._carried_valid = None
        if self.criterion is not None:
            metrics = {name.removeprefix("valid/"): value for name, value in self._valid.items()}
            self.criterion.validated(metrics, self.valid_errors)
        self.valid_errors = []

    def on_train_epoch_end(self) -> None:
        """Close the epoch: one point of every series, which early stopping and the choice of weights look at.

        Not through ``self.log``, whose own bookkeeping takes 1 ms a value.
        """
        self._check_finite()
        train = {f"train/{k}": float(v) for k, v in self.train_metrics.compute().items()}
        n = max(float(self.batches), 1.0)
        self.train_seconds = max(self.train_seconds, 1e-9)  # a clock may stand still over one tiny step
        point = {
            "train/loss": float(self.loss_sum) / n,
            **train,
            "lr": float(self.trainer.optimizers[0].param_groups[0]["lr"]),
            "grad_norm": float(self.grad_norm_sum) / n,
            "sequences_per_second": self.sequences / self.train_seconds,
            "steps_per_second": n / self.train_seconds,
        }
        self._append({"epoch": self.current_epoch + 1, "step": self.global_step, **point, **self._valid})
        self._draw_series(first=len(self.series["step"]) - 1)
        self._step_schedule()
        self._valid, self._carried = {}, None
        self.train_metrics.reset()
        for total in (self.loss_sum, self.grad_norm_sum, self.batches):
            total.zero_()
        self.sequences, self.train_seconds = 0, 0.0

    def _append(self, point: dict[str, float]) -> None:
        done = len(self.series.get("epoch", ()))
        for key in {**self.series, **point}:
            self.series.setdefault(key, [None] * done).append(point.get(key))

    def _draw_series(self, first: int = 0) -> None:
        """Give the loggers the newest point, or, when they start anew, all points of earlier attempts."""
        for i, step in list(enumerate(self.series.get("step", ())))[first:]:
            names = self.series.keys() - {"epoch", "step"}
            point = {k: value for k in sorted(names) if (value := self.series[k][i]) is not None}
            for logger in self.loggers:
                logger.log_metrics(point, step=int(step or 0))
        for logger in self.loggers:
            logger.save()

    @property
    def seconds(self) -> float:
        """Since the start of the run, over all attempts that left a checkpoint."""
        return self.seconds_before + time.perf_counter() - self._started

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what this object counts beside its weights."""
        checkpoint["rnnbench"] = {
            "series": self.series,
            "sequences": self.sequences,
            "train_seconds": self.train_seconds,
            "seconds": self.seconds,
            "valid": self._valid,
            "carried": self._carried,
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "criterion": None if self.criterion is None else self.criterion.state_dict(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it back."""
        kept = checkpoint["rnnbench"]
        self.series = {k: list(v) for k, v in kept["series"].items()}
        self.sequences, self.train_seconds = kept["sequences"], kept["train_seconds"]
        self.seconds_before, self._valid = kept["seconds"], kept["valid"]
        self._scheduler_state = kept["scheduler"]
        self._carried = kept.get("carried")
        if self.criterion is not None:
            self.criterion.load_state_dict(kept["criterion"])


def detached(state: Any) -> Any:
    """A state, one tensor or several, through which no gradient flows back: where truncated backpropagation cuts.

    None, of a model that carries nothing, stays None.
    """
    if state is None:
        return None
    return state.detach() if isinstance(state, Tensor) else tuple(map(detached, state))


def _world_size() -> int:
    distributed = torch.distributed
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def _share(losses_N: Tensor, sequences: int) -> tuple[Tensor, Tensor, int]:
    """For a batch shared by several processes: what to differentiate, the mean loss and the size of the whole batch.

    The strategy averages gradients over processes. Shares differ in length, so the mean of their means is not the
    mean of the batch; scaled by the share's part of all positions it is.
    """
    sums = torch.stack([losses_N.detach().double().sum(), losses_N.new_tensor(len(losses_N)).double()])
    sums = torch.cat([sums, sums.new_tensor([sequences])])
    torch.distributed.all_reduce(sums)
    loss = losses_N.sum() * (_world_size() / sums[1]).to(losses_N)
    return loss, (sums[0] / sums[1]).to(losses_N), int(sums[2])


@torch.no_grad()
def predict(module: SequenceModule, batches: Iterable[Batch]) -> Tensor:
    """Outputs of the module's weights for all sequences of ``batches``, ``(N, O)`` or ``(N, T, O)``, on the CPU."""
    module.eval()
    dtype = next(module.parameters()).dtype
    moved = (batch.to(module.device) for batch in batches)
    return torch.cat([module(replace(b, inputs_BTI=b.inputs_BTI.to(dtype))).values.cpu() for b in moved])


@torch.no_grad()
def evaluate(module: SequenceModule, batches: Iterable[Batch], given: Tensor | None = None) -> dict[str, float]:
    """Metrics, and ``loss``, of the module's weights over ``batches``.

    ``given`` replaces the model's outputs: ``(O,)`` is the score of a prediction that ignores its input, ``(N, O)``
    that of predictions made elsewhere for all sequences in the order of ``batches``.
    """
    module.eval()
    metrics = module.task.metrics(module.spec).to(module.device)
    loss_sum, count, seen, state = 0.0, 0, 0, None
    weights = next(module.parameters(), module.loss_sum)  # one in integers has no parameters
    if weights.dtype is torch.float64:
        metrics.set_dtype(torch.float64)
    for batch in batches:
        moved = batch.to(module.device)
        if weights.dtype is torch.float64 and moved.inputs_BTI.is_floating_point():
            # Lightning converts batches in training, and here nobody else does
            moved = replace(moved, inputs_BTI=moved.inputs_BTI.double())
        if given is None:
            outputs = module(moved, state)
            state = outputs.state if module.spec.carries_state else None
        elif given.dim() == 2:
            outputs = Outputs(given[seen : seen + len(moved)].to(weights))
        else:
            lead = moved.inputs_BTI.shape[: 2 if module.spec.per_step else 1]
            outputs = Outputs(given.to(weights).expand(*lead, -1))
        seen += len(moved)
        outputs_NO, targets_N, losses_N = module.task.score(outputs, moved, module.spec.per_step)
        module.task.update(metrics, outputs_NO, targets_N, losses_N)
        module.task.listen(metrics, outputs, moved)
        loss_sum, count = loss_sum + float(losses_N.double().sum()), count + len(losses_N)
    if not count:
        return {}
    for name in [name for name, metric in metrics.items() if not metric.update_called]:
        del metrics[name]  # of texts, where the batches had none
    return {"loss": loss_sum / count, **{k: float(v) for k, v in metrics.compute().items()}}
