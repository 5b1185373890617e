"""A published number that a table sets beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from rnnbench.errors import UserError, nearest
from rnnbench.results.verdict import SCALES, rounding_of

UP_TO_ONE = ("accuracy", "corr", "f1", "precision", "recall", "exact")  # what counts is the distance from 1


@dataclass(frozen=True)
class Published:
    """One number of a paper.

    Attributes:
        row: label of the table's row.
        col: label of the table's column.
        metric: its name in our records.
        value: in the unit of our records.
        rounding: half a unit of the last printed digit.
        runs_averaged: runs behind it; 1 when the paper does not say.
        scale: ``linear``, ``log`` or ``error_rate``; see ``results.verdict``.
        source: where it stands.
    """

    row: str
    col: str
    metric: str
    value: float
    rounding: float = 0.0
    runs_averaged: int = 1
    scale: str = "linear"
    source: str = ""


def read_published(entries: Sequence[Mapping[str, Any]]) -> list[Published]:
    """Published numbers from the entries of a YAML file.

    ``value`` as text (``"8.50"``) gives its rounding by itself. ``scale`` is the error rate for an accuracy and
    whatever else is 1 at best, and linear for the rest, unless given.

    Raises:
        UserError: an entry without a needed key, with an unknown one, or with a value out of range.
    """
    return [_read(entry, f"published number {number}") for number, entry in enumerate(entries, start=1)]


def _read(entry: Mapping[str, Any], name: str) -> Published:
    known = [field.name for field in fields(Published)]
    for key in entry:
        if key not in known:
            raise UserError(f"{name}: unknown key {key!r}; {nearest(key, known)}")
    for key in ("row", "col", "metric", "value"):
        if key not in entry:
            raise UserError(f"{name}: {key} is missing")
    values = {"scale": "error_rate" if entry["metric"] in UP_TO_ONE else "linear", **entry}
    values |= {"row": str(entry["row"]), "col": str(entry["col"])}
    try:
        if isinstance(entry["value"], str):
            values.setdefault("rounding", rounding_of(entry["value"]))
        values["value"] = float(entry["value"])
    except ValueError as error:
        raise UserError(f"{name}: value={entry['value']!r} is not a number") from error
    if values["scale"] not in SCALES:
        raise UserError(f"{name}: scale={values['scale']!r}; {nearest(values['scale'], SCALES)}")
    if values.get("rounding", 0) < 0 or values.get("runs_averaged", 1) < 1:
        raise UserError(f"{name}: rounding must not be negative and runs_averaged must be at least 1")
    return Published(**values)
