"""A paper's statement about two of its models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rnnbench.errors import UserError, nearest
from rnnbench.records.declared import read
from rnnbench.records.published import METHODS

SAYS = ("better", "worse", "equal")
TESTS = ("auto", "paired", "welch")
SCALES = ("linear", "log")


@dataclass(frozen=True)
class Claim:
    """``a`` is better than, worse than or equal to ``b`` on ``col``.

    Attributes:
        a: a row.
        b: another, or one of ``METHODS``, which need no training, as ``baseline``.
        says: ``better``, ``worse`` or ``equal``.
        col: a column.
        margin: for ``equal``: differences smaller than this count as none; on the log scale a factor, 1.1.
        test: ``paired``, ``welch``, or ``auto``: paired where the runs saw the same data under the same seeds.
        scale: ``linear``, or ``log`` for what spans decades.
        source: where the paper says so.
    """

    a: str
    b: str
    says: str
    col: str
    margin: float | None = None
    test: str = "auto"
    scale: str = "linear"
    source: str = ""

    def __str__(self) -> str:
        relation = {"better": "better than", "worse": "worse than", "equal": "equal to"}[self.says]
        within = f", within {'a factor of ' if self.scale == 'log' else ''}{self.margin:g}" if self.margin else ""
        return f"{self.a} is {relation} {self.b} on {self.col}{within}"


def read_claims(
    entries: Sequence[Any], rows: Iterable[str], cols: Iterable[str], split: str, name: str = "claim"
) -> tuple[Claim, ...]:
    """Claims from the entries of a YAML file; ``col`` need not be given where there is one.

    Args:
        entries: of the file.
        rows: of the table.
        cols: of the table.
        split: that the table compares.
        name: that messages begin with.

    Raises:
        UserError: an entry with an unknown key or value, or of a row or column that the table has not.
    """
    rows, cols = list(rows), list(cols)
    return tuple(_read(entry, f"{name} {i}", rows, cols, split) for i, entry in enumerate(entries, start=1))


def _read(entry: Any, name: str, rows: list[str], cols: list[str], split: str) -> Claim:
    claim = read(Claim, {"col": cols[0], **entry} if isinstance(entry, dict) and len(cols) == 1 else entry, name)
    choices = (("a", rows), ("b", [*rows, *METHODS]), ("col", cols), ("says", SAYS), ("test", TESTS), ("scale", SCALES))
    for key, allowed in choices:
        if (value := getattr(claim, key)) not in allowed:
            raise UserError(f"{name}: {key}={value!r}; {nearest(value, allowed)}")
    if claim.a == claim.b:
        raise UserError(f"{name}: a and b are both {claim.a}")
    if claim.b in METHODS and split != "test":
        raise UserError(f"{name}: {claim.b} is known on test alone, and the first split is {split}")
    least = 1 if claim.scale == "log" else 0
    if (claim.says == "equal") != (claim.margin is not None) or (claim.margin is not None and claim.margin <= least):
        raise UserError(f"{name}: margin={claim.margin}: `equal` needs one above {least}, nothing else has one")
    return claim
