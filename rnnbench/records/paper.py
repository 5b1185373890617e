"""What a folder of ``experiments/`` declares: rows, columns, stages, published numbers; and what its records say.

A paper is run in stages: a *search* draws values of one hyperparameter, the same for every model, on seeds of its own;
the value with the best mean validation metric is taken; the *report* runs it on the reported seeds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from rnnbench.errors import UserError
from rnnbench.records.record import Run

ARCHIVE = "records.csv"


@dataclass(frozen=True)
class Search:
    """``count`` draws of ``key``, exp(U(log low, log high)) from Python's generator with ``seed``; run on ``seeds``."""

    key: str
    low: float
    high: float
    count: int
    seed: int
    seeds: tuple[int, ...]
    metric: str

    def values(self) -> list[float]:
        """The draws, to four significant digits; the first draws of a longer search are those of a shorter one."""
        generator = random.Random(self.seed)
        low, high = math.log(self.low), math.log(self.high)
        return [float(f"{math.exp(generator.uniform(low, high)):.4g}") for _ in range(self.count)]


@dataclass(frozen=True)
class Paper:
    """One paper. Overrides are Hydra's, as on the command line."""

    folder: Path
    title: str
    reference: str
    table: str
    base: tuple[str, ...]
    rows: Mapping[str, tuple[str, ...]]
    cols: Mapping[str, tuple[str, ...]]
    search: Search
    seeds: tuple[int, ...]
    metric: str
    published: tuple[Mapping[str, Any], ...]
    quick: Mapping[str, Any]
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    def shortened(self) -> Paper:
        """The quick form: fewer draws and seeds, a shorter training, and its records nowhere near the real ones."""
        search = replace(self.search, count=int(self.quick["draws"]))
        seeds = self.seeds[: int(self.quick["seeds"])]
        return replace(self, search=search, seeds=seeds, base=(*self.base, *self.quick["overrides"]))

    def search_jobs(self) -> list[list[str]]:
        """Overrides of every run of the search."""
        return [
            [*self._cell(row, col), f"{self.search.key}={value}", f"seed={seed}"]
            for row in self.rows
            for col in self.cols
            for value in self.search.values()
            for seed in self.search.seeds
        ]

    def report_jobs(self, runs: Sequence[Run]) -> list[list[str]]:
        """Overrides of every reported run, with the values that ``runs`` select."""
        chosen = self.selected(runs)
        return [
            [*self._cell(row, col), f"{self.search.key}={chosen[row, col]}", f"seed={seed}"]
            for row in self.rows
            for col in self.cols
            if (row, col) in chosen
            for seed in self.seeds
        ]

    def _cell(self, row: str, col: str) -> list[str]:
        return [*self.cols[col], *self.rows[row], f"model.name={row}", *self.base]

    def validation(self, runs: Sequence[Run]) -> dict[tuple[str, str], dict[float, float]]:
        """For each (row, col) and value that was searched: the mean validation metric; a diverged run is infinite."""
        sums: dict[tuple[str, str], dict[float, list[float]]] = {}
        for run in runs:
            value = run.job.hparams.get(self.search.key)
            if run.job.seed not in self.search.seeds or value not in self.search.values() or run.record is None:
                continue
            metric = run.metric("valid", self.search.metric)
            worst = math.inf if run.record["metric_modes"][self.search.metric] == "min" else -math.inf
            cell = sums.setdefault((run.job.model, run.job.dataset), {})
            cell.setdefault(float(value), []).append(worst if metric is None else metric)
        return {
            cell: {v: sum(m) / len(m) for v, m in values.items() if len(m) == len(self.search.seeds)}
            for cell, values in sums.items()
        }

    def selected(self, runs: Sequence[Run]) -> dict[tuple[str, str], float]:
        """The value taken for each (row, col) whose search is complete."""
        modes = {r.record["metric_modes"][self.search.metric] for r in runs if r.record}
        best = max if modes == {"max"} else min
        return {
            cell: best(means, key=means.__getitem__)
            for cell, means in self.validation(runs).items()
            if set(means) == set(self.search.values())
        }

    def reported(self, runs: Sequence[Run]) -> list[Run]:
        """The runs that the table is made from, in the paper's order."""
        chosen = self.selected(runs)
        kept = [
            run
            for run in runs
            if run.job.seed in self.seeds
            and run.job.hparams.get(self.search.key) == chosen.get((run.job.model, run.job.dataset), math.nan)
        ]
        rows, cols = list(self.rows), list(self.cols)
        return sorted(kept, key=lambda r: (rows.index(r.job.model), cols.index(r.job.dataset), r.job.seed))


def load_paper(folder: Path) -> Paper:
    """The paper in ``folder``.

    Raises:
        UserError: the folder holds no readable ``paper.yaml``, or one with a key missing.
    """
    path = folder / "paper.yaml"
    if not path.exists():
        known = sorted(p.parent.name for p in folder.parent.glob("*/paper.yaml"))
        raise UserError(f"paper {folder.name}: there is no {path}; known papers: {', '.join(known) or 'none'}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        search = Search(**{**values["search"], "seeds": tuple(values["search"]["seeds"])})
        published = values["published"]
        common = {k: v for k, v in published.items() if k != "values"}
        return Paper(
            folder=folder,
            title=values["title"],
            reference=values["reference"],
            table=values["table"],
            base=tuple(values["base"]),
            rows={k: tuple(v) for k, v in values["rows"].items()},
            cols={k: tuple(v) for k, v in values["cols"].items()},
            search=search,
            seeds=tuple(values["seeds"]),
            metric=published["metric"],
            published=tuple({**common, **value} for value in published["values"]),
            quick=values["quick"],
            notes={k: tuple(v) for k, v in values.get("notes", {}).items()},
        )
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: {type(error).__name__}: {' '.join(str(error).split())}") from error
