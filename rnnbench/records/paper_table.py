"""One table that a paper declares: rows, columns, its two stages, published numbers, claims; what its records say.

A *search* tries values of one hyperparameter, the same for every model, on seeds of its own; the value with the best
mean validation metric is taken; the *report* runs it on the reported seeds. A table without a search has the report
alone; one with ``trials`` has these alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rnnbench.records.claim import Claim
from rnnbench.records.published import Published
from rnnbench.records.record import Run
from rnnbench.records.trials import Trials


@dataclass(frozen=True)
class Search:
    """What is tried of ``key``: the values of a ``grid``, or ``count`` draws, run on ``seeds``.

    Draws are exp(U(log low, log high)) from Python's generator with ``seed``.
    """

    key: str
    seeds: tuple[int, ...]
    metric: str
    low: float = math.nan
    high: float = math.nan
    count: int = 0
    seed: int = 0
    grid: tuple[float, ...] = ()

    def values(self) -> list[float]:
        """What is tried, each once; draws have four significant digits, and a shorter search begins a longer one."""
        if self.grid:
            return list(self.grid)
        generator = random.Random(self.seed)
        low, high = math.log(self.low), math.log(self.high)
        return list(dict.fromkeys(float(f"{math.exp(generator.uniform(low, high)):.4g}") for _ in range(self.count)))

    def mistake(self) -> str | None:
        """What is wrong with its numbers."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            return f"seeds={list(self.seeds)}: name each seed once, and at least one"
        if self.grid:
            if self.count or not math.isnan(self.low) or not math.isnan(self.high):
                return "give a grid, or low, high and count, not both"
            twice = len(set(self.grid)) < len(self.grid)
            return f"grid={list(self.grid)}: name each value once" if twice else None
        if not 0 < self.low <= self.high or self.count < 1:
            return f"low={self.low}, high={self.high}, count={self.count}: give a grid, or 0 < low <= high and a count"
        return None

    def shortened(self, count: int) -> Search:
        """The first ``count`` values."""
        return replace(self, count=min(count, self.count), grid=self.grid[:count])


