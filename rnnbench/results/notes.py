"""The sentences under a table: which number counts, what the interval means, what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rnnbench.records.record import Run
from rnnbench.results.group import Grid
from rnnbench.results.verdict import MIN_RUNS, TOO_FEW

if TYPE_CHECKING:
    from rnnbench.results.table import Table

RULES = {
    "best_valid": "of the weights that were best on validation",
    "last": "of the last weights",
}


def notes(table: Table, grid: Grid) -> Iterator[str]:
    """What a reader of ``table`` must know, a sentence each."""
    runs = [run for members in grid.cells.values() for run in members]
    yield from _number(table, runs)
    yield (
        "Mean ± half of the 95 % t interval for the mean over seeds (runs that count / runs asked for); it holds "
        "for the hyperparameters chosen and does not cover their choice."
    )
    if grid.split_by:
        yield f"Rows were kept apart by what differs between their runs: {', '.join(grid.split_by)}."
    yield from _marks(table)
    yield from _missing(runs)
    yield from _baseline(table)
    yield from _verdicts(table)
    yield from _repeats(grid)


def _number(table: Table, runs: list[Run]) -> Iterator[str]:
    rules = sorted({run.record["selection"]["rule"] for run in runs if run.record})
    which = " or ".join(RULES.get(rule, f"of the weights chosen by {rule}") for rule in rules)
    if len(rules) > 1:
        which += " (rules differ between runs)"
    if rules:
        yield f"Values on {table.split}, {which}."


def _marks(table: Table) -> Iterator[str]:
    cells = table.cells.values()
    if any(cell.best for cell in cells):
        line = "row" if table.rows.name == "dataset" else "column"
        yield (
            f"Marked: the best of its {line} and all not significantly worse on the same data (t tests of all "
            "pairs, paired by seed where data and seeds agree, Holm, 5 %); a shared mark is no claim of equality."
        )


def _missing(runs: list[Run]) -> Iterator[str]:
    counts = Counter(run.status for run in runs if run.status != "finished")
    if counts:
        listed = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
        text = f"Not in the means: {listed}."
        if counts["failed"] or counts["diverged"]:
            text += " Where a run failed or diverged there is no mark and no verdict."
        yield text


def _baseline(table: Table) -> Iterator[str]:
    if any(cell.baseline for cell in table.cells.values()):
        yield "Baseline: the best prediction that does not look at the input."


def _verdicts(table: Table) -> Iterator[str]:
    cells = [cell for cell in table.cells.values() if cell.published]
    if not cells:
        return
    yield (
        "Reproduced: the published value, give or take its rounding, lies in the 95 % interval for the mean of as "
        "many more runs as the paper averaged (1 if it does not say), and half of that interval is at most 5 % of "
        "the value; inconclusive: it is wider."
    )
    scales = {c.published.metric: c.published.scale for c in cells if c.published and c.published.scale != "linear"}
    for metric, scale in sorted(scales.items()):
        kind = "a log scale" if scale == "log" else "the error rate"
        yield f"Verdicts on {metric} are on {kind}."
    if any(cell.verdict and cell.verdict.kind == TOO_FEW for cell in cells):
        yield f"Too few runs: a verdict needs {MIN_RUNS}."


def _repeats(grid: Grid) -> Iterator[str]:
    """Runs of one seed in one cell differ in something, and are not independent."""
    for (row, col), members in grid.cells.items():
        seed, times = Counter(run.job.seed for run in members).most_common(1)[0]
        if times > 1:
            yield (
                f"{row}, {col}: {times} runs of seed {seed} differ in something that their hyperparameters do not "
                "name; they are averaged all the same."
            )
