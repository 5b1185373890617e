"""From a composed configuration to a run that is ready to start: parts, sizes, identity, directory.

Nothing here reads a data file or allocates a weight, so that a whole sweep is checked before its first job.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from rnnbench import schema
from rnnbench.errors import UserError
from rnnbench.models import Match, build_model, count_parameters, match_hidden_size
from rnnbench.models.word_vectors import sha256
from rnnbench.records.identity import flatten, identity, without_defaults
from rnnbench.records.record import Job
from rnnbench.records.store import RunDirectory, run_name
from rnnbench.tasks import Task
from rnnbench.training.check import TARGETS, Problems, locate, problems
from rnnbench.training.compose import plain
from rnnbench.training.explain import full_key
from rnnbench.training.trial_steps import set_plateau, try_schedule, try_step

FILES = ("path", "valid_path", "test_path", "target_path", "valid_target_path", "test_target_path")
# Where the files of a dataset lie and how many sequences are scored at once changes no result.
NOT_SCIENCE = {"data_dir", "eval_batch_size", *FILES}
TYPED = {"trainer": schema.Trainer, "debug": schema.Debug, "success": schema.Success}
HEAD = ("dataset", "model", "parameters", "seed")
_SOLVED: dict[str, Match] = {}  # what was asked to the answer: the jobs of a sweep ask the same for every seed


@dataclass
class Plan:
    """One run, resolved. ``science`` holds what its results depend on, where that differs from the defaults."""

    config: dict[str, Any]
    dataset: Any
    task: Any
    backbone: Callable[..., Any]
    optimizer: Callable[..., Any]
    scheduler: Callable[..., Any] | None
    parameters: dict[str, int]
    state_size: int
    engine: str
    match: Match | None
    versions: dict[str, int]
    science: dict[str, Any]
    job: Job

    @property
    def path(self) -> Path:
        """The run's directory."""
        return Path(self.config["paths"]["runs_dir"]) / self.job.directory

    def shown(self) -> dict[str, Any]:
        """The run's row on TensorBoard's HParams page: which run it is, its size, and its hyperparameters."""
        job = self.job
        head = dict(zip(HEAD, (job.dataset, job.model, self.parameters["backbone"], job.seed)))
        return head | {k: v for k, v in job.hparams.items() if not k.endswith(".name")}


def make_plan(cfg: DictConfig, overrides: Sequence[str] = ()) -> Plan:
    """Check ``cfg`` and resolve it.

    Raises:
        Problems: with every mistake found, a line each.
    """
    try:
        config = plain(cfg)
    except OmegaConfBaseException as error:
        key, line = full_key(str(error)), str(error).splitlines()[0]
        raise Problems([f"{key}: {line}" if key else line]) from error
    if lines := problems(config):
        raise Problems(lines)
    if not (name := config["model"].get("name")) or not isinstance(name, str):
        raise Problems([f"model.name={name}: must be a name, by which tables call the model"])
    dataset = build_part("dataset", config["dataset"])()
    task = build_task(config)
    if config["task"]["name"] != dataset.spec.task:
        told, poses = config["task"]["name"], dataset.spec.task
        raise Problems([f"task={told}: dataset {dataset.name} poses {poses}; set task={poses}"])
    match = _solve_budget(config, dataset, task, overrides)
    backbone = build_part("model", config["model"])
    model = _meta(backbone, dataset, task, "model")
    optimizer, scheduler = _optimizer(config, model, task)
    _check_devices(config, dataset)
    _check_success(config, dataset, task)
    engine = _engine(model.backbone, config)
    versions = _versions(config)
    science = _science(config, dataset, engine, versions)
    run = {"model": config["model"]["name"], "dataset": config["dataset"]["name"], "seed": config["seed"]}
    run["identity"] = identity(science)
    job = Job(directory=run_name(**run), overrides=list(overrides), hparams=hyperparameters(config), **run)
    return Plan(
        config=config,
        dataset=dataset,
        task=task,
        backbone=backbone,
        optimizer=optimizer,
        scheduler=scheduler,
        parameters=count_parameters(model),
        state_size=model.backbone.state_size,
        engine=engine,
        match=match,
        versions=versions,
        science=science,
        job=job,
    )


def build_task(config: Mapping[str, Any]) -> Task:
    """The task of a configuration, with the metric that selects. Raises ``Problems``: what it does not measure."""
    task = build_part("task", config["task"])()
    try:
        task.select_by(config["trainer"].get("select_by"))
    except ValueError as error:
        raise Problems([f"trainer.select_by={error}"]) from error
    return task


def build_part(group: str, node: Mapping[str, Any]) -> Callable[..., Any]:
    """A callable that builds the ``_target_`` of a group from its ``node``; its ValueErrors become one line."""
    from hydra.utils import instantiate

    arguments = {k: v for k, v in node.items() if not (group == "model" and k == "name")}

    def build(*args: Any, **extra: Any) -> Any:
        try:
            return instantiate(arguments, *args, _convert_="all", **extra)
        except UserError:
            raise
        except Exception as error:
            cause = error.__cause__ or error
            if isinstance(cause, UserError):
                raise cause from error
            if not isinstance(cause, (ValueError, TypeError)) and group not in ("optimizer", "scheduler"):
                raise  # those of torch refuse values by errors of any kind
            reason = " ".join(str(cause).split("full_key")[0].split())
            raise Problems([f"{group} ({node['_target_']}): {reason}"]) from error

    return build


