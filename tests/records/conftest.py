"""A factory of synthetic records, runs and run directories."""

import hashlib
from pathlib import Path

import pytest

from rnnbench.records.record import SCHEMA, Job, Run
from rnnbench.records.store import RunDirectory, run_name


def make_job(model="lstm", dataset="adding", seed=0, **hparams):
    hparams = {"optimizer.lr": 0.01, "dataset.length": 50, "seed": seed, **hparams}
    text = repr((model, dataset, seed, sorted(hparams.items())))
    identity = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Job(
        identity,
        run_name(dataset, model, seed, identity),
        model,
        dataset,
        seed,
        [f"model={model}", f"seed={seed}"],
        hparams,
    )


def make_record(job, value=0.5, status="finished", series=None, metric="mse", **changes):
    """A whole record; ``value`` is the primary metric on test, and the start of a falling validation curve."""
    mode = "max" if metric == "accuracy" else "min"
    series = series or {
        "epoch": [1, 2, 3],
        "step": [20, 40, 60],
        "train/loss": [value + 0.3, value + 0.2, value + 0.1],
        f"valid/{metric}": [value + 0.2, value + 0.1, value],
    }
    record = {
        "schema": SCHEMA,
        "identity": job.identity,
        "status": status,
        "model": job.model,
        "dataset": job.dataset,
        "task": "regression",
        "seed": job.seed,
        "science": {"model": {"name": job.model}, "seed": job.seed},
        "config": {"seed": job.seed, "trainer": {"max_epochs": 3}, "model": {"hidden_size": 8}},
        "overrides": list(job.overrides),
        "versions": {"cell": 1, "dataset": 1, "task": 1},
        "data_sha256": {},
        "engine": "loop",
        "precision": "32",
        "hidden_size": 8,
        "selection": {"rule": "best_valid", "metric": metric, "mode": mode, "epoch": 3, "step": 60},
        "metrics": {
            "train": {"loss": value, metric: value},
            "valid": {"loss": value, metric: value},
            "test": {"loss": value, metric: value},
        },
        "metric_modes": {metric: mode},
        "primary_metric": metric,
        "baseline": {metric: 0.1667},
        "series": series,
        "parameters": {"backbone": 1234, "encoder": 0, "head": 9},
        "state_size": 16,
        "epochs": 3,
        "steps": 60,
        "seconds": 12.25,
        "steps_per_second": 33.0,
        "peak_memory_bytes": 2**20,
        "budget": None,
        "attempts": 1,
        "hparams": dict(job.hparams),
        "hardware": "A processor",
    }
    return {**record, **changes}


def make_run(value=0.5, model="lstm", dataset="adding", seed=0, status="finished", hparams=None, **changes):
    job = make_job(model, dataset, seed, **(hparams or {}))
    whole = status in ("finished", "diverged")
    record = make_record(job, value, status, **changes) if whole else None
    failure = {"traceback": "Traceback ...\nValueError: boom"} if status == "failed" else None
    return Run(job, Path(job.directory), status, record, failure)


def make_directory(runs_dir, job, value=0.5, **changes):
    directory = RunDirectory(Path(runs_dir) / job.directory)
    directory.write_job(job)
    directory.write_result(make_record(job, value, **changes))
    return directory


class Factory:
    job = staticmethod(make_job)
    record = staticmethod(make_record)
    run = staticmethod(make_run)
    directory = staticmethod(make_directory)


@pytest.fixture
def make():
    return Factory
