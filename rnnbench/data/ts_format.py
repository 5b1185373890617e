"""The ``.ts`` format of the UEA and UCR archives of time series classification.

Source: Middlehurst et al., the format's page of aeon: header lines ``@key value``, then a case a line: its dimensions
separated by colons, the numbers of each by commas, and its class last.

Shape suffixes: T steps, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnbench.errors import UserError


@dataclass(frozen=True)
class Cases:
    """The cases of one file.

    Attributes:
        series: numbers ``(T_n, D)`` of each case, float64.
        labels: the class of each; empty where the file has none.
        classes: the names that its header declares.
    """

    series: list[np.ndarray]
    labels: list[str]
    classes: tuple[str, ...]


def parse(text: str, name: str) -> Cases:
    """Read the text of a file.

    Args:
        text: of the whole file.
        name: what messages call it.

    Raises:
        UserError: in one line, with the number of the line that is wrong.
    """
    header: dict[str, str] = {}
    series, labels, begun = [], [], False
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if not begun:
            key, _, value = line.partition(" ")
            if not key.startswith("@"):
                raise UserError(f"{name}: line {number}: a header line begins with @, and the data with @data")
            header[key.lower()], begun = value.strip(), key.lower() == "@data"
            continue
        case, label = _case(line, _declared(header)[0], f"{name}: line {number}")
        series.append(case)
        labels += [] if label is None else [label]
    if not series:
        raise UserError(f"{name}: no cases after @data")
    if len({case.shape[1] for case in series}) > 1:
        raise UserError(f"{name}: cases differ in their number of dimensions")
    return Cases(series, labels, _declared(header)[1])


def _declared(header: dict[str, str]) -> tuple[bool, tuple[str, ...]]:
    """Whether cases end with their class, and the classes."""
    has, *names = header.get("@classlabel", "false").split()
    return has.lower() == "true", tuple(names)


def _case(line: str, labelled: bool, where: str) -> tuple[np.ndarray, str | None]:
    *parts, last = line.split(":")
    dimensions, label = (parts, last.strip()) if labelled else ([*parts, last], None)
    try:
        columns = [np.array([float(number) for number in part.split(",")]) for part in dimensions]
    except ValueError as error:
        raise UserError(f"{where}: not a number: {error}; missing values must be filled first") from error
    if not columns:
        raise UserError(f"{where}: no numbers")
    if len({len(column) for column in columns}) > 1:
        raise UserError(f"{where}: its dimensions differ in length")
    case = np.stack(columns, axis=1)
    if not np.isfinite(case).all():
        raise UserError(f"{where}: a value is missing or infinite: fill it first")
    return case, label