def _meta(backbone: Callable[..., Any], dataset: Any, task: Any, key: str) -> Any:
    try:
        return build_model(backbone, dataset.spec, task, device="meta")
    except ValueError as error:
        raise Problems([f"{key}: {error}"]) from error


def _solve_budget(config: dict[str, Any], dataset: Any, task: Any, overrides: Sequence[str]) -> Match | None:
    target = config["budget"]["params"]
    if target is None:
        return None
    if any(word.lstrip("+").startswith("model.hidden_size=") for word in overrides):
        raise Problems([f"model.hidden_size and budget.params={target} exclude each other: set budget.params=null"])
    if "hidden_size" not in config["model"]:
        raise Problems([f"budget.params={target}: model {config['model']['name']} has no hidden_size to solve for"])

    built, refused = [], []

    def count(hidden_size: int) -> int | None:
        backbone = build_part("model", {**config["model"], "hidden_size": hidden_size})
        try:
            built.append(count_parameters(_meta(backbone, dataset, task, "model"))["backbone"])
        except Problems as error:
            refused.append(error)
            return None
        return built[-1]

    asked = json.dumps([config[group] for group in ("model", "task", "budget")], sort_keys=True) + repr(dataset.spec)
    try:
        if asked not in _SOLVED:
            _SOLVED[asked] = match_hidden_size(cache(count), target, config["budget"]["tolerance"])
    except ValueError as error:
        if not built:  # it is not the size
            raise refused[-1] from error
        unbuilt = f"; {refused[-1].lines[0]}" if refused else ""
        raise Problems([f"budget.{error}{unbuilt}"]) from error
    config["model"]["hidden_size"] = _SOLVED[asked].hidden_size
    return _SOLVED[asked]


def _optimizer(config: dict[str, Any], model: Any, task: Task) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
    optimizer = partial(build_part("optimizer", config["optimizer"]))
    set_plateau(config["scheduler"], task)
    scheduler = None if config["scheduler"]["_target_"] is None else build_part("scheduler", config["scheduler"])
    trial = optimizer(list(model.parameters()))
    try_step(optimizer, config)
    if scheduler is not None:
        try_schedule(scheduler(trial), config)
    return optimizer, scheduler


def _engine(backbone: Any, config: dict[str, Any]) -> str:
    """The engine that will run: compiled code exists for the CPU and for full precision alone."""
    from rnnbench.training.devices import on_cpu

    engine, trainer = getattr(backbone, "engine", "torch"), config["trainer"]
    if engine != "fused" or (on_cpu(trainer["accelerator"]) and trainer["precision"] in ("32", "64")):
        return engine
    if config["model"].get("engine") == "fused":
        where = f"trainer.accelerator={trainer['accelerator']} trainer.precision={trainer['precision']}"
        raise Problems([f"model.engine=fused: runs on the CPU in 32 or 64 bits, not with {where}; set it to auto"])
    return backbone.second_engine


def _check_devices(config: dict[str, Any], dataset: Any) -> None:
    from rnnbench.training.devices import device_problem

    trainer = config["trainer"]
    devices = tuple(trainer["devices"]) if isinstance(trainer["devices"], list) else trainer["devices"]
    if line := device_problem(trainer["accelerator"], devices, trainer["strategy"], dataset.batch_size):
        raise Problems([line])


def _check_success(config: dict[str, Any], dataset: Any, task: Any) -> None:
    """Options of the criterion that need each other."""
    chosen = config["success"]
    lines = []
    if chosen["metric"] is not None:
        measured = task.valid_metrics(dataset.spec)
        known = [name for name in task.modes if name in measured]
        if chosen["metric"] not in known:
            lines.append(f"success.metric={chosen['metric']}: {task.name} has {', '.join(known)} on validation")
    if (chosen["metric"] is None) != (chosen["threshold"] is None):
        lines.append("success.metric and success.threshold need each other: set both, or none")
    if chosen["error"] is not None and type(task).errors is Task.errors:
        lines.append(f"success.error: {config['task']['name']} measures no errors of sequences; use success.metric")
    if chosen["mean"] is not None and chosen["error"] is None:
        lines.append(f"success.mean={chosen['mean']}: is of errors, set success.error too")
    by_window = chosen["error"] is not None and chosen["split"] == "train"
    if by_window and chosen["wrong"] >= chosen["window"]:
        lines.append(f"success.wrong={chosen['wrong']}: any success.window={chosen['window']} sequences would do")
    if chosen["error"] is not None and config["trainer"]["devices"] not in (1, "1", "auto"):
        lines.append("success.error: sequences are judged in one process, set trainer.devices=1")
    if lines:
        raise Problems(lines)


