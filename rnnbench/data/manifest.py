"""The published files that data sets are made of: where each comes from and the sum it must have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from rnnbench.errors import UserError, nearest


@dataclass(frozen=True)
class Entry:
    """One file of ``manifest.json``.

    Attributes:
        name: what the program calls it.
        file: its path inside the data folder, unpacked; the same with ``.gz`` is accepted too.
        url: where it is published: the file itself, the file gzipped (``….gz``), or an archive.
        licence: under which terms, as far as they are known.
        bytes: size, unpacked (of an archive that is used whole: packed).
        sha256: of the unpacked bytes; None for an archive whose members are summed instead.
        archive_member: the path of the file inside the archive at ``url``.
        members: for an archive that is used whole, a pattern that finds its members; group 1 is the member's name.
        members_sha256: the sum over the sorted lines ``name  sha256`` of those members, a newline after each.
    """

    name: str
    file: str
    url: str
    licence: str
    bytes: int
    sha256: str | None = None
    archive_member: str | None = None
    members: str | None = None
    members_sha256: str | None = None

    @property
    def expected(self) -> str:
        """The sum that decides, for fingerprints and messages."""
        return self.sha256 or self.members_sha256 or ""

    @property
    def basename(self) -> str:
        """The last part of the address."""
        return PurePosixPath(self.url).name


@cache
def entries() -> dict[str, Entry]:
    """All entries by name."""
    rows = json.loads(Path(__file__).with_name("manifest.json").read_text(encoding="utf-8"))
    return {row["name"]: Entry(**row) for row in rows}


def entry(name: str) -> Entry:
    """The entry called ``name``. Raises ``UserError`` with the nearest names when there is none."""
    if name not in entries():
        raise UserError(f"no data file is called {name!r}; {nearest(name, entries())}")
    return entries()[name]
