"""What the runs of a paper would take, measured: ``estimates.csv`` beside its records.

A line a cell: the steps of a run that does not stop early, and the seconds of a step seen in a short trial.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

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


def write_estimates(estimates: Sequence[Estimate], path: Path) -> None:
    """Write them in the order given."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Estimate)], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**asdict(e), "seconds_per_step": f"{e.seconds_per_step:.3g}"} for e in estimates)


def read_estimates(path: Path) -> dict[tuple[str, str], Estimate]:
    """(row, column) to estimate; none when there is no such file."""
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = [
            Estimate(r["row"], r["col"], int(r["steps"]), float(r["seconds_per_step"]), r["hardware"])
            for r in csv.DictReader(file)
        ]
    return {(e.row, e.col): e for e in rows}


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
