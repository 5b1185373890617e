"""Word vectors from a text file in the form of GloVe or fastText: a word and its numbers on each line."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

RESERVED = 2  # ids before the first word's: padding and the unknown word


@torch.no_grad()
def fill(weight_VE: Tensor, words: Sequence[str], path: str) -> float:
    """Put a file's vectors of ``words`` into rows 2, 3, ... of ``weight_VE``; the share of the words that it has.

    A file with capitals serves a vocabulary without: of two lines that fit, the word as it stands comes first, and the
    small form of another word after it. Only what is needed is kept, so a file of gigabytes takes its reading time
    alone.

    Raises:
        ValueError: in one line, for a file that cannot be read, is no such text, or has vectors of another size.
    """
    rows, exact = {word: i for i, word in enumerate(words, RESERVED)}, set()
    found: set[int] = set()
    try:
        with Path(path).expanduser().open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                word, _, rest = line.rstrip().partition(" ")
                if number == 1 and rest.isdigit():
                    continue  # fastText's first line: how many, how long
                row = rows.get(word, rows.get(word.lower()))
                if row is None or row in exact or (row in found and word not in rows):
                    continue
                weight_VE[row] = _vector(rest, weight_VE.shape[1], f"{path}: line {number}")
                found.add(row)
                if word in rows:
                    exact.add(row)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as UTF-8 text ({str(error).splitlines()[0]})") from error
    if not found:
        raise ValueError(f"{path}: has a vector for none of the {len(words)} words of the vocabulary")
    return len(found) / len(words)


def _vector(numbers: str, size: int, where: str) -> Tensor:
    try:
        values = [float(number) for number in numbers.split(" ")]
    except ValueError:
        raise ValueError(f"{where}: is not a word and its numbers") from None
    if len(values) != size:
        raise ValueError(f"{where}: has {len(values)} numbers, task.encoder.size is {size}")
    return torch.tensor(values)


def sha256(path: str) -> str:
    """Of the bytes of the file, read once for each state of it. Raises ``ValueError`` in one line."""
    try:
        stamp = Path(path).expanduser().stat()
        return _sha256(path, stamp.st_mtime_ns, stamp.st_size)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from error


@lru_cache(maxsize=8)
def _sha256(path: str, mtime_ns: int, size: int) -> str:
    with Path(path).expanduser().open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
