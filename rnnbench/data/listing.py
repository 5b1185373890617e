"""What ``rnnbench data list|prepare|verify`` shows: plain rows, printed elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rnnbench.data import files
from rnnbench.data.manifest import entry

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


def _row(name: str, data_dir: str | Path | None) -> Row:
    found = entry(name)
    path = files.locate(name, data_dir) or files.data_folder(data_dir) / found.file
    return Row(name, status(name, data_dir), found.bytes, found.licence, path, found.url, found.expected)
