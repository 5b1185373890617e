"""What the runs of a paper would take, measured: ``estimates.csv`` beside its records.

A line a cell: the steps of a run that does not stop early, and the seconds of a step seen in a short trial.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rnnbench.errors import UserError
from rnnbench.records.files import read_rows, write_rows
from rnnbench.records.paper_table import PaperTable
from rnnbench.records.record import Run

ESTIMATES = "estimates.csv"


@dataclass(frozen=True)
class Estimate:
    """One cell.

    Attributes:
        row: of the table.
        col: of the table.
        steps: of a run, at most.
        seconds_per_step: of the processor, for training alone.
        hardware: on which that was measured.
    """

    row: str
    col: str
    steps: int
    seconds_per_step: float
    hardware: str


COLUMNS = tuple(field.name for field in fields(Estimate))


def write_estimates(estimates: Sequence[Estimate], path: Path) -> None:
    """Write them in the order given."""
    rows = [{**asdict(e), "seconds_per_step": f"{e.seconds_per_step:.3g}"} for e in estimates]
    write_rows(path, COLUMNS, rows)


def read_estimates(path: Path) -> dict[tuple[str, str], Estimate]:
    """(row, column) to estimate; none when there is no such file.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return {}
    found = {}
    for where, r in read_rows(path, COLUMNS):
        try:
            one = Estimate(r["row"], r["col"], int(r["steps"]), float(r["seconds_per_step"]), r["hardware"])
        except ValueError as error:
            raise UserError(f"{where}: {error}; measure again with --estimate") from error
        found[one.row, one.col] = one
    return found


def hours_left(
    table: PaperTable, runs: Sequence[Run], estimates: Mapping[tuple[str, str], Estimate]
) -> dict[tuple[str, str], tuple[int, float | None]]:
    """For each incomplete (row, column): the runs it needs, and their hours; None where nothing was measured.

    A cell that has runs is expected to go on at their mean; another takes as long as its estimate says.
    """
    found = {}
    for place, count in table.missing(runs).items():
        known = [r.record["seconds"] for r in table.own(runs) if r.record and (r.job.model, r.job.dataset) == place]
        seconds = sum(known) / len(known) if known else None
        if seconds is None and place in estimates:
            seconds = estimates[place].steps * estimates[place].seconds_per_step
        found[place] = (count, None if seconds is None else count * seconds / 3600)
    return found
