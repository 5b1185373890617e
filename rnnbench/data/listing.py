"""``rnnbench data list|prepare|verify``: which published files are there, and whether they are the right ones."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from rnnbench.data import files
from rnnbench.data.manifest import entry
from rnnbench.errors import UserError

Status = Literal["present", "missing", "corrupt"]


@dataclass(frozen=True)
class Row:
    """One file. ``path`` is where it lies or should lie; ``bytes`` its unpacked size."""

    name: str
    status: Status
    bytes: int
    licence: str
    path: Path
    url: str
    expected: str


def status(name: str, data_dir: str | Path | None) -> Status:
    """Whether the file called ``name`` in the manifest is in the data folder, with the right sum."""
    path = files.locate(name, data_dir)
    if path is None:
        return "missing"
    found = entry(name)
    return "present" if files.digest(found, path) == found.expected else "corrupt"


def rows(names: Iterable[str], data_dir: str | Path | None) -> list[Row]:
    """A row for each file in ``names``, every one of them read and summed."""
    return [_row(name, data_dir) for name in names]


def dataset_files() -> dict[str, tuple[str, ...]]:
    """The manifest names of the files that each shipped configuration of a data set reads; none for most."""
    package = Path(__file__).resolve().parents[1]
    conf = package / "conf" if (package / "conf").is_dir() else package.parent / "conf"
    return {path.stem: _reads(path) for path in sorted((conf / "dataset").glob("[!_]*.yaml"))}


def main(action: str, names: Sequence[str], data_dir: str | Path | None) -> int:
    """Print what ``action`` finds for data sets or files called ``names`` (none: every data set); the exit code.

    Raises ``UserError`` for a name that is neither.
    """
    known = dataset_files()
    chosen = {name: known[name] if name in known else (entry(name).name,) for name in names or known}
    wanted = list(dict.fromkeys(file for reads in chosen.values() for file in reads))  # several may share one
    problems = _prepare(wanted, data_dir) if action == "prepare" else []
    found = rows(wanted, data_dir)
    width = max(map(len, [*wanted, *chosen]))
    for name, reads in chosen.items():
        if not reads:
            print(f"{name:<{width}} no published file")
    for row in found:
        readers = [name for name, reads in known.items() if row.name in reads]
        of = "" if readers == [row.name] else f"  of {', '.join(readers)}" if readers else ""
        print(f"{row.name:<{width}} {row.status:<8} {row.bytes / 1e6:8.2f} MB  {row.path}  ({row.licence}){of}")
        if action == "verify" and row.status == "corrupt":
            problems.append(f"{row.path} is corrupt: expected sha256 {row.expected}; replace it from {row.url}")
        elif action == "verify" and row.status == "missing" and names:
            problems.append(f"{row.path} is missing: expected sha256 {row.expected}, from {row.url}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _prepare(names: Iterable[str], data_dir: str | Path | None) -> list[str]:
    """Fetch each file; one that fails does not keep the others from coming."""
    problems = []
    for name in names:
        try:
            files.fetch(name, data_dir)
        except UserError as error:
            problems.append(str(error))
    return problems


def _row(name: str, data_dir: str | Path | None) -> Row:
    found = entry(name)
    path = files.locate(name, data_dir) or files.data_folder(data_dir) / found.file
    return Row(name, status(name, data_dir), found.bytes, found.licence, path, found.url, found.expected)


def options(path: Path) -> dict[str, Any]:
    """The keys of a data set's configuration, with those of the configurations that it starts from."""
    node: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    merged: dict[str, Any] = {}
    for default in node.pop("defaults", []):
        if isinstance(default, str) and default != "_self_":
            merged |= options(path.with_name(f"{default}.yaml"))
    return merged | node


def _reads(path: Path) -> tuple[str, ...]:
    node = options(path)
    if node.pop("data_dir", None) is None:  # the mark of a data set that reads published files
        return ()
    return _built(node).files


def _built(node: dict[str, Any]) -> Any:
    """The object that a node with a ``_target_`` describes."""
    module, _, cls = str(node["_target_"]).rpartition(".")
    rest = {k: v for k, v in node.items() if k != "_target_"}
    arguments = {k: _built(v) if isinstance(v, dict) and "_target_" in v else v for k, v in rest.items()}
    return getattr(importlib.import_module(module), cls)(**arguments)