@dataclass(frozen=True)
class Quick:
    """The quick form of a paper.

    Attributes:
        overrides: after all others.
        draws: values that a search tries.
        seeds: reported ones.
        only: rows and columns that are run where the command line names none; all where there are none.
    """

    overrides: tuple[str, ...]
    draws: int = 1
    seeds: int = 1
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class PaperTable:
    """A table. Overrides are Hydra's, as on the command line; of two for one key the later counts.

    Attributes:
        title: what it is called on the page.
        base: overrides of every run.
        rows: name (of the model, in records) to overrides.
        cols: name (of the data set, in records) to overrides.
        cells: row to column to overrides of that cell alone.
        search: None where nothing is tuned.
        trials: a random search whose best runs are reported, in place of search and seeds.
        seeds: of the reported runs.
        metric: what the table shows, and what its claims are about.
        also: further metrics, each in a table of its own under it.
        splits: of which parts of the data, in order; the first is the one that claims are about.
        published: numbers of the paper.
        claims: statements of the paper, about the first split.
        ranked: whether the table counts in the ranks over papers.
        small: overrides of the quick form, beside the paper's.
        last: overrides after all others: those of the quick form, in it.
    """

    title: str
    base: tuple[str, ...]
    rows: Mapping[str, tuple[str, ...]]
    cols: Mapping[str, tuple[str, ...]]
    seeds: tuple[int, ...]
    metric: str
    splits: tuple[str, ...] = ("test",)
    search: Search | None = None
    cells: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    claims: tuple[Claim, ...] = ()
    ranked: bool = True
    small: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    trials: Trials | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """All that it shows."""
        return (self.metric, *self.also)

    def log(self, metric: str) -> list[str]:
        """Columns where published numbers or claims of ``metric`` are compared by logarithms."""
        logs = [(n.metric, n.col) for n in self.published if n.scale == "log"]
        logs += [(self.metric, claim.col) for claim in self.claims if claim.scale == "log"]
        return [col for col in self.cols if (metric, col) in logs]

    @property
    def searched(self) -> tuple[str, ...]:
        """The hyperparameters that differ within a cell."""
        return (self.search.key,) if self.search else tuple(self.trials.keys) if self.trials else ()

    @property
    def free(self) -> tuple[str, ...]:
        """Settings in which the runs of a cell may differ: a record counts on every machine, whatever its engine."""
        return ("engine", *(self.searched if self.trials else ()))

    def tried(self) -> dict[str, list[float]]:
        """Each of these, and the values it takes."""
        if self.search is not None:
            return {self.search.key: self.search.values()}
        draws = self.trials.draws() if self.trials else []
        return {key: [draw[key] for draw in draws] for key in self.searched}

    @property
    def places(self) -> list[tuple[str, str]]:
        """Every (row, column)."""
        return [(row, col) for row in self.rows for col in self.cols]

    def shortened(self, quick: Quick) -> PaperTable:
        """The quick form: fewer draws and seeds, a shorter training."""
        search = self.search and self.search.shortened(quick.draws)
        trials = self.trials and self.trials.shortened(quick.draws)
        last = (*quick.overrides, *self.small)
        return replace(self, search=search, trials=trials, seeds=self.seeds[: quick.seeds], last=last)

    def only(self, rows: Collection[str], cols: Collection[str]) -> PaperTable:
        """Those of its rows and columns that are among ``rows`` and ``cols``; all of them where there are none."""
        kept_rows = {name: value for name, value in self.rows.items() if name in rows or not rows}
        kept_cols = {name: value for name, value in self.cols.items() if name in cols or not cols}
        return replace(self, rows=kept_rows, cols=kept_cols)

    def overrides(self, row: str, col: str) -> list[str]:
        """What all runs of a cell have in common."""
        own = self.cells.get(row, {}).get(col, ())
        names = (f"model.name={row}", f"dataset.name={col}")
        return [*self.base, *self.cols[col], *self.rows[row], *own, *names, *self.last]

    def search_jobs(self) -> list[list[str]]:
        """Overrides of every run of the search, or of every trial."""
        if self.trials is not None:
            return [[*self.overrides(row, col), *own] for row, col in self.places for own in self.trials.jobs()]
        if self.search is None:
            return []
        return [
            [*self.overrides(row, col), f"{self.search.key}={value}", f"seed={seed}"]
            for row, col in self.places
            for value in self.search.values()
            for seed in self.search.seeds
        ]

    def report_jobs(self, runs: Sequence[Run]) -> list[list[str]]:
        """Overrides of every reported run, with the values that ``runs`` select."""
        chosen = self.selected(runs)
        return [
            [*self.overrides(row, col), *self._taken(chosen, row, col), f"seed={seed}"]
            for row, col in self.places
            if self.search is None or (row, col) in chosen
            for seed in self.seeds
        ]

    def _taken(self, chosen: Mapping[tuple[str, str], float], row: str, col: str) -> list[str]:
        return [f"{self.search.key}={chosen[row, col]}"] if self.search else []

    def own(self, runs: Sequence[Run]) -> list[Run]:
        """Those of ``runs`` that belong to a cell of this table."""
        return [run for run in runs if run.job.model in self.rows and run.job.dataset in self.cols]

    def validation(self, runs: Sequence[Run]) -> dict[tuple[str, str], dict[float, float]]:
        """For each (row, col) and value that was searched: the mean validation metric; a diverged run is infinite."""
        sums: dict[tuple[str, str], dict[float, list[float]]] = {}
        if self.search is None:
            return {}
        for run in self._searched(self.own(runs)):
            value = run.job.hparams[self.search.key]
            metric = run.metric("valid", self.search.metric)
            worst = (
                math.inf if (run.record or {})["metric_modes"].get(self.search.metric, "min") == "min" else -math.inf
            )
            cell = sums.setdefault((run.job.model, run.job.dataset), {})
            cell.setdefault(value, []).append(worst if metric is None else metric)
        return {
            cell: {v: sum(m) / len(m) for v, m in values.items() if len(m) == len(self.search.seeds)}
            for cell, values in sums.items()
        }

    def selected(self, runs: Sequence[Run]) -> dict[tuple[str, str], float]:
        """The value taken for each (row, col) whose search is complete."""
        if self.search is None:
            return {}
        modes = {r.record["metric_modes"].get(self.search.metric) for r in self.own(runs) if r.record}
        best = max if modes == {"max"} else min
        return {
            cell: best(means, key=means.__getitem__)
            for cell, means in self.validation(runs).items()
            if set(means) == set(self.search.values())
        }

    def reported(self, runs: Sequence[Run]) -> list[Run]:
        """The runs that the table is made from, in the paper's order."""
        if self.trials is not None:
            return [run for place in self.places for run in self.trials.reported(self._of(runs, place))]
        chosen = self.selected(runs)

        def taken(run: Run) -> bool:
            place = run.job.model, run.job.dataset
            return self.search is None or run.job.hparams.get(self.search.key) == chosen.get(place, math.nan)

        kept = [run for run in self.own(runs) if run.job.seed in self.seeds and taken(run)]
        rows, cols = list(self.rows), list(self.cols)
        return sorted(kept, key=lambda r: (rows.index(r.job.model), cols.index(r.job.dataset), r.job.seed))

    def _searched(self, runs: Iterable[Run]) -> list[Run]:
        """Those that the search is made of."""
        if self.search is None:
            return []
        key, seeds, values = self.search.key, self.search.seeds, self.search.values()
        return [r for r in runs if r.record and r.job.seed in seeds and r.job.hparams.get(key) in values]

    def _of(self, runs: Sequence[Run], place: tuple[str, str]) -> list[Run]:
        return [run for run in runs if (run.job.model, run.job.dataset) == place]

    def runs_per_cell(self) -> int:
        """Runs that a whole cell takes, search and report, or trials."""
        if self.trials is not None:
            return self.trials.count
        searched = len(self.search.values()) * len(self.search.seeds) if self.search else 0
        return searched + len(self.seeds)

    def missing(self, runs: Sequence[Run]) -> dict[tuple[str, str], int]:
        """For each (row, col) that is not complete: the runs that it still needs."""
        reported = self.reported(runs)
        found = {}
        for place in self.places:
            done = len(self._of(reported, place))
            if self.search:
                done += len(self._searched(self._of(runs, place)))
            elif self.trials:
                done = len(self.trials.made(self._of(runs, place)))
            left = self.runs_per_cell() - done
            if left:
                found[place] = left
        return found
