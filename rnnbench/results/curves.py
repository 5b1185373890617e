"""Mean curves over seeds and their bands: what ``compare`` writes and ``plot`` draws."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from rnnbench.errors import UserError
from rnnbench.records.record import Run
from rnnbench.results.group import Grid, arrange
from rnnbench.results.statistics import Interval, mean_interval

NOT_CURVES = ("epoch", "step")


@dataclass(frozen=True)
class Curve:
    """One metric of one model over training.

    Attributes:
        steps: optimizer steps, only those at which every seed has a value.
        epochs: the epochs that end there.
        mean: over the seeds.
        lo: lower end of the 95 % t interval; the mean itself for a single seed.
        hi: upper end.
        seeds: their values at each step.
    """

    steps: tuple[int, ...]
    epochs: tuple[float, ...]
    mean: tuple[float, ...]
    lo: tuple[float, ...]
    hi: tuple[float, ...]
    seeds: tuple[tuple[float, ...], ...]

    @property
    def n(self) -> int:
        """Number of seeds."""
        return len(self.seeds[0])

    def on_log_scale(self, least: float = 0.0) -> Curve:
        """Geometric mean and the t interval of the logarithms, for a logarithmic axis.

        Values below ``least`` count as it; what is left must be positive.
        """
        logs = [mean_interval([math.log(max(value, least)) for value in values]) for values in self.seeds]
        bands = zip(*(tuple(map(math.exp, _band(interval))) for interval in logs))
        return replace(self, **dict(zip(("mean", "lo", "hi"), bands)))


@dataclass(frozen=True)
class Curves:
    """The curves of one model on one data set (or of whatever else rows and columns are).

    Attributes:
        panel: the column, by default a data set.
        label: the row, by default a model, with what keeps it apart from other settings of it.
        by_metric: series name (``valid/mse``) to curve.
        runs: whose records the curves are made of.
        notes: what was left out.
    """

    panel: str
    label: str
    by_metric: dict[str, Curve]
    runs: list[Run]
    notes: tuple[str, ...]


def average(
    runs: Sequence[Run], rows: str = "model", cols: str = "dataset", free: Collection[str] = ()
) -> list[Curves]:
    """Mean and band over seeds for every model (and setting of it) on every data set.

    Diverged and unfinished runs are left out; where seeds stopped at different times, the curves end with the first,
    since a mean over the rest would be one of other runs. The notes say both. Settings that are ``free`` may differ.

    Raises:
        UserError: no run has finished, or none has kept its series; an unknown row or column.
    """
    grid = arrange(runs, rows, cols, free)
    curves = [_average(grid, row, col) for row, col in _places(grid)]
    curves = [one for one in curves if one.by_metric]
    if not curves:
        raise UserError("no curves to compare: none of these runs is finished and has its series")
    return curves


def _places(grid: Grid) -> list[tuple[str, str]]:
    return [(r, c) for c in grid.cols.labels for r in grid.rows.labels if (r, c) in grid.cells]


def _average(grid: Grid, row: str, col: str) -> Curves:
    members = grid.cells[row, col]
    used = [run for run in members if run.status == "finished" and run.record and run.record["series"].get("step")]
    notes = []
    if len(used) < len(members):
        notes.append(f"{col}, {row}: {len(used)} of {len(members)} runs; the others did not finish")
    by_metric = {}
    for name in dict.fromkeys(key for run in used for key in _series(run) if key not in NOT_CURVES):
        by_seed = [_points(run, name) for run in used]
        shared = sorted(set.intersection(*(set(points) for points in by_seed)))
        if shared:
            by_metric[name] = _curve(shared, by_seed)
        else:
            notes.append(f"{col}, {row}: no step at which all runs have {name}")
    ends = sorted(max(int(step) for step in _series(run)["step"] if step is not None) for run in used)
    if ends and ends[0] < ends[-1]:
        notes.append(f"{col}, {row}: runs ended between steps {ends[0]} and {ends[-1]}; curves end with the first")
    return Curves(col, row, by_metric, used, tuple(notes))


def _series(run: Run) -> dict[str, list[float | None]]:
    return run.record["series"] if run.record else {}


def _points(run: Run, name: str) -> dict[int, tuple[float, float]]:
    """Step to (epoch, value), where there is a value."""
    series = _series(run)
    epochs = series.get("epoch") or [None] * len(series["step"])
    rows = zip(series["step"], epochs, series.get(name, []))
    return {int(step): (epoch or 0, value) for step, epoch, value in rows if step is not None and value is not None}


def _curve(steps: list[int], by_seed: list[dict[int, tuple[float, float]]]) -> Curve:
    seeds = tuple(tuple(points[step][1] for points in by_seed) for step in steps)
    mean, lo, hi = zip(*(_band(mean_interval(values)) for values in seeds))
    return Curve(tuple(steps), tuple(by_seed[0][step][0] for step in steps), mean, lo, hi, seeds)


def _band(interval: Interval) -> tuple[float, float, float]:
    """Mean, lower and upper end; a single seed has a line and no band."""
    mean = interval.mean
    return mean, mean if interval.lo is None else interval.lo, mean if interval.hi is None else interval.hi
