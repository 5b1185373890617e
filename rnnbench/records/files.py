"""Files that are whole whenever the process dies, and CSV files whose damage is one line."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from rnnbench.errors import UserError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write ``content`` so that, whenever the process dies, ``path`` holds the old or the new one.

    Raises:
        OSError: it cannot be written; it names ``path``, which is as it was.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    path = Path(os.path.realpath(path))  # what a link leads to is written, the link stays
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():  # a device or a pipe is written to, never replaced
        path.write_bytes(data)
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            if path.exists():
                shutil.copymode(path, temporary)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:  # a full disk does not say where
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
    if hasattr(os, "O_DIRECTORY"):  # the new name itself; Windows cannot open a folder, and needs no such call
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        with contextlib.suppress(OSError):  # some network file systems know no such call; the file is written
            os.fsync(folder)
        os.close(folder)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes that ask for ``path`` waiting: what is read here and written again loses nothing of theirs.

    A hidden file beside it is locked and stays; the kernel lets go when the process dies.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.stem}.lock")):
        yield


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        UserError: it is no text in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {error}; save it as UTF-8") from error


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write a CSV file with a heading; what a row lacks is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())


def read_rows(path: Path, columns: Sequence[str] = ()) -> list[tuple[str, dict[str, str]]]:
    """The lines of a CSV file: where each stands, for messages, and its cells by the heading.

    Args:
        path: of the file.
        columns: that the heading must name.

    Raises:
        UserError: it cannot be read, or is no such file.
    """
    found = []
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:  # a spreadsheet may have put a mark before it
            reader = csv.DictReader(file, strict=True)
            lacking = [column for column in columns if column not in (reader.fieldnames or ())]
            if lacking:
                raise UserError(f"{path}: its heading lacks {', '.join(lacking)}; take the file as it was written")
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if None in row or None in row.values():
                    raise UserError(f"{where}: has not as many cells as the heading; take the file as it was written")
                found.append((where, row))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: {error}; take the file as it was written") from error
    return found
