"""Which architecture wins where, at which cost: mean ranks over the data sets of all papers.

Models are ranked within a *block*, one column of one paper's table, by their mean test value. Columns on the same
files, as forecasts of several horizons or two papers on JSB Chorales, or from one generator, are no data sets of their
own, since the tests take data sets to be independent: together they give one rank. Whether ranks differ at all is
Friedman's test; two models differ where their mean ranks are further apart than Nemenyi's critical difference (Demsar
2006, Journal of Machine Learning Research 7).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

from rnnbench.records.paper import ARCHIVE, Paper
from rnnbench.records.record import Run
from rnnbench.records.series import read_runs
from rnnbench.results.compare import CORE, appearances, canvas, log_ticks
from rnnbench.results.formats import NOTHING, interval_text, markdown_rows
from rnnbench.results.paper import results
from rnnbench.results.pictures import is_of, save, whiskers
from rnnbench.results.statistics import ALPHA, Interval, as_factor, mean_interval
from rnnbench.results.table import Cell

LEAST = 3  # blocks of which ranks are shown
TEXT = (
    "Mean rank against cost: a small point a data set, moved apart a little; ranks whose bars do not overlap differ at "
    "5 % (Nemenyi), bars of cost are 95 % intervals"
)
PICTURE = "ranks.png"


@dataclass(frozen=True)
class Block:
    """One column of one paper's table.

    Attributes:
        paper: its name.
        col: the column.
        metric: what is compared, on test.
        cells: row to its cell, with all runs finished.
        data: sha256 of its files, or the generator.
    """

    paper: str
    col: str
    metric: str
    cells: dict[str, Cell]
    data: frozenset[str] = frozenset()

    def ranks(self, rows: Sequence[str]) -> list[float]:
        """The rank of each of ``rows`` by its mean, 1 the best; equal means share the mean of their ranks."""
        return _ranks_of([_mean(self.cells[row]) * (1 if self.cells[row].mode == "min" else -1) for row in rows])

    def seconds(self, row: str) -> float:
        """Mean seconds of a run."""
        return self.cells[row].costs.get("seconds") or math.nan


@dataclass(frozen=True)
class DataSet:
    """The blocks on the same files, or from one generator."""

    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        """Its columns and their papers."""
        papers = dict.fromkeys(block.paper for block in self.blocks)
        cols = {paper: ", ".join(b.col for b in self.blocks if b.paper == paper) for paper in papers}
        return " and ".join(f"{cols[paper]} of {paper}" for paper in papers)

    def means(self) -> list[float]:
        """Mean rank of each model of ``CORE``."""
        return [fmean(ranks) for ranks in zip(*(block.ranks(CORE) for block in self.blocks))]

    def ranks(self) -> list[float]:
        """The rank of each model of ``CORE`` by its mean rank."""
        return _ranks_of(self.means())

    def cost(self, row: str) -> float:
        """Seconds of a run by those of the LSTM, the geometric mean over the blocks."""
        return math.exp(fmean(math.log(block.seconds(row) / block.seconds("lstm")) for block in self.blocks))


def _ranks_of(values: Sequence[float]) -> list[float]:
    from scipy.stats import rankdata

    return rankdata(values).tolist()


def blocks(papers: Sequence[Paper]) -> list[Block]:
    """Every column of a ranked table with at least two models whose runs have all finished."""
    found = []
    for paper in papers:
        runs = read_runs(paper.folder / ARCHIVE)
        for table in paper.tables:
            result = results(table, runs).get("test") if table.ranked else None
            if result is None:
                continue
            for col in result.cols.labels:
                cells = {row: result.cells[row, col] for row in table.rows if (row, col) in result.cells}
                cells = {row: cell for row, cell in cells.items() if cell.sound and cell.interval}
                if len(cells) > 1:
                    found.append(Block(paper.name, col, table.metric, cells, _data(runs, col)))
    return found


def _data(runs: Sequence[Run], col: str) -> frozenset[str]:
    records = [run.record for run in runs if run.record and run.job.dataset == col]
    files = frozenset(sha for record in records for sha in record["data_sha256"].values())
    return files or frozenset(name for r in records if (name := r["science"].get("dataset", {}).get("_target_")))


def ranked(found: Sequence[Block]) -> list[DataSet]:
    """The blocks that have every model of ``CORE``, by data set; without one of them there is no ranking."""
    groups: dict[frozenset[str] | tuple[str, str], list[Block]] = {}
    for block in found:
        if all(row in block.cells for row in CORE):
            groups.setdefault(block.data or (block.paper, block.col), []).append(block)
    return [DataSet(tuple(group)) for group in groups.values()]


def mean_ranks(found: Sequence[Block]) -> dict[str, float]:
    """Each model of ``CORE`` to its mean rank over the ranked data sets."""
    return {row: fmean(column) for row, column in zip(CORE, zip(*(one.ranks() for one in ranked(found))))}


def friedman_p(found: Sequence[Block]) -> float | None:
    """P value of equal ranks; None for too few data sets."""
    from scipy.stats import friedmanchisquare

    values = [one.means() for one in ranked(found)]
    return float(friedmanchisquare(*zip(*values)).pvalue) if len(values) >= LEAST else None


def critical_difference(models: int, count: int) -> float:
    """Nemenyi's: mean ranks of ``models`` over ``count`` blocks that are further apart differ at 5 %."""
    from scipy.stats import studentized_range

    q = studentized_range.ppf(1 - ALPHA, models, math.inf) / math.sqrt(2)
    return float(q * math.sqrt(models * (models + 1) / (6 * count)))


