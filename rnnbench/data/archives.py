"""Reading members of tar and zip archives by name, without ever extracting a path that an archive chose."""

from __future__ import annotations

import hashlib
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

CHUNK = 1 << 20
BROKEN = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError, NotImplementedError)


class BadArchive(Exception):
    """The file is no readable archive, or lacks a member."""


def copy_member(path: Path, member: str, out: IO[bytes], limit: int) -> None:
    """Write the member of the archive to ``out``, stopping soon after ``limit`` bytes.

    Raises ``BadArchive`` when there is no such member.
    """
    with _readable(path):
        for name, content in _members(path):
            if name.removeprefix("./") == member:
                written = 0
                while written <= limit and (chunk := content.read(CHUNK)):
                    written += out.write(chunk)
                return
    raise BadArchive(f"{path}: no member {member}")


def read_members(path: Path, pattern: str) -> dict[str, bytes]:
    """The members that ``pattern`` finds, by the name that is its group 1. Raises ``BadArchive``."""
    with _readable(path):
        return {found[1]: content.read() for name, content in _members(path) if (found := re.search(pattern, name))}


def members_sum(path: Path, pattern: str) -> str:
    """sha256 over the sorted lines ``name  sha256`` of the members that ``pattern`` finds. Raises ``BadArchive``."""
    lines = []
    with _readable(path):
        for name, content in _members(path):
            if found := re.search(pattern, name):
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
                lines.append(f"{found[1]}  {sha256}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of every regular file in the archive, in its own order."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    with archive.open(info) as content:
                        yield info.filename, content
        return
    with tarfile.open(path, "r:*") as archive:
        for info in archive:
            content = archive.extractfile(info) if info.isfile() else None
            if content is not None:
                yield info.name, content


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        raise BadArchive(f"{path}: {(str(error) or type(error).__name__).splitlines()[0]}") from error
