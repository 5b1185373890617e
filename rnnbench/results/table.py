"""The one table object, made from records alone; ``results.formats`` prints it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from rnnbench.errors import UserError, nearest
from rnnbench.records.published import BASELINE, METHODS, Published, read_published
from rnnbench.records.record import SPLITS, Run
from rnnbench.results.group import Axis, Grid, arrange, data_key, draw
from rnnbench.results.notes import notes
from rnnbench.results.statistics import Interval, Sample, best_of_row, logarithms, mean_interval
from rnnbench.results.verdict import Verdict, verdict

TRIALS = "sequences_to_success"  # a metric that a run has only if it reached its criterion
COSTS = ("parameters", "seconds", "steps_per_second", "peak_memory_bytes")


@dataclass(frozen=True)
class Cell:
    """What the runs of one row and column came to.

    Attributes:
        metric: what is shown; None while no run says.
        mode: whether less (``min``) or more (``max``) of it is better; None when the records do not say.
        values: of the finished runs, by the order of runs.
        interval: None without values.
        total: runs asked for.
        missing: what became of the others: status to number; ``no number`` for a metric that is not finite, ``no
            success`` for a trial that did not reach its criterion, ``not run`` for what ``build`` was told to expect.
        best: not significantly worse than the best of those it is compared with.
        costs: means over the finished runs: backbone parameters, seconds, steps per second, peak memory in bytes.
        published: the number of a paper.
        verdict: on it; None when a run failed or diverged, and for what is no run.
        method: for what is no run but needs no training: ``baseline``, the constant prediction that fits best, or
            the name of a reference.
    """

    metric: str | None = None
    mode: str | None = None
    values: tuple[float, ...] = ()
    interval: Interval | None = None
    total: int = 0
    missing: Mapping[str, int] = field(default_factory=dict)
    best: bool = False
    costs: Mapping[str, float | None] = field(default_factory=dict)
    published: Published | None = None
    verdict: Verdict | None = None
    method: str | None = None

    @property
    def baseline(self) -> bool:
        """Whether this is no run."""
        return self.method is not None

    @property
    def sound(self) -> bool:
        """Whether every run gave a number: else it gets no mark and no verdict."""
        without = ("failed", "diverged", "no number", "no success", "not run")
        return not any(self.missing.get(status) for status in without)


@dataclass(frozen=True)
class Table:
    """Rows, columns and cells.

    Attributes:
        rows: in order; the baseline and the references come last.
        cols: in order.
        cells: ``(row, column)`` to cell; empty ones are absent.
        split: which part of the data the metrics are of.
        notes: what a reader must know, a sentence each.
    """

    rows: Axis
    cols: Axis
    cells: Mapping[tuple[str, str], Cell]
    split: str
    notes: tuple[str, ...]

    def row(self, label: str) -> list[Cell]:
        """The cells of a row that are not empty, by columns."""
        return [self.cells[label, col] for col in self.cols.labels if (label, col) in self.cells]

    def col(self, label: str) -> list[Cell]:
        """The cells of a column that are not empty, by rows."""
        return [self.cells[row, label] for row in self.rows.labels if (row, label) in self.cells]


def build(
    runs: Sequence[Run],
    rows: str = "model",
    cols: str = "dataset",
    metric: str | None = None,
    split: str = "test",
    published: Iterable[Published | Mapping[str, Any]] = (),
    free: Collection[str] = (),
    asked: int = 0,
    log: Collection[str] = (),
) -> Table:
    """The table of ``runs``.

    Runs are averaged over seeds and the parts of a cross-validation, nothing else: where a cell would mix other
    settings, its row becomes several. Models are compared within a column, or within a row where rows are data sets,
    and only on the same data.

    Args:
        runs: of any status.
        rows: any field of a run (``model``, ``seed``, ``optimizer.lr``, ...), or several with commas.
        cols: another, or others.
        metric: shown; by default each data set's primary metric.
        split: ``train``, ``valid`` or ``test``.
        published: numbers of a paper, see ``records.published``. A row that has not been run yet is added.
        free: settings that may differ within a cell: the engine, what trials draw.
        asked: runs that every cell should have; what it lacks counts as not run.
        log: data sets whose values span decades: the best is found by logarithms.

    Raises:
        UserError: no runs; an unknown row, column, metric or split.
    """
    if split not in SPLITS:
        raise UserError(f"split={split}: choose one of {', '.join(SPLITS)}")
    grid = arrange(runs, rows, cols, free)
    _check_metric(runs, metric, split)
    cells = {place: _cell(members, runs, metric, split, asked) for place, members in grid.cells.items()}
    cells = _mark(grid, cells, split, log)
    numbers = [_as_published(entry) for entry in published]
    grid, cells = _with_published(grid, cells, [number for number in numbers if number.row not in METHODS])
    if split == "test":
        grid, cells = _with_methods(grid, cells)
    grid, cells = _with_published(grid, cells, [number for number in numbers if number.row in METHODS])
    table = Table(grid.rows, grid.cols, cells, split, ())
    return replace(table, notes=tuple(notes(table, grid, [key for key in free if key != "engine"], log)))


def _check_metric(runs: Sequence[Run], metric: str | None, split: str) -> None:
    names = {name for run in runs if run.record for name in run.record["metrics"].get(split, {})}
    if metric is not None and names and metric not in names:
        raise UserError(f"metric={metric}: no run has it on {split}; {nearest(metric, names)}")


def _cell(members: Sequence[Run], runs: Sequence[Run], metric: str | None, split: str, asked: int) -> Cell:
    metric = metric or _primary(members[0].job.dataset, runs)
    values = [run.metric(split, metric) if run.status == "finished" and metric else None for run in members]
    numbers = tuple(value for value in values if value is not None)
    nothing = "no success" if metric == TRIALS else "no number"
    lacking = ["not run"] * (asked - len(members))
    outcomes = [(nothing if r.status == "finished" else r.status) for r, v in zip(members, values) if v is None]
    return Cell(
        metric=metric,
        mode=_mode(metric, members) or _mode(metric, runs),
        values=numbers,
        interval=mean_interval(numbers) if numbers else None,
        total=max(len(members), asked),
        missing=dict(sorted(Counter(outcomes + lacking).items())),
        costs=_costs([run for run in members if run.status == "finished"]),
    )


def _primary(dataset: str, runs: Sequence[Run]) -> str | None:
    names = {run.record["primary_metric"] for run in runs if run.record and run.job.dataset == dataset}
    if len(names) > 1:
        raise UserError(
            f"runs on {dataset} are judged by {' and '.join(sorted(names))}: choose one, as --metric {min(names)}"
        )
    return names.pop() if names else None


def _mode(metric: str | None, runs: Sequence[Run]) -> str | None:
    modes = {run.record["metric_modes"].get(metric) for run in runs if run.record} - {None}
    if not modes:
        return "min" if metric == "loss" else None
    return modes.pop() if len(modes) == 1 else None


def _costs(runs: Sequence[Run]) -> dict[str, float | None]:
    records = [run.record for run in runs if run.record]
    found = {key: [r[key] for r in records if r[key] is not None] for key in COSTS[1:]}
    found["parameters"] = [r["parameters"]["backbone"] for r in records if "backbone" in r["parameters"]]
    return {key: fmean(found[key]) if found[key] else None for key in COSTS}


def _mark(
    grid: Grid, cells: Mapping[tuple[str, str], Cell], split: str, log: Collection[str]
) -> dict[tuple[str, str], Cell]:
    """Mark the best among the cells of a column (a row, where rows are data sets) that saw the same data."""
    compared: dict[Any, list[tuple[str, str]]] = {}
    for (row, col), members in grid.cells.items():
        line = grid.base[row] if grid.rows.name == "dataset" else col
        compared.setdefault((line, data_key(members, order=False), cells[row, col].metric), []).append((row, col))
    marked = dict(cells)
    for places in compared.values():
        samples = [_sample(cells[place], grid.cells[place], split) for place in places]
        if grid.cells[places[0]][0].job.dataset in log:
            samples = logarithms(samples)
        mode = cells[places[0]].mode
        marks = best_of_row(samples, mode) if mode else [False] * len(places)
        for place, best in zip(places, marks):
            marked[place] = replace(cells[place], best=best)
    return marked


def _sample(cell: Cell, members: Sequence[Run], split: str) -> Sample | None:
    if not cell.sound or cell.metric is None:
        return None
    found = [(run, run.metric(split, cell.metric)) for run in members if run.status == "finished"]
    unique = len({draw(run) for run, _ in found}) == len(found)
    values = {draw(run) if unique else run.job.identity: v for run, v in found if v is not None}
    return Sample(values, data_key(members)) if values else None


def _as_published(entry: Published | Mapping[str, Any]) -> Published:
    return entry if isinstance(entry, Published) else read_published([entry])[0]


def _with_published(
    grid: Grid, cells: dict[tuple[str, str], Cell], published: Sequence[Published]
) -> tuple[Grid, dict[tuple[str, str], Cell]]:
    rows = list(grid.rows.labels)
    for number in published:
        if number.col not in grid.cols.labels:
            known = nearest(number.col, grid.cols.labels)
            raise UserError(f"published number of {number.row}: no column {number.col!r}; {known}")
        targets = [row for row in rows if row == number.row or grid.base.get(row) == number.row]
        if not targets:
            targets = [number.row]
            rows.append(number.row)
        for row in targets:
            cell = cells.get((row, number.col), Cell(metric=number.metric))
            if cell.metric in (None, number.metric):
                ours = _verdict(cell, number)
                cells[row, number.col] = replace(cell, metric=number.metric, published=number, verdict=ours)
    return replace(grid, rows=replace(grid.rows, labels=tuple(rows))), cells


def _verdict(cell: Cell, number: Published) -> Verdict | None:
    if cell.baseline or not cell.sound or not cell.values or cell.mode is None:
        return None
    if number.scale == "log" and min(cell.values) <= 0:  # it has no logarithm
        return None
    return verdict(
        cell.values,
        number.value,
        mode=cell.mode,
        runs_averaged=number.runs_averaged,
        rounding=number.rounding,
        scale=number.scale,
    )


def _with_methods(grid: Grid, cells: dict[tuple[str, str], Cell]) -> tuple[Grid, dict[tuple[str, str], Cell]]:
    """Add baseline and references of each data set: as rows, or as columns where rows are data sets."""
    across = grid.rows.name == "dataset"
    found: dict[tuple[str, str, Any], Cell] = {}
    for (row, col), members in grid.cells.items():
        for method in methods(cells[row, col].metric, members):
            found.setdefault((str(method.method), row if across else col, data_key(members, order=False)), method)
    if not found:
        return grid, cells
    # Several data sets in one line: one for each, by name.
    several = len({(name, line) for name, line, _ in found}) < len(found)
    names = _data_names(grid) if several else {}
    added = {}
    for name in dict.fromkeys(name for name, _, _ in found):
        for (other, line, data), cell in found.items():
            if other == name:
                label = f"{name} ({names[data]})" if several else name
                added[(line, label) if across else (label, line)] = cell
    extra = tuple(dict.fromkeys(place[1 if across else 0] for place in added))
    if across:
        return replace(grid, cols=replace(grid.cols, labels=grid.cols.labels + extra)), cells | added
    return replace(grid, rows=replace(grid.rows, labels=grid.rows.labels + extra)), cells | added


def methods(metric: str | None, members: Sequence[Run]) -> list[Cell]:
    """What needs no training, on the data of some runs: means over these, because data may depend on the seed."""
    known = [{BASELINE: r["baseline"] or {}, **r.get("references", {})} for r in (run.record for run in members) if r]
    cells = []
    for name in dict.fromkeys(name for each in known for name in each):
        values = [v for each in known if (v := each.get(name, {}).get(metric)) is not None]
        if values:
            mean = values[0] if len(set(values)) == 1 else fmean(values)
            alone = Interval(mean, None, None, None, 1)
            mode = _mode(metric, members)
            cells.append(Cell(metric=metric, mode=mode, interval=alone, values=(mean,), method=name))
    return cells


def _data_names(grid: Grid) -> dict[Any, str]:
    """A name for each data: the data set's, numbered where settings make several of it."""
    names = {data_key(members, order=False): members[0].job.dataset for members in grid.cells.values()}
    times = Counter(names.values())
    seen: Counter[str] = Counter()
    for data, name in names.items():
        seen[name] += 1
        names[data] = f"{name} {seen[name]}" if times[name] > 1 else name
    return names
