"""The directory of a run: what lies in it, how it is written without tearing, and what state it is in.

Layout: ``<runs_dir>/runs/<dataset>-<model>-s<seed>-<identity>/`` with ``job.json``, ``config.yaml``,
``provenance.json``, ``checkpoints/``, TensorBoard events, ``run.lock``, and ``result.json`` (written last) or
``failure.json``.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rnnbench.errors import UserError
from rnnbench.records.files import write_whole
from rnnbench.records.record import SCHEMA, Job, validate

log = logging.getLogger("rnnbench")

RUNS = "runs"
LOCK_WAIT = 2.0  # seconds; a `status` that is just probing the lock must not turn a run away


class RunBusy(UserError):
    """Another process is training this very run."""


def run_name(dataset: str, model: str, seed: int, identity: str) -> str:
    """The directory of a run relative to the runs folder, with forward slashes."""
    return f"{RUNS}/{slug(dataset)}-{slug(model)}-s{seed}-{identity[:10]}"


def slug(text: str) -> str:
    """``text`` as a file name on any system: at most 80 letters, digits, ``. _ = -``, no leading dot."""
    return re.sub(r"[^A-Za-z0-9._=-]+", "_", str(text)).strip(".")[:80] or "_"


def write_json(path: Path, data: Any) -> None:
    """Write ``data`` so that, whenever the process dies, ``path`` holds the old or the new text."""
    write_whole(path, json.dumps(_finite(data), indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in ``path``; None, with a warning unless it is simply absent, when there is no whole one."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        log.warning("%s cannot be read and counts as absent: %s", path, error)
        return None
    if not isinstance(data, dict):
        log.warning("%s holds no JSON object and counts as absent", path)
        return None
    return data


def _finite(value: Any) -> Any:
    """``value`` with NaN and infinities as None, because strict JSON has no word for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


class RunDirectory:
    """The directory of one run. Nothing is created before the first write or lock.

    Example:
        >>> directory = RunDirectory(runs_dir / job.directory)
        >>> with directory.lock():
        ...     directory.write_job(job)
        ...     directory.write_result(train())
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)

    @property
    def checkpoints(self) -> Path:
        """The folder of saved training states."""
        return self.path / "checkpoints"

    def write_job(self, job: Job) -> None:
        """Leave word of what this run is, for the time before it has a record."""
        write_json(self.path / "job.json", job.as_dict())

    def job(self) -> Job | None:
        """What ``write_job`` wrote, or what the record says; None when neither is there."""
        for read in (partial(read_json, self.path / "job.json"), self.result):
            if (values := read()) is not None:
                try:
                    return Job.from_dict({"directory": f"{RUNS}/{self.path.name}", **values})
                except ValueError as error:
                    log.warning("%s counts as absent: %s", self.path / "job.json", error)
        return None

    def write_result(self, record: Mapping[str, Any]) -> None:
        """Write the record, atomically, as the last act of a run; the word of an earlier failure goes.

        Raises:
            ValueError: ``record`` does not follow the schema.
        """
        validate(record)
        write_json(self.path / "result.json", record)
        (self.path / "failure.json").unlink(missing_ok=True)

    def result(self) -> dict[str, Any] | None:
        """The record; None when there is none, and, with a warning, when the file is torn.

        Raises:
            UserError: a later version of the package wrote it; taking it for absent would train and overwrite
                it.
        """
        path = self.path / "result.json"
        record = read_json(path)
        if record is None:
            return None
        schema = record.get("schema")
        if isinstance(schema, int) and schema > SCHEMA:
            raise UserError(f"{path} has schema {schema}, this rnnbench reads {SCHEMA}: install a newer rnnbench")
        try:
            validate(record)
        except ValueError as error:
            log.warning("%s counts as absent: %s", path, error)
            return None
        return record

    def write_failure(self, failure: Mapping[str, Any]) -> None:
        """Keep what went wrong: ``error`` (one line), ``traceback`` (its text), and whatever else helps."""
        write_json(self.path / "failure.json", failure)

    def failure(self) -> dict[str, Any] | None:
        """What ``write_failure`` wrote, or None."""
        return read_json(self.path / "failure.json")

    def status(self) -> str:
        """The first that holds: finished or diverged, running, failed, interrupted, pending."""
        return self.read()[0]

    def read(self) -> tuple[str, dict[str, Any] | None]:
        """The status and the record, which is read once."""
        record = self.result()
        if record is not None:
            return record["status"], record
        if self._locked():
            return "running", None
        if (self.path / "failure.json").exists():
            return "failed", None
        if self.checkpoints.is_dir() and any(self.checkpoints.iterdir()):
            return "interrupted", None
        return "pending", None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other process out of this run; the kernel lets go when the process dies.

        Raises:
            RunBusy: another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._lock_file)
        try:
            lock.acquire(timeout=LOCK_WAIT, poll_interval=0.05)
        except Timeout as error:
            raise RunBusy(f"{self.path} is being trained by another process: wait for it or stop it") from error
        try:
            yield
        finally:
            lock.release()

    @property
    def _lock_file(self) -> Path:
        return self.path / "run.lock"

    def _locked(self) -> bool:
        # A file that we may not write belongs to an archive or another user; asking would raise.
        if not self._lock_file.exists() or not os.access(self._lock_file, os.W_OK):
            return False
        lock = FileLock(self._lock_file)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return True
        lock.release()
        return False
