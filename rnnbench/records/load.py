"""Finding runs: a run's folder, a sweep's, the folder of all runs, or an archive of records."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rnnbench.errors import UserError
from rnnbench.records.archive import read_archive
from rnnbench.records.record import Job, Run
from rnnbench.records.store import RUNS, RunDirectory
from rnnbench.records.sweep import MANIFEST, SWEEPS, Sweep, load_sweep

if TYPE_CHECKING:
    import pandas

log = logging.getLogger("rnnbench")

MARKS = ("job.json", "result.json", "failure.json", "config.yaml")
Folder = str | os.PathLike[str]


def load_run(path: Folder) -> Run:
    """The run in a folder.

    Raises:
        UserError: the folder is missing or holds no run.
    """
    path = Path(path)
    if not _is_run(path):
        raise UserError(f"{path} is no run: a run's folder holds one of {', '.join(MARKS)}")
    job = RunDirectory(path).job()
    if job is None:
        raise UserError(f"{path} holds neither a readable job.json nor a readable result.json: train the run again")
    return _load(job, path)


def load_runs(folders: Folder | Iterable[Folder]) -> list[Run]:
    """All runs in one or several folders (each run once), whatever became of them.

    Args:
        folders: run folders, sweep folders, the runs folder, or any folder of run or sweep folders; archives
            (``.csv``, see ``records.archive``) too. A sweep's jobs that have not begun are listed as
            ``pending``.

    Raises:
        UserError: a folder does not exist or holds no runs.
    """
    if isinstance(folders, str | os.PathLike):
        folders = [folders]
    runs: dict[str, Run] = {}
    for folder in map(Path, folders):
        found = list(_find(folder))
        if not found:
            raise UserError(f"no runs in {folder}: give the folder of a run, of a sweep, or of all runs")
        for run in found:
            known = runs.get(run.job.identity)
            if known is None or _worth(run) > _worth(known):
                runs[run.job.identity] = run
    return list(runs.values())


def runs_of(sweep: Sweep) -> list[Run]:
    """Every job of a sweep, in its order, and what became of it."""
    return [_load(job, sweep.runs_dir / job.directory) for job in sweep.jobs]


def load_records(folders: Folder | Iterable[Folder]) -> pandas.DataFrame:
    """One row a run: job, status, cost, metrics as ``test/mse``, and hyperparameters.

    Args:
        folders: see ``load_runs``. A run without a record has its status and hyperparameters, and no numbers.

    Example:
        >>> load_records("runs").groupby("model")["test/mse"].mean()
    """
    import pandas

    return pandas.DataFrame([_row(run) for run in load_runs(folders)])


def _row(run: Run) -> dict[str, object]:
    job, record = run.job, run.record or {}
    row: dict[str, object] = {
        "identity": job.identity,
        "model": job.model,
        "dataset": job.dataset,
        "seed": job.seed,
    }
    row |= {"status": run.status, "path": str(run.path)}
    for split, values in record.get("metrics", {}).items():
        row |= {f"{split}/{name}": value for name, value in values.items()}
    row |= {f"parameters/{part}": count for part, count in record.get("parameters", {}).items()}
    for key in ("epochs", "steps", "seconds", "steps_per_second", "peak_memory_bytes", "engine", "precision"):
        row[key] = record.get(key)
    return row | {key: value for key, value in job.hparams.items() if key not in row}


def _worth(run: Run) -> int:
    """A whole record says more than its line in an archive, and that more than a job without one."""
    return 0 if run.record is None else 2 if run.record["series"] else 1


def _find(folder: Path) -> Iterable[Run]:
    if folder.is_file() and folder.suffix == ".csv":
        yield from read_archive(folder)
    elif not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {what}: give the folder of a run, of a sweep, or of all runs")
    elif (folder / MANIFEST).exists():
        yield from runs_of(load_sweep(folder))
    elif _is_run(folder):
        yield load_run(folder)
    elif (folder / RUNS).is_dir() or (folder / SWEEPS).is_dir():
        yield from _children(folder / RUNS)
    else:
        yield from _children(folder)


def _children(folder: Path) -> Iterable[Run]:
    children = sorted(child for child in folder.iterdir() if child.is_dir()) if folder.is_dir() else []
    for child in children:
        if (child / MANIFEST).exists():
            yield from runs_of(load_sweep(child))
        elif _is_run(child):
            job = RunDirectory(child).job()
            if job is None:  # cut off before its first file was whole; starting it again mends it
                log.warning("%s has neither a readable job.json nor result.json and is left out", child)
            else:
                yield _load(job, child)


def _is_run(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in MARKS)


def _load(job: Job, path: Path) -> Run:
    directory = RunDirectory(path)
    status, record = directory.read()
    failure = directory.failure() if status == "failed" else None
    return Run(job, path, status, record, failure)