def _targets(node: Mapping[str, Any]) -> list[str]:
    own = [str(node["_target_"])] if node.get("_target_") else []
    return own + [t for v in node.values() if isinstance(v, Mapping) for t in _targets(v)]


def _versions(config: Mapping[str, Any]) -> dict[str, int]:
    names = [name for group in ("dataset", "task", "model") for name in _targets(config[group])]
    found = {name: getattr(locate(name), "version", None) for name in names}
    return {name: version for name, version in found.items() if version is not None}


def _science(config: dict[str, Any], dataset: Any, engine: str, versions: dict[str, int]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        group: _own_choices(config[group], NOT_SCIENCE if group == "dataset" else set()) for group in TARGETS
    }
    kept["model"].pop("engine", None)  # what it resolved to counts
    for name, cls in TYPED.items():
        fields = {f.name: f.default for f in dataclasses.fields(cls) if f.metadata["science"]}
        kept[name] = without_defaults({k: config[name][k] for k in fields}, fields)
    kept["task"].get("encoder", {}).pop("vectors", None)  # the file's sum counts
    if not _has_criterion(config):
        kept.pop("success")
    known = dataset.fingerprint()
    kept |= {"seed": config["seed"], "engine": engine, "versions": versions, "data": _data(config, known)}
    if files := _roles(config, known):
        kept["files"] = files
    if config["init_from"] is not None:
        kept["init_from"] = start_weights(config["init_from"])[1]
    return kept


def _data(config: dict[str, Any], known: dict[str, str]) -> dict[str, str]:
    """sha256 by file, of the data and of the word vectors that an encoder starts from."""
    vectors = (config["task"].get("encoder") or {}).get("vectors")
    if vectors is None:
        return known
    try:
        return known | {Path(vectors).name: sha256(vectors)}
    except ValueError as error:
        raise Problems([f"task.encoder.vectors={error}"]) from error


def _roles(config: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    """What each given file is for, by its sha256, where the names and sums of ``_data`` do not say it.

    A lone file of a dataset of ours they do.
    """
    given = {key: value for key in FILES if isinstance(value := config["dataset"].get(key), str)}
    if known and set(given) <= {"path"}:
        given = {}
    vectors = (config["task"].get("encoder") or {}).get("vectors")
    if vectors is not None and Path(vectors).name in known:
        given["vectors"] = vectors
    files = {role: Path(path).expanduser() for role, path in given.items()}
    return {role: sha256(str(path)) if path.is_file() else str(path) for role, path in files.items()}


def _has_criterion(config: Mapping[str, Any]) -> bool:
    return any(config["success"][key] is not None for key in ("error", "metric"))


def _own_choices(node: Mapping[str, Any], left_out: Collection[str]) -> dict[str, Any]:
    """The arguments of a ``_target_`` that differ from its signature's defaults, nested ones likewise."""
    if not node.get("_target_"):
        return {}
    parameters = inspect.signature(locate(str(node["_target_"]))).parameters
    chosen: dict[str, Any] = {"_target_": node["_target_"]}
    for key, value in node.items():
        if key in left_out or key.startswith("_"):
            continue
        if isinstance(value, Mapping):
            chosen[key] = _own_choices(value, left_out) if "_target_" in value else dict(value)
        elif key not in parameters or not _same(parameters[key].default, value):
            chosen[key] = value
    return chosen


def _same(default: Any, value: Any) -> bool:
    if isinstance(default, tuple) and isinstance(value, list):
        return list(default) == value
    return (
        default is not inspect.Parameter.empty
        and default == value
        and isinstance(default, bool) == isinstance(value, bool)
    )


def start_weights(run: str) -> tuple[Path, str]:
    """The checkpoint of a finished run and that run's identity, for ``init_from``."""
    folder = RunDirectory(run)
    record, checkpoint = folder.result(), folder.checkpoints / "selected.ckpt"
    if record is None or not checkpoint.exists():
        raise Problems([f"init_from={run}: not the directory of a finished run (result.json, selected.ckpt)"])
    return checkpoint, record["identity"]


def hyperparameters(config: Mapping[str, Any]) -> dict[str, Any]:
    """A flat view for tables and TensorBoard: values alone, and the classes of a task's parts.

    Left out is what cannot change a result.
    """
    left_out = {"paths", "logger", "dry_run", "threads", "replicas", "replicas_max_memory", "budget"}
    if not _has_criterion(config):
        left_out.add("success")
    kept = {k: v for k, v in config.items() if k not in left_out}
    idle = {
        f"{name}.{f.name}" for name, cls in TYPED.items() for f in dataclasses.fields(cls) if not f.metadata["science"]
    }
    flat = flatten(kept).items()
    shown = {k: v for k, v in flat if v is not None and not {k, *k.split(".")} & (NOT_SCIENCE | idle) and "._" not in k}
    for group in ("optimizer", "scheduler"):
        shown[group] = str(config[group]["_target_"] or "none").rpartition(".")[2]
    for part in ("encoder", "composition"):
        target = (config["task"].get(part) or {}).get("_target_", "none")
        shown[f"task.{part}"] = target.rpartition(".")[2]
    return shown
