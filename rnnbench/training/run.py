"""One training run, from a plan to its record."""

from __future__ import annotations

import dataclasses
import os
import shutil
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from rnnbench.data.dataset import Splits
from rnnbench.data.module import SequenceDataModule
from rnnbench.data.seeding import derive
from rnnbench.data.series import TimeSeries
from rnnbench.errors import UserError
from rnnbench.models import PARTS, build_model
from rnnbench.models.word_vectors import fill as fill_vectors
from rnnbench.records.events import write_hparams_session
from rnnbench.records.record import SCHEMA
from rnnbench.records.store import RunDirectory, read_json, write_json
from rnnbench.tasks.module import Diverged, SequenceModule, evaluate
from rnnbench.tasks.success import METRIC, Criterion
from rnnbench.tasks.task import constant_outputs
from rnnbench.tasks.translation import Translation
from rnnbench.training.callbacks import ExactResume, Interrupted, Selection, StopFlag
from rnnbench.training.devices import followers, quiet, use_processor
from rnnbench.training.pictures import draw_forecast
from rnnbench.training.plan import Plan, start_weights
from rnnbench.training.provenance import PeakMemory, device_name, provenance
from rnnbench.training.translations import show_translations

ARTIFACTS = "artifacts.json"  # what a prediction needs beside the weights
DOUBLE = {"32": "32-true", "64": "64-true"}


def run(plan: Plan, stop: StopFlag, progress_bar: bool = False) -> tuple[str, dict[str, Any] | None]:
    """Train ``plan`` to its end, from wherever it stands; returns its status and its record.

    A finished run returns at once. An exception is kept in ``failure.json`` and gives ``failed``; an interruption
    (:class:`Interrupted`) passes through, with the state saved.
    """
    directory = RunDirectory(plan.path)
    if (record := directory.result()) is not None:
        return record["status"], record
    with directory.lock():
        if (record := directory.result()) is not None:
            return record["status"], record
        try:
            record = _train(plan, directory, stop, progress_bar)
        except SystemExit as error:
            if isinstance(error.__context__, KeyboardInterrupt):  # what Lightning makes of a second Ctrl-C
                raise Interrupted("SIGINT") from error
            raise
        except Exception as error:
            mistake = isinstance(error, UserError)
            line = str(error) if mistake else f"{type(error).__name__}: {error}"
            directory.write_failure({"error": line, "mistake": mistake, "traceback": traceback.format_exc()})
            return "failed", None
        directory.write_result(record)
        return record["status"], record


def _train(plan: Plan, directory: RunDirectory, stop: StopFlag, progress_bar: bool) -> dict[str, Any]:
    memory = PeakMemory()
    attempts = open_run(plan, directory)
    parts = assemble(plan, directory, stop, progress_bar)
    diverged = False
    try:
        with followers(parts.trainer, directory.path):
            parts.fit()
    except Diverged:
        diverged = True
    return conclude(plan, directory, parts, attempts, memory.bytes, diverged)


def conclude(
    plan: Plan,
    directory: RunDirectory,
    parts: Parts,
    attempts: int,
    memory: Callable[[], int | None],
    diverged: bool,
    replicas: int = 1,
) -> dict[str, Any]:
    """Score the weights that count; the record of a run that has been trained.

    Args:
        plan: of the run.
        directory: of the run.
        parts: that trained it.
        attempts: this one counted.
        memory: tells its peak.
        diverged: whether the loss was no longer a number.
        replicas: runs that were trained as one program, this one counted.
    """
    parts.data.trainer = None  # from here on this process measures alone, on whole batches
    metrics = {} if diverged else _score(parts.module, parts.data, directory, plan.config["debug"]["limit_batches"])
    success, modes = {}, {}
    if parts.module.criterion is not None:
        success, modes = {"success": parts.module.criterion.result()}, {METRIC: "min"}
        metrics.setdefault("train", {})[METRIC] = parts.module.criterion.reached
    record = {
        **_identification(plan),
        **_outcome(plan, parts.module, parts.selection),
        **success,
        "metric_modes": {"loss": "min", **plan.task.modes, **modes},
        "status": "diverged" if diverged else "finished",
        "metrics": metrics,
        "baseline": _baseline(plan, parts.module, parts.data),
        "references": _references(plan, parts.module, parts.data),
        "peak_memory_bytes": memory(),
        "attempts": attempts,
        "hardware": device_name(parts.trainer.strategy.root_device),
        "replicas": replicas,
    }
    if plan.config["logger"]["plots"] and not diverged and isinstance(plan.dataset, TimeSeries):
        draw_forecast(plan, parts.module, parts.data, directory.path, record["selection"]["step"])
    if plan.config["logger"]["plots"] and not diverged and isinstance(plan.task, Translation):
        show_translations(plan, parts.module, parts.data, directory.path, record["selection"]["step"])
    if plan.config["logger"]["tensorboard"]:
        final = {f"test/{name}": metrics.get("test", {}).get(name) for name in plan.task.modes}
        write_hparams_session(directory.path, plan.shown(), final, record["selection"]["step"], succeeded=not diverged)
    return record


