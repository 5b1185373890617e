"""The curves of the runs of an archive, thinned: what pictures are drawn from when the run directories are gone.

A file beside the archive with one line a run: the primary metric on validation, to five digits, at most ``POINTS``
points. Of two runs of different length the points of one are among those of the other, so that a mean over seeds has
steps that all of them share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rnnbench.errors import UserError
from rnnbench.records.archive import read_archive
from rnnbench.records.files import read_rows, write_rows
from rnnbench.records.record import Run

SERIES = "series.csv"
POINTS = 64
COLUMNS = ("identity", "metric", "epochs", "steps", "values")

Series = dict[str, list[float | None]]


def write_series(runs: Sequence[Run], path: Path) -> None:
    """Write the thinned curves of ``runs``; those without any are left out, and no file is written for none."""
    rows = [row for run in runs if (row := _row(run)) is not None]
    if not rows:
        path.unlink(missing_ok=True)
        return
    write_rows(path, COLUMNS, [dict(zip(COLUMNS, row)) for row in sorted(rows)])


def read_series(path: Path) -> dict[str, Series]:
    """Identity to series, as a record has them; empty when there is no such file.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return {}
    found = {}
    for where, row in read_rows(path, COLUMNS):
        try:
            epochs, steps, values = (_numbers(row[key]) for key in ("epochs", "steps", "values"))
        except ValueError as error:
            raise UserError(f"{where}: {error}; take the file as it was written") from error
        if not len(epochs) == len(steps) == len(values):
            raise UserError(f"{where}: epochs, steps and values differ in length; take the file as it was written")
        if row["identity"] in found:
            raise UserError(f"{where}: identity {row['identity']} stands twice; delete one of the two lines")
        found[row["identity"]] = {"epoch": epochs, "step": steps, row["metric"]: values}
    return found


def read_runs(archive: Path) -> list[Run]:
    """The runs of an archive with the curves beside it; none when there is no archive."""
    if not archive.exists():
        return []
    curves = read_series(archive.with_name(SERIES))
    return [
        replace(run, record={**run.record, "series": curves.get(run.job.identity, {})}) if run.record else run
        for run in read_archive(archive)
    ]


def _row(run: Run) -> tuple[str, ...] | None:
    if run.record is None or not run.record["series"].get("step"):
        return None
    metric, series = f"valid/{run.record['primary_metric']}", run.record["series"]
    columns = zip(series["epoch"], series["step"], series.get(metric, []))
    points = [point for point in columns if None not in point]
    points = points[:: _stride(len(points))]
    if not points:
        return None
    epochs, steps, values = zip(*points)
    return (run.job.identity, metric, _text(epochs, ".12g"), _text(steps, ".12g"), _text(values, ".5g"))


def _text(numbers: Sequence[float], form: str) -> str:
    return " ".join(f"{number:{form}}" for number in numbers)


def _stride(count: int) -> int:
    """The least power of two that leaves at most ``POINTS``: coarser grids are part of finer ones."""
    stride = 1
    while -(-count // stride) > POINTS:
        stride *= 2
    return stride


def _numbers(text: str) -> list[float | None]:
    numbers = [float(number) for number in text.split()]
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{text[:40]}: not all are finite")
    return list(numbers)
