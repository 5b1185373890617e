"""A sweep on disk: a manifest, written before the first job, and a folder of links to its runs for
TensorBoard.

Runs do not lie inside a sweep, because two sweeps may share them: ``<runs_dir>/sweeps/<name>-<hash of its
jobs>/``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnbench.errors import UserError
from rnnbench.records.identity import canonical
from rnnbench.records.record import SCHEMA, Job
from rnnbench.records.store import RUNS, read_json, slug, write_json

SWEEPS = "sweeps"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Sweep:
    """A set of jobs.

    Attributes:
        path: the sweep's folder.
        jobs: in the order in which they were asked for, each identity once.
        command: the command line that made it.
        unlinked: why the folder holds no links for TensorBoard; None when it does.
    """

    path: Path
    jobs: tuple[Job, ...]
    command: tuple[str, ...] = ()
    unlinked: str | None = None

    @property
    def runs_dir(self) -> Path:
        """The folder that the jobs' directories are relative to."""
        return runs_dir_of(self.path)


def runs_dir_of(sweep: Path) -> Path:
    """The folder of runs above that of a sweep, which may be named from where it lies: ``parent`` of ``.`` is ``.``."""
    return Path(os.path.normpath(sweep / ".." / ".."))


def create_sweep(runs_dir: str | os.PathLike[str], name: str, jobs: Sequence[Job], command: Sequence[str]) -> Sweep:
    """Write (or, for the same jobs, renew) a sweep's manifest and links; it is then the latest sweep.

    Args:
        runs_dir: where runs and sweeps lie.
        name: readable part of the folder's name.
        jobs: at least one; of several with the same identity the first is kept.
        command: the command line, kept for the reader.

    Raises:
        ValueError: there are no jobs.
    """
    if not jobs:
        raise ValueError("jobs=[]: a sweep needs at least one job")
    jobs = tuple({job.identity: job for job in reversed(jobs)}[identity] for identity in _unique(jobs))
    digest = hashlib.sha256("\n".join(sorted(job.identity for job in jobs)).encode()).hexdigest()[:8]
    path = Path(runs_dir) / SWEEPS / f"{slug(name)}-{digest}"
    before = read_json(path / MANIFEST) or {}
    manifest = {
        "schema": SCHEMA,
        "created": before.get("created", time.strftime("%Y-%m-%dT%H:%M:%S%z")),
        "command": list(command),
        "jobs": [job.as_dict() for job in jobs],
    }
    write_json(path / MANIFEST, manifest)  # also renews the file's time, by which `latest_sweep` goes
    unlinked = None if _link(path, Path(runs_dir), jobs) else _no_links(path)
    return Sweep(path, jobs, tuple(command), unlinked)


def load_sweep(path: str | os.PathLike[str]) -> Sweep:
    """The sweep in a folder.

    Raises:
        UserError: the folder holds no readable manifest.
    """
    path = Path(path)
    manifest = read_json(path / MANIFEST)
    if manifest is None:
        raise UserError(f"{path} holds no readable {MANIFEST}: give the folder of a sweep or run the sweep again")
    schema = manifest.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise UserError(f"{path / MANIFEST} has schema {schema}: install a newer rnnbench")
    try:
        jobs = tuple(Job.from_dict(job) for job in manifest["jobs"])
        command = tuple(map(str, manifest["command"]))
        first = path / link_names(jobs)[0]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"{path / MANIFEST} is damaged ({error}): run the sweep again") from error
    return Sweep(path, jobs, command, None if first.is_symlink() else _no_links(path))


def latest_sweep(runs_dir: str | os.PathLike[str]) -> Path:
    """The folder of the sweep that was started, or started again, most recently.

    Raises:
        UserError: there is none.
    """
    manifests = list((Path(runs_dir) / SWEEPS).glob(f"*/{MANIFEST}"))
    if not manifests:
        raise UserError(f"no sweep in {Path(runs_dir) / SWEEPS}: run `rnnbench train -m ...` or name a folder")
    return max(manifests, key=lambda manifest: (manifest.stat().st_mtime_ns, str(manifest))).parent