def told_apart(found: Sequence[Block]) -> list[tuple[str, str]]:
    """Pairs of models of which the first ranks better: by Nemenyi's difference, where Friedman's test finds any."""
    means, p = mean_ranks(found), friedman_p(found)
    if p is None or p >= ALPHA:
        return []
    least = critical_difference(len(CORE), len(ranked(found)))
    return [(a, b) for a, b in combinations(sorted(means, key=means.__getitem__), 2) if means[b] - means[a] > least]


def section(found: Sequence[Block]) -> str:
    """What the blocks say, in Markdown, and the link to their picture."""
    parts = [_ranks(found), f"![{TEXT}]({PICTURE})"] if len(ranked(found)) >= LEAST else []
    return "\n\n".join([*parts, _where(found) if found else "Nothing has been run yet."]) + "\n"


def draw_ranks(found: Sequence[Block], folder: Path) -> None:
    """Draw the picture, unless it is there, of these very blocks."""
    if not ranks_drawn(found, folder):
        _draw(found, folder / PICTURE)


def ranks_drawn(found: Sequence[Block], folder: Path) -> bool:
    """Whether the picture was drawn from these blocks, or there is nothing to draw."""
    return len(ranked(found)) < LEAST or is_of(folder / PICTURE, _sum(found))


def _mean(cell: Cell) -> float:
    return cell.interval.mean if cell.interval else math.nan


def _where(found: Sequence[Block]) -> str:
    """A line a block: who is best, and what the LSTM and the GRU came to and took."""
    lines = [["paper", "data", "metric", "best", "lstm", "gru", "seconds lstm", "seconds gru"]]
    for block in found:
        best = ", ".join(row for row, cell in block.cells.items() if cell.best) or NOTHING
        texts = [_text(block.cells.get(row)) for row in ("lstm", "gru")]
        seconds = [f"{block.seconds(row):.3g}" if row in block.cells else NOTHING for row in ("lstm", "gru")]
        lines.append([block.paper, block.col, block.metric, best, *texts, *seconds])
    best = (
        "Best: on test, not significantly worse than the best of all models of that table (Holm); a model that spreads "
        "widely can stand there beside a better mean that does not."
    )
    return f"{markdown_rows(lines)}\n\n{best}"


def _text(cell: Cell | None) -> str:
    interval: Interval | None = cell.interval if cell else None
    return interval_text(interval) if interval else NOTHING


