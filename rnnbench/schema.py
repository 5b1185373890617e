"""The whole configuration on one page.

Four groups are built from a class of the user's choice and are typed by that class's own signature: ``dataset``,
``model``, ``optimizer`` and ``scheduler`` (and the ``task`` that a dataset names). Everything else is typed here.
``limited`` gives a field its range; ``science=False`` marks what cannot change a result and so stays out of a run's
identity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


def limited(
    default: Any,
    *,
    ge: float | None = None,
    gt: float | None = None,
    choices: tuple[str, ...] | None = None,
    science: bool = True,
) -> Any:
    """A dataclass field with a default, a lower bound or a set of names, and its place in the identity."""
    return field(default=default, metadata={"ge": ge, "gt": gt, "choices": choices, "science": science})


@dataclass
class Paths:
    """Where data files and runs lie."""

    data_dir: str = limited("${oc.env:RNNBENCH_DATA,data}", science=False)
    runs_dir: str = limited("${oc.env:RNNBENCH_RUNS,runs}", science=False)


@dataclass
class Trainer:
    """How long and how a run trains, and which of its weights count."""

    max_epochs: int = limited(20, ge=1)
    max_steps: int | None = limited(None, ge=1)  # stops earlier than max_epochs when reached
    patience: int | None = limited(None, ge=1)  # evaluations without a better validation metric before stopping
    min_delta: float = limited(0.0, ge=0)
    validate_every: int = limited(1, ge=1)  # epochs between evaluations on validation
    select: str = limited("best", choices=("best", "last"))  # weights that are tested: best on validation, or last
    select_by: str | None = limited(None)  # the validation metric that says what is better; null: the task's own
    clip_norm: float | None = limited(None, gt=0)  # excludes clip_value
    clip_value: float | None = limited(None, gt=0)
    weight_noise: float = limited(0.0, ge=0)  # standard deviation of Gaussian noise on all weights, drawn per batch
    precision: str = limited("32", choices=("32", "64", "bf16-mixed", "16-mixed"))
    accelerator: str = limited("auto", science=False)
    devices: Any = limited(1, science=False)
    strategy: str = limited("auto", science=False)
    checkpoint_every: int = limited(1, ge=1, science=False)  # epochs between saved states to resume from


@dataclass
class Budget:
    """An equal number of trainable backbone weights for every model; the hidden size is solved for it."""

    params: int | None = limited(None, ge=1)
    tolerance: float = limited(0.02, gt=0)


@dataclass
class Success:
    """A criterion by which a run ends; its result is then the number of training sequences it took.

    By errors, of the last ``window`` training sequences or of the whole validation split, or by a metric of the
    validation split. The error of a sequence is the largest of its outputs', as probabilities for classes.
    """

    split: str = limited("train", choices=("train", "valid"))
    error: float | None = limited(None, gt=0)  # a sequence with an error below this is right
    window: int = limited(1, ge=1)  # training sequences in a row
    wrong: int = limited(0, ge=0)  # of the sequences looked at that may be wrong
    mean: float | None = limited(None, gt=0)  # and the mean of the errors must be below this
    metric: str | None = limited(None)  # of the validation split
    threshold: float | None = limited(None)  # what the metric must reach


@dataclass
class Logger:
    """What is written while a run trains, besides its record."""

    tensorboard: bool = limited(True, science=False)
    plots: bool = limited(True, science=False)  # of forecasts and of attention, in TensorBoard too
    progress: str = limited("auto", choices=("auto", "bar", "lines", "off"), science=False)


@dataclass
class Debug:
    """For trying things out; a run cut by it has an identity of its own."""

    limit_batches: int | None = limited(None, ge=1)  # batches of each split and epoch
    detect_anomaly: bool = limited(False, science=False)


@dataclass
class Config:
    """The root: ``rnnbench train --cfg job`` prints it."""

    dataset: Any = MISSING
    model: Any = MISSING
    task: Any = MISSING
    optimizer: Any = MISSING
    scheduler: Any = MISSING
    trainer: Trainer = field(default_factory=Trainer)
    success: Success = field(default_factory=Success)
    budget: Budget = field(default_factory=Budget)
    paths: Paths = field(default_factory=Paths)
    logger: Logger = field(default_factory=Logger)
    debug: Debug = field(default_factory=Debug)
    seed: int = limited(0, ge=0)
    init_from: str | None = limited(None)  # a run directory whose selected weights are the start
    threads: int = limited(1, ge=1, science=False)  # of one run; several runs side by side beat several threads
    replicas: Any = limited("off", science=False)  # auto, or a number: runs of a sweep trained as one program
    replicas_max_memory: int = limited(4096, ge=1, science=False)  # MiB of such a program; more runs wait for others
    dry_run: bool = limited(False, science=False)


EXCLUSIVE = (
    ("trainer.clip_norm", "trainer.clip_value"),
    ("budget.params", "init_from"),
    ("success.error", "success.metric"),
)


def register() -> None:
    """Make the typed root known to Hydra under the name ``schema``."""
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().store(name="schema", node=Config, provider="rnnbench")