def _identification(plan: Plan) -> dict[str, Any]:
    """The part of a record that is known before training."""
    config = plan.config
    return {
        "schema": SCHEMA,
        "identity": plan.job.identity,
        "model": plan.job.model,
        "dataset": plan.job.dataset,
        "task": config["task"]["name"],
        "seed": plan.job.seed,
        "science": plan.science,
        "config": {k: v for k, v in config.items() if k not in ("paths", "dry_run")},
        "overrides": plan.job.overrides,
        "versions": plan.versions,
        "data_sha256": plan.science["data"],
        "engine": plan.engine,
        "precision": config["trainer"]["precision"],
        "hidden_size": config["model"].get("hidden_size"),
        "primary_metric": plan.task.primary,
        "parameters": plan.parameters,
        "state_size": plan.state_size,
        "budget": None if plan.match is None else {"target": config["budget"]["params"], **vars(plan.match)},
        "hparams": plan.job.hparams,
    }


def _outcome(plan: Plan, module: SequenceModule, selection: Selection) -> dict[str, Any]:
    """The part of a record that training made."""
    return {
        "selection": {
            "rule": "best_valid" if plan.config["trainer"]["select"] == "best" else "last",
            "metric": plan.task.primary,
            "mode": plan.task.modes[plan.task.primary],
            "epoch": selection.state["epoch"],
            "step": selection.state["step"],
        },
        "series": module.series,
        "epochs": len(module.series.get("epoch", ())),
        "steps": int(module.series["step"][-1] or 0) if module.series.get("step") else 0,
        "seconds": module.seconds,
        "steps_per_second": _steps_per_second(module),
    }


@dataclass
class Parts:
    """What trains one run in one process."""

    data: SequenceDataModule
    module: SequenceModule
    selection: Selection
    trainer: L.Trainer
    resume_from: Path | None

    def fit(self) -> None:
        """Train to the end, from the saved state where there is one."""
        self.trainer.fit(self.module, self.data, ckpt_path=self.resume_from, weights_only=True)


def assemble(
    plan: Plan, directory: RunDirectory, stop: StopFlag, progress_bar: bool = False, splits: Splits | None = None
) -> Parts:
    """Build data, module, callbacks and trainer for an opened ``directory``; ``splits``: data loaded already."""
    quiet()
    use_processor(plan.config["threads"])
    stop.check()  # loading data may take long; whoever has asked to stop by now need not wait for it
    data = SequenceDataModule(plan.dataset, plan.job.seed, splits)
    data.setup()
    kept = {"spec": dataclasses.asdict(plan.dataset.spec), "dataset": plan.dataset.artifacts()}
    plan.task.bind(kept["dataset"])
    module = build_module(plan)
    if (coverage := read_vectors(plan, module, kept["dataset"])) is not None:
        kept["encoder"] = {"coverage": coverage}
    write_json(directory.path / ARTIFACTS, kept)
    selection = _selection(plan, directory, stop)
    last = directory.checkpoints / "last.ckpt"
    trainer = _trainer(plan, directory, selection, progress_bar)
    return Parts(data, module, selection, trainer, last if last.exists() else None)


