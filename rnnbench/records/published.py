"""A published number that a table sets beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnnbench.errors import UserError, nearest
from rnnbench.records.declared import read
from rnnbench.records.record import SPLITS

SCALES = ("linear", "log", "error_rate")
UP_TO_ONE = ("accuracy", "corr", "f1", "precision", "recall", "exact")  # what counts is the distance from 1
BASELINE = "baseline"
METHODS = {  # rows of a table of the test split that need no training
    BASELINE: "the constant prediction that fits the training data best by the loss; of generated data the exact one",
    "naive": "the last value goes on",
    "seasonal naive": "the values of the last season go on",
    "drift": "the line from the first value through the last goes on",
    "AR": "autoregression by least squares, its order",
}


@dataclass(frozen=True)
class Published:
    """One number of a paper.

    Attributes:
        row: label of the table's row, or one of ``METHODS``.
        col: label of the table's column.
        metric: its name in our records.
        value: in the unit of our records.
        rounding: half a unit of the last printed digit.
        runs_averaged: runs behind it; 1 when the paper does not say.
        scale: ``linear``, ``log`` or ``error_rate``; see ``results.verdict``.
        source: where it stands.
        split: the part of the data it was measured on.
    """

    row: str
    col: str
    metric: str
    value: float
    rounding: float = 0.0
    runs_averaged: int = 1
    scale: str = "linear"
    source: str = ""
    split: str = "test"


def read_published(entries: Sequence[Mapping[str, Any]], name: str = "published number") -> tuple[Published, ...]:
    """Published numbers from the entries of a YAML file.

    ``value`` as text (``"8.50"``) gives its rounding by itself. ``scale`` is the error rate for an accuracy and
    whatever else is 1 at best, and linear for the rest, unless given.

    Raises:
        UserError: an entry without a needed key, with an unknown one, or with a value out of range.
    """
    return tuple(_read(entry, f"{name} {number}") for number, entry in enumerate(entries, start=1))


def rounding_of(text: str) -> float:
    """Half a unit of the last printed digit: 0.005 for ``"8.54"``, 50 for ``"1.2e3"``.

    Raises:
        ValueError: ``text`` is not a number.
    """
    float(text)
    digits, _, exponent = text.strip().lower().partition("e")
    decimals = len(digits.partition(".")[2])
    return 0.5 * 10.0 ** (int(exponent or 0) - decimals)


def _read(entry: Any, name: str) -> Published:
    values = dict(entry) if isinstance(entry, Mapping) else entry
    if isinstance(values, dict):
        if isinstance(text := values.get("value"), str):
            try:
                values |= {"rounding": rounding_of(text), **values, "value": float(text)}
            except (ValueError, OverflowError) as error:
                raise UserError(f"{name}: value={text!r} is not a number") from error
        values = {"scale": "error_rate" if values.get("metric") in UP_TO_ONE else "linear", **values}
    number = read(Published, values, name)
    for key, allowed in (("scale", SCALES), ("split", SPLITS)):
        if (value := getattr(number, key)) not in allowed:
            raise UserError(f"{name}: {key}={value!r}; {nearest(value, allowed)}")
    if number.rounding < 0 or number.runs_averaged < 1:
        raise UserError(f"{name}: rounding must not be negative and runs_averaged must be at least 1")
    if number.scale == "error_rate" and number.value > 1:
        raise UserError(f"{name}: value={number.value:g}: {number.metric} is 1 at best; divide percentages by 100")
    if number.scale == "log" and number.value <= 0:
        raise UserError(f"{name}: value={number.value:g} has no logarithm; choose the linear scale")
    return number