def _ranks(found: Sequence[Block]) -> str:
    means, count, p = mean_ranks(found), len(ranked(found)), friedman_p(found)
    lines = [["model", "mean rank", "times first alone", "seconds / those of the LSTM"]]
    for row in sorted(means, key=means.__getitem__):
        first = sum(one.ranks()[CORE.index(row)] == 1 for one in ranked(found))
        lines.append([row, f"{means[row]:.2f}", f"{first} of {count}", _factor_text(relative_cost(found, row))])
    difference = critical_difference(len(CORE), count)
    text = (
        f"Over {count} data sets{_together(found)}; ranks further apart than {difference:.2f} differ at 5 % (Nemenyi)"
    )
    text += f"; Friedman p = {p:.2g}{_without_a_paper(found)}." if p is not None else "."
    costs = (
        "Ranks are of means on test, also where no test tells models apart: see best below. "
        "Seconds: geometric mean with its 95 % t interval, at the sizes of the tables. Runs stood beside other work of "
        "their machines, rows on different days and processors, and validation says when they stop: on one data set a "
        "factor of two says nothing; `rnnbench bench` measures what a step costs. Most tables have one setting for all "
        "models, their pages say which. Not ranked are columns that not all three models have been run on, tables that "
        "have no test part, and those that say so (`ranked: false`): their rows are variants of one model or differ in "
        "depth, size or optimiser, or their training was cut short. A name stands for what its table calls so: the "
        "LSTM of chung2014 has peepholes, and biases and reset gates are as each paper has them."
    )
    return f"{_answer(found)}\n\n{markdown_rows(lines)}\n\n{text} {costs}"


def _answer(found: Sequence[Block]) -> str:
    """Each pair of models: which ranks better, and the papers without which that is not shown."""
    means, apart, fewer = mean_ranks(found), told_apart(found), _without_each_paper(found)
    texts = []
    for a, b in combinations(sorted(means, key=means.__getitem__), 2):
        needed = [name for name, rest in fewer.items() if (a, b) not in told_apart(rest)]
        better = f"{a} is better than {b}" + (f" (not without {' or '.join(needed)})" if needed else "")
        texts.append(better if (a, b) in apart else f"{a} and {b} are not told apart")
    return f"By rank, {'; '.join(texts)}."


def _together(found: Sequence[Block]) -> str:
    """Which columns count as one."""
    texts = [one.name for one in ranked(found) if len(one.blocks) > 1]
    return f" ({'; '.join(texts)} are one, by their mean ranks)" if texts else ""


def _without_each_paper(found: Sequence[Block]) -> dict[str, list[Block]]:
    """Each paper that is ranked to the blocks of the others: the data sets of one paper may be alike."""
    names = dict.fromkeys(block.paper for one in ranked(found) for block in one.blocks)
    return {name: [block for block in found if block.paper != name] for name in names}


def _without_a_paper(found: Sequence[Block]) -> str:
    left = {name: friedman_p(rest) for name, rest in _without_each_paper(found).items()}
    texts = [f"{p:.2g} without {name}" for name, p in left.items() if p is not None]
    return f" ({', '.join(texts)})" if texts else ""


def relative_cost(found: Sequence[Block], row: str) -> Interval:
    """Seconds of a run by those of the LSTM: geometric mean over the ranked data sets and its 95 % t interval."""
    return as_factor(mean_interval([math.log(one.cost(row)) for one in ranked(found)]))


def _factor_text(factor: Interval) -> str:
    ends = f" ({factor.lo:.2f} to {factor.hi:.2f})" if factor.lo != factor.hi else ""
    return f"{factor.mean:.2f}{ends}"


def _sum(found: Sequence[Block]) -> str:
    shown = [[one.name, one.ranks(), *map(one.cost, CORE)] for one in ranked(found)]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16]


def _draw(found: Sequence[Block], path: Path) -> None:
    """Every data set's rank as a small point, the mean as a large one, over the cost relative to the LSTM."""
    figure: Any = canvas(6.4, 4.0)
    axis = figure.subplots()
    looks, count = appearances(CORE), len(ranked(found))
    half = critical_difference(len(CORE), count) / 2
    for row in CORE:
        xs = [one.cost(row) for one in ranked(found)]
        ys = [one.ranks()[CORE.index(row)] for one in ranked(found)]
        apart = [y + 0.08 * (2 * i / (count - 1) - 1) for i, y in enumerate(ys)]
        axis.scatter(xs, apart, s=18, alpha=0.4, color=looks[row][0], linewidths=0)
        cost = relative_cost(found, row)
        look = {"fmt": "o", "ms": 9, "capsize": 3, "color": looks[row][0], "label": row}
        axis.errorbar([cost.mean], [fmean(ys)], xerr=whiskers(cost), yerr=[half], **look)
    log_ticks(axis)
    axis.set_ylim(len(CORE) + 0.3, 0.7)
    axis.set_yticks(range(1, len(CORE) + 1))
    axis.set_xlabel("seconds of a run / those of the LSTM")
    axis.set_ylabel("rank on test (1 is best)")
    axis.grid(alpha=0.25)
    axis.legend()
    save(figure, path, _sum(found))
