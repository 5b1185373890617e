"""The record of a run: the one thing that the half that trains hands to the half that reports.

It is the content of ``result.json``, schema 1. JSON knows no NaN: a number that is not finite is stored as
null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict

SCHEMA = 1
SPLITS = ("train", "valid", "test")


class Selection(TypedDict):
    """The rule that chose the weights which were tested, and where in training they stood."""

    rule: str  # "best_valid" or "last"
    metric: str
    mode: str  # "min" or "max"
    epoch: int
    step: int


class Record(TypedDict):
    """Schema 1 of ``result.json``; a reader of this file needs no other."""

    schema: int
    identity: str
    status: str  # "finished", or "diverged" when the loss was no longer a number
    model: str
    dataset: str
    task: str
    seed: int
    science: dict[str, Any]  # what the identity is the hash of
    config: dict[str, Any]  # the whole resolved configuration
    overrides: list[str]  # as typed
    versions: dict[str, int]  # of the cell, dataset and task involved
    data_sha256: dict[str, str]  # of each data file
    engine: str
    precision: str
    hidden_size: int | None
    selection: Selection
    metrics: dict[str, dict[str, float | None]]  # split -> metric -> value of the chosen weights
    metric_modes: dict[str, str]  # metric -> whether "min" or "max" is better
    primary_metric: str
    baseline: dict[str, float] | None  # metric -> test value of the constant that fits train best
    references: NotRequired[dict[str, dict[str, float]]]  # method without training -> metric -> test value
    series: dict[str, list[float | None]]  # "epoch", "step" and every logged metric, all of one length
    parameters: dict[str, int]  # trainable weights: backbone, encoder, head
    state_size: int | None  # numbers carried from step to step
    epochs: int
    steps: int
    seconds: float  # over all attempts
    steps_per_second: float | None
    peak_memory_bytes: int | None  # of this run alone, or its share of a group's
    success: NotRequired[dict[str, Any]]  # of a criterion: "reached", and after how many "sequences"
    replicas: NotRequired[int]  # runs that were trained as one program, this one counted; the times are its share
    budget: dict[str, Any] | None
    attempts: int
    hparams: dict[str, Any]  # flat, "optimizer.lr": 0.001: what tables and TensorBoard show
    hardware: NotRequired[str]  # processor or CUDA device of the last attempt; absent in older records


_NUMBER = (int, float)
_NONE = type(None)
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("schema", "seed", "epochs", "steps", "attempts"), (int,)),
    **dict.fromkeys(
        ("identity", "status", "model", "dataset", "task", "engine", "precision", "primary_metric"), (str,)
    ),
    **dict.fromkeys(("science", "config", "versions", "data_sha256", "selection", "metrics"), (dict,)),
    **dict.fromkeys(("metric_modes", "series", "parameters", "hparams"), (dict,)),
    **dict.fromkeys(("hidden_size", "state_size", "peak_memory_bytes"), (int, _NONE)),
    **dict.fromkeys(("baseline", "budget"), (dict, _NONE)),
    "overrides": (list,),
    "seconds": _NUMBER,
    "steps_per_second": (*_NUMBER, _NONE),
}
# What records of earlier versions do not have.
_OPTIONAL: dict[str, tuple[type, ...]] = {
    "hardware": (str,),
    "references": (dict,),
    "replicas": (int,),
    "success": (dict, _NONE),
}


def validate(record: Mapping[str, Any]) -> None:
    """Check that ``record`` follows schema 1.

    Raises:
        ValueError: one line that names the first key that is missing, unknown or of the wrong type or value.
    """
    for key, types in (_TYPES | _OPTIONAL).items():
        if key not in record:
            if key in _OPTIONAL:
                continue
            raise ValueError(f"record: {key!r} is missing")
        value = record[key]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            allowed = " or ".join("null" if t is _NONE else t.__name__ for t in types)
            raise ValueError(f"record: {key}={value!r} must be {allowed}")
    unknown = sorted(set(record) - set(_TYPES) - set(_OPTIONAL))
    if unknown:
        raise ValueError(f"record: unknown key {unknown[0]!r}")
    if record["schema"] != SCHEMA:
        raise ValueError(f"record: schema={record['schema']} must be {SCHEMA}")
    if record["status"] not in ("finished", "diverged"):
        raise ValueError(f"record: status={record['status']!r} must be 'finished' or 'diverged'")
    _validate_numbers(record)


def _validate_numbers(record: Mapping[str, Any]) -> None:
    """Selection, splits, modes, series and what tables read of the rest of a record whose keys and types are right."""
    science = record["science"]
    for key in ("dataset", "versions"):
        if not isinstance(science.get(key, {}), dict):
            raise ValueError(f"record: science.{key} must be a dict")
    if not isinstance(science.get("dataset", {}).get("_target_", ""), str):
        raise ValueError("record: science.dataset._target_ must be a str")
    for key, kind in (("data_sha256", str), ("parameters", int)):
        for name, value in record[key].items():
            if not isinstance(value, kind):
                raise ValueError(f"record: {key}.{name}={value!r} must be {kind.__name__}")
    for key in Selection.__annotations__:
        if key not in record["selection"]:
            raise ValueError(f"record: selection.{key} is missing")
    if not isinstance(rule := record["selection"]["rule"], str):
        raise ValueError(f"record: selection.rule={rule!r} must be str")
    for split, values in record["metrics"].items():
        if split not in SPLITS or not isinstance(values, dict):
            raise ValueError(f"record: metrics.{split} must be a dict of one of {', '.join(SPLITS)}")
    measured = {f"metrics.{split}": values for split, values in record["metrics"].items()}
    measured["baseline"] = record["baseline"] or {}
    measured |= {f"references.{name}": values for name, values in record.get("references", {}).items()}
    for key, values in measured.items():
        if not isinstance(values, dict):
            raise ValueError(f"record: {key} must be a dict")
        for metric, value in values.items():
            if not isinstance(value, (*_NUMBER, _NONE)) or isinstance(value, bool):
                raise ValueError(f"record: {key}.{metric}={value!r} must be a number or null")
    if record["primary_metric"] not in record["metric_modes"]:
        raise ValueError(f"record: metric_modes.{record['primary_metric']} is missing")
    for metric, mode in record["metric_modes"].items():
        if mode not in ("min", "max"):
            raise ValueError(f"record: metric_modes.{metric}={mode!r} must be 'min' or 'max'")
    lengths = {key: len(values) for key, values in record["series"].items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"record: series must be of one length, not {lengths}")


_JOB_TYPES: dict[str, type] = {
    **dict.fromkeys(("identity", "directory", "model", "dataset"), str),
    "seed": int,
    "overrides": list,
    "hparams": dict,
}


@dataclass(frozen=True)
class Job:
    """What is known of a run before it starts.

    Attributes:
        identity: see ``records.identity``.
        directory: of the run, relative to the runs folder, with forward slashes.
        model: name of the architecture.
        dataset: name of the data set.
        seed: of initialisation, order, dropout and generated data.
        overrides: as typed on the command line.
        hparams: flat hyperparameters, ``{"optimizer.lr": 0.001}``.
    """

    identity: str
    directory: str
    model: str
    dataset: str
    seed: int
    overrides: list[str] = field(default_factory=list)
    hparams: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Job:
        """The inverse of ``as_dict``; keys that a later version added are ignored.

        Raises:
            ValueError: one line that names the first key that is missing or of the wrong type.
        """
        known = {key: values[key] for key in cls.__dataclass_fields__ if key in values}
        for key, kind in _JOB_TYPES.items():
            if key not in known and key in ("overrides", "hparams"):
                continue
            if not isinstance(known.get(key), kind):
                raise ValueError(f"job: {key}={known.get(key)!r} must be {kind.__name__}")
        return cls(**known)


@dataclass(frozen=True)
class Run:
    """One job and what became of it.

    Attributes:
        job: what was asked for.
        path: the run directory; it need not exist yet.
        status: ``finished``, ``diverged``, ``failed``, ``running``, ``interrupted`` or ``pending``.
        record: see ``Record``; None unless finished or diverged.
        failure: the content of ``failure.json``; None unless failed.
    """

    job: Job
    path: Path
    status: str
    record: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None

    def metric(self, split: str, name: str) -> float | None:
        """The value of a metric of the chosen weights; None when there is none or it is not a number."""
        values = self.record["metrics"].get(split, {}) if self.record else {}
        return values.get(name)

    def fields(self) -> dict[str, Any]:
        """All that a table can have as rows or columns: job, hyperparameters, flat record and config."""
        from rnnbench.records.identity import flatten

        record = self.record or {}
        plain = {
            k: v
            for k, v in record.items()
            if k not in ("series", "metrics", "hparams", "config", "baseline", "references")
        }
        job = {"model": self.job.model, "dataset": self.job.dataset, "seed": self.job.seed}
        job |= {"identity": self.job.identity, "status": self.status}
        return {**flatten(record.get("config", {})), **flatten(plain), **self.job.hparams, **job}
