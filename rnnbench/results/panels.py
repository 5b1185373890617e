"""Which runs each picture of a paper shows: the columns of its tables, and what is read from a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rnnbench.records.paper import Paper
from rnnbench.records.paper_table import PaperTable
from rnnbench.records.record import Run
from rnnbench.results.table import TRIALS


class Panel(NamedTuple):
    """A column of a table: its finished runs that are reported, and all trials that they are the best of."""

    table: PaperTable
    col: str
    members: list[Run]
    tried: list[Run]


def panels_of(paper: Paper, runs: Sequence[Run]) -> list[Panel]:
    """Every column of every table of ``paper`` that has finished runs to show."""
    found = []
    for table in paper.tables:
        reported = [run for run in table.reported(runs) if run.status == "finished"]
        for col in table.cols:
            of_rows = [[run for run in runs if (run.job.model, run.job.dataset) == (row, col)] for row in table.rows]
            tried = [run for own in of_rows for run in table.trials.made(own)] if table.trials else []
            found.append(Panel(table, col, [run for run in reported if run.job.dataset == col], tried))
    return [panel for panel in found if panel.members]


def with_series(panel: Panel) -> list[Run]:
    """Its runs that have kept their curves."""
    return [run for run in panel.members if run.record and run.record["series"].get("step")]


def with_curves(panels: Sequence[Panel]) -> list[Panel]:
    """Those of ``tested`` with curves."""
    return [panel for panel in tested(panels) if with_series(panel)]


def tested(panels: Sequence[Panel]) -> list[Panel]:
    """Those of tables that show what is measured on test data, not how long runs took that each end on their own."""
    return [panel for panel in panels if "test" in panel.table.splits]


def with_trials(panels: Sequence[Panel]) -> list[Panel]:
    """Those whose runs are the best of many trials."""
    return [panel for panel in tested(panels) if panel.tried]


def to_success(panels: Sequence[Panel]) -> list[Panel]:
    """Those that show how long runs took to a criterion."""
    return [panel for panel in panels if panel.table.metric == TRIALS]


def to_success_with_curves(panels: Sequence[Panel]) -> list[Panel]:
    """Those of ``to_success`` with curves."""
    return [panel for panel in to_success(panels) if with_series(panel)]


def sequences(run: Run) -> tuple[float, bool]:
    """How many training sequences a trial took, and whether it succeeded."""
    value = run.metric("train", TRIALS)
    if value is not None:
        return value, True
    return (run.record or {"steps": 0})["steps"] * run.job.hparams.get("dataset.batch_size", 1), False


def published(table: PaperTable, col: str) -> dict[str, float]:
    """Row to the paper's number."""
    return {n.row: n.value for n in table.published if (n.col, n.metric) == (col, TRIALS)}


def costs(panel: Panel, row: str) -> list[tuple[float, float]]:
    """Seconds and test metric of each run of a row that has both."""
    own = [(run.record, run.metric("test", panel.table.metric)) for run in panel.members if run.job.model == row]
    return [(record["seconds"], value) for record, value in own if record and value is not None]


def no_better(run: Run, metric: str) -> float | None:
    """The constant prediction, where a run on its data is no better or has diverged."""
    record: Mapping[str, Any] = run.record or {}
    baseline, value = (record.get("baseline") or {}).get(metric), run.metric("test", metric)
    sign = 1 if record.get("metric_modes", {}).get(metric, "min") == "min" else -1
    return baseline if baseline is not None and (value is None or sign * (value - baseline) >= 0) else None