def open_run(plan: Plan, directory: RunDirectory) -> int:
    """Prepare the directory; the number of attempts so far, this one counted."""
    from omegaconf import OmegaConf

    directory.checkpoints.mkdir(parents=True, exist_ok=True)
    directory.write_job(plan.job)
    OmegaConf.save(OmegaConf.create(plan.config), directory.path / "config.yaml")
    write_json(directory.path / "provenance.json", provenance(plan.config["threads"]))
    (directory.path / "failure.json").unlink(missing_ok=True)
    for events in directory.path.glob("events.out.tfevents.*"):
        events.unlink()  # drawn again from the series that the checkpoint keeps: two attempts never overlap
    if not (directory.checkpoints / "last.ckpt").exists():
        _extend_shorter_run(plan, directory)
    earlier = read_json(directory.path / "attempts.json") or {"attempts": 0}
    attempts = int(earlier["attempts"]) + 1
    write_json(directory.path / "attempts.json", {"attempts": attempts})
    return attempts


def _extend_shorter_run(plan: Plan, directory: RunDirectory) -> None:
    """Start from the longest finished run that is this one but for a shorter training, if there is any."""

    def shape(science: dict[str, Any]) -> dict[str, Any]:
        trainer = {k: v for k, v in science["trainer"].items() if k not in ("max_epochs", "max_steps")}
        return {**science, "trainer": trainer}

    if plan.config["trainer"]["max_steps"] is not None:
        return  # a limit in steps cuts inside an epoch, whose end the longer run must see
    prefix = directory.path.name.rsplit("-", 1)[0]
    best, epochs = None, 0
    for sibling in directory.path.parent.glob(f"{prefix}-*"):
        other = RunDirectory(sibling)
        record = other.result() if sibling != directory.path and (other.checkpoints / "last.ckpt").exists() else None
        if record is None or record["status"] != "finished" or shape(record["science"]) != shape(plan.science):
            continue
        fits = (
            record["config"]["trainer"]["max_steps"] is None and record["epochs"] < plan.config["trainer"]["max_epochs"]
        )
        if fits and record["epochs"] > epochs:
            best, epochs = other, record["epochs"]
    if best is not None:
        for name in ("selected.ckpt", "last.ckpt"):
            temporary = directory.checkpoints / f".{name}.tmp"
            shutil.copyfile(best.checkpoints / name, temporary)
            os.replace(temporary, directory.checkpoints / name)


def build_module(plan: Plan, kind: type[SequenceModule] = SequenceModule) -> SequenceModule:
    """The module of a run, with the weights that it starts from."""
    trainer = plan.config["trainer"]
    spec, seed = plan.dataset.spec, plan.job.seed
    model = build_model(plan.backbone, spec, plan.task, [derive(seed, "init", part) for part in PARTS])
    module = kind(
        model,
        plan.task,
        spec,
        plan.optimizer,
        plan.scheduler,
        clip_norm=trainer["clip_norm"],
        clip_value=trainer["clip_value"],
        weight_noise=trainer["weight_noise"],
        criterion=_criterion(plan),
    )
    if trainer["precision"] == "64":
        module.double()  # Lightning would do so only after it has put a checkpoint's weights into single precision
        for metrics in (module.train_metrics, module.valid_metrics):
            metrics.set_dtype(torch.float64)
    if plan.config["init_from"] is not None:
        try:
            load_weights(module, start_weights(plan.config["init_from"])[0])
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"init_from={plan.config['init_from']}: the weights are those of another model: {reason}"
            ) from error
    return module


def read_vectors(plan: Plan, module: SequenceModule, artifacts: dict[str, Any]) -> float | None:
    """Start an encoder from its file of word vectors, if it has one; the share of the vocabulary found there."""
    encoder = module.model.encoder
    if (path := getattr(encoder, "file", None)) is None:
        return None
    if "words" not in artifacts:
        raise UserError(f"task.encoder.vectors={path}: dataset {plan.dataset.name} has no words to look up")
    try:
        coverage = fill_vectors(encoder.vectors.weight, artifacts["words"], path)
    except ValueError as error:
        raise UserError(f"task.encoder.vectors={error}") from error
    print(f"{path}: vectors for {coverage:.1%} of the {len(artifacts['words'])} words of the vocabulary", flush=True)
    return coverage