def tensorboard(folder: Path) -> str:
    """The command that shows the runs in a folder, for any shell."""
    return shlex.join(["tensorboard", "--host", "127.0.0.1", "--logdir", str(folder)])


def distinguishing(groups: Iterable[Sequence[Mapping[str, Any]]]) -> list[str]:
    """The fewest keys, taken in order, that tell apart whatever can be told apart within each group.

    A key counts only where two different values meet in a group: one that is merely absent (in records older than
    the key) says nothing. Of keys that say the same, ``_target_`` is the last choice, and the hidden size, which a
    budget solves for, the last but one.
    """
    groups = [list(group) for group in groups]
    keys = {key for group in groups for key in varying(group)}
    kept: list[str] = []
    parts = _count_parts(groups, kept)
    for key in sorted(keys, key=_order):
        finer = _count_parts(groups, [*kept, key])
        if finer != parts:
            kept, parts = [*kept, key], finer
    return kept


def _order(key: str) -> tuple[bool, bool, bool, str]:
    return key not in ("model", "dataset"), key.endswith("_target_"), key == "model.hidden_size", key


def short_label(settings: Mapping[str, Any], keys: Sequence[str]) -> str:
    """``lr=0.01, hidden_size=64``: the keys by their last part, or in full where that is not unique."""
    last = [key.rsplit(".", 1)[-1] for key in keys]
    names = [short if last.count(short) == 1 else key for key, short in zip(keys, last)]
    return ", ".join(f"{name}={settings.get(key, '-')}" for key, name in zip(keys, names))


def link_names(jobs: Sequence[Job]) -> list[str]:
    """For each job ``<dataset>/<model>/s<seed>``, and what sets it apart from the others in that folder."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for job in jobs:
        groups[job.dataset, job.model].append(_without_seed(job.hparams))
    keys = {group: distinguishing([members]) for group, members in groups.items()}
    names = []
    for job in jobs:
        label = short_label(job.hparams, keys[job.dataset, job.model]).replace(", ", "-")
        tail = f"-{label}" if len(label) < 60 else f"-{job.identity[:8]}"
        names.append(f"{slug(job.dataset)}/{slug(job.model)}/" + slug(f"s{job.seed}{tail if label else ''}"))
    times = Counter(names)
    return [n if times[n] == 1 else f"{n}-{job.identity[:8]}" for n, job in zip(names, jobs)]


def _without_seed(hparams: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in hparams.items() if key != "seed"}


def varying(group: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys of which several values meet in a group."""
    values: dict[str, set[str]] = defaultdict(set)
    for settings in group:
        for key in settings:
            values[key].add(_text(settings, key))
    return [key for key, found in values.items() if len(found) > 1]


def _count_parts(groups: Sequence[Sequence[Mapping[str, Any]]], keys: Sequence[str]) -> list[int]:
    return [len({tuple(_text(settings, key) for key in keys) for settings in group}) for group in groups]


def _text(values: Mapping[str, Any], key: str) -> str:
    return json.dumps(canonical(values[key], key), sort_keys=True) if key in values else "absent"


def _unique(jobs: Sequence[Job]) -> list[str]:
    return list(dict.fromkeys(job.identity for job in jobs))


def _link(path: Path, runs_dir: Path, jobs: Sequence[Job]) -> bool:
    """Make the links; False where the file system will not have any (Windows without developer mode)."""
    for name, job in zip(link_names(jobs), jobs):
        link = path / name
        link.parent.mkdir(parents=True, exist_ok=True)
        target = os.path.relpath(runs_dir / job.directory, link.parent)
        if link.is_symlink():
            if os.readlink(link) == target:
                continue
            link.unlink()
        try:
            link.symlink_to(target, target_is_directory=True)
        except FileExistsError:  # another process with the same sweep has just made it
            continue
        except (OSError, NotImplementedError):
            return False
    return True


def _no_links(path: Path) -> str:
    return f"{path} has no links to its runs, which this system forbids: give TensorBoard {runs_dir_of(path) / RUNS}"