def _criterion(plan: Plan) -> Criterion | None:
    settings = plan.config["success"]
    chosen = settings["error"] is not None or settings["metric"] is not None
    return Criterion(**settings, modes=plan.task.modes) if chosen else None


def load_weights(module: SequenceModule, checkpoint: Path) -> None:
    """Put the model weights of a checkpoint into ``module``."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    module.model.load_state_dict({k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")})


def _selection(plan: Plan, directory: RunDirectory, stop: StopFlag) -> Selection:
    trainer, primary = plan.config["trainer"], plan.task.primary
    return Selection(
        directory.checkpoints,
        rule=trainer["select"],
        monitor=f"valid/{primary}",
        mode=plan.task.modes[primary],
        patience=trainer["patience"],
        min_delta=trainer["min_delta"],
        every=trainer["checkpoint_every"],
        max_steps=trainer["max_steps"],
        stop=stop,
    )


def _trainer(plan: Plan, directory: RunDirectory, selection: Selection, progress_bar: bool) -> L.Trainer:
    config, settings = plan.config, plan.config["trainer"]
    logger = TensorBoardLogger(str(directory.path), name="", version="", default_hp_metric=False)
    return L.Trainer(
        max_epochs=settings["max_epochs"],
        check_val_every_n_epoch=settings["validate_every"],
        accelerator=settings["accelerator"],
        devices=settings["devices"],
        strategy=settings["strategy"],
        precision=DOUBLE.get(settings["precision"], settings["precision"]),  # type: ignore[arg-type]
        limit_train_batches=config["debug"]["limit_batches"],
        limit_val_batches=config["debug"]["limit_batches"],
        detect_anomaly=config["debug"]["detect_anomaly"],
        callbacks=[ExactResume(config["seed"]), selection],
        logger=logger if config["logger"]["tensorboard"] else False,
        enable_progress_bar=progress_bar,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=str(directory.path),
    )


def _score(
    module: SequenceModule, data: SequenceDataModule, directory: RunDirectory, limit: int | None
) -> dict[str, Any]:
    """Metrics of the selected weights; the one time that the test split is read."""
    selected = directory.checkpoints / "selected.ckpt"
    if not selected.exists():
        raise UserError("training ended before its first validation: lower trainer.validate_every or train longer")
    load_weights(module, selected)
    loaders = {
        "train": data.train_eval_dataloader(),
        "valid": data.val_dataloader(),
        "test": data.test_dataloader(),
    }
    return {split: evaluate(module, islice(loader, limit)) for split, loader in loaders.items()}


def _baseline(plan: Plan, module: SequenceModule, data: SequenceDataModule) -> dict[str, float]:
    """Test metrics of a prediction that ignores its input: in closed form where the dataset has one."""
    known = plan.dataset.baseline()
    if known is not None:
        return known
    constant = constant_outputs(plan.task, list(data.train_eval_dataloader()), plan.dataset.spec)
    if constant is None:
        return {}
    return evaluate(module, data.test_dataloader(), constant)


def _references(plan: Plan, module: SequenceModule, data: SequenceDataModule) -> dict[str, dict[str, float]]:
    """Test metrics of the dataset's methods without training, by their names."""
    found, kept = {}, plan.task.without_spread
    for name, points in plan.dataset.references().items():
        metrics = evaluate(module, data.test_dataloader(), plan.task.of_points(points))
        found[name] = {k: v for k, v in metrics.items() if kept is None or k in kept}
    return found


def _steps_per_second(module: SequenceModule) -> float | None:
    """Median over epochs of the training steps alone, without validation and checkpoints."""
    rates = [r for r in module.series.get("steps_per_second", ()) if r]
    return float(sorted(rates)[len(rates) // 2]) if rates else None
