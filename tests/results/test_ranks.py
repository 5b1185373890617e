"""Ranks over papers, against scipy and published tables of critical differences."""

import math
import runpy
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from scipy import stats

from rnnbench.records.archive import write_archive
from rnnbench.records.paper import load_paper
from rnnbench.records.series import read_runs
from rnnbench.results import ranks
from rnnbench.results.compare import CORE as ORDER
from rnnbench.results.ranks import (
    blocks,
    critical_difference,
    draw_ranks,
    friedman_p,
    mean_ranks,
    ranked,
    ranks_drawn,
    section,
    told_apart,
)

declared = runpy.run_path(str(Path(__file__).parents[1] / "records" / "test_paper_table.py"))
CORE = ("tanh", "lstm", "gru")  # in the order of these values
VALUES = {"a": (0.9, 0.5, 0.4), "b": (0.9, 0.3, 0.4), "c": (0.8, 0.5, 0.4), "d": (0.9, 0.5, 0.6)}


@pytest.fixture
def papers(tmp_path, make):
    rows = {name: [f"model={name}"] for name in (*CORE, "irnn")}
    declared["without_search"](
        tmp_path / "p",
        rows=rows,
        cols={col: [f"dataset={col}"] for col in VALUES},
        published={"values": []},
        metric="mse",
    )
    runs = [
        make.run(value + seed / 1000, model=row, dataset=col, seed=seed, seconds=10.0 * (1 + (row == "lstm")))
        for col, values in VALUES.items()
        for row, value in zip(CORE, values)
        for seed in (0, 1)
    ]
    runs += [make.run(0.1, model="irnn", dataset="a", seed=s) for s in (0, 1)]
    write_archive(runs, tmp_path / "p" / "records.csv")
    return [load_paper(tmp_path / "p")]


def test_mean_ranks_and_friedman_are_those_of_scipy(papers):
    found = blocks(papers)
    assert [one.blocks[0].col for one in ranked(found)] == list(VALUES)
    ranks = [stats.rankdata(values) for values in VALUES.values()]
    assert mean_ranks(found) == pytest.approx({row: sum(r[i] for r in ranks) / 4 for i, row in enumerate(CORE)})
    assert friedman_p(found) == pytest.approx(stats.friedmanchisquare(*zip(*VALUES.values())).pvalue)
    assert friedman_p(found[:2]) is None


def test_columns_on_the_same_files_are_one_data_set(papers):
    found = blocks(papers)
    file = frozenset({"abc"})
    found = [replace(block, data=file) if block.col in "bcd" else block for block in found]
    ranks = {col: stats.rankdata(values) for col, values in VALUES.items()}
    means = sum(ranks[col] for col in "bcd") / 3
    at = [CORE.index(row) for row in ORDER]
    assert [one.means() for one in ranked(found)] == [list(ranks["a"][at]), pytest.approx(list(means[at]))]
    assert len(ranked([replace(block, data=frozenset({block.col})) for block in found])) == 4
    slow = {col: replace(found[1].cells["gru"], costs={"seconds": 20.0 * 2**k}) for k, col in enumerate("bcd")}
    costly = [replace(b, cells={**b.cells, "gru": slow[b.col]}) if b.col in slow else b for b in found]
    assert [one.cost("gru") for one in ranked(costly)] == [0.5, pytest.approx(2.0)]  # the cube root of 1 * 2 * 4
    both = [ranks["a"], stats.rankdata(means)]
    assert mean_ranks(found) == pytest.approx({row: (both[0][i] + both[1][i]) / 2 for i, row in enumerate(CORE)})
    elsewhere = [replace(block, paper="q") if block.col == "c" else block for block in found]
    assert [one.means() for one in ranked(elsewhere)] == [one.means() for one in ranked(found)]
    assert "(b, d of p and c of q are one, by their mean ranks)" in section([*elsewhere, replace(found[0], col="e")])
    other = [replace(block, paper="q", data=frozenset()) for block in found[:1]]
    text = section([*found, *other])
    assert "Over 3 data sets (b, c, d of p are one, by their mean ranks)" in text
    values = [ranks["a"], means, ranks["a"]]
    assert friedman_p([*found, *other]) == pytest.approx(stats.friedmanchisquare(*zip(*values)).pvalue)


def test_columns_of_one_generator_are_one_data_set(papers):
    (paper,) = papers
    runs = read_runs(paper.folder / "records.csv")
    made = {"a": "rnnbench.data.Adding", "b": "rnnbench.data.Adding", "c": "rnnbench.data.CopyMemory"}
    for run in runs:
        run.record["science"] = {"dataset": {"_target_": made.get(run.job.dataset, run.job.dataset)}}
    write_archive(runs, paper.folder / "records.csv")
    assert [one.name for one in ranked(blocks(papers))] == ["a, b of p", "c of p", "d of p"]


@pytest.mark.parametrize(("models", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (10, 3.164)])
def test_critical_differences_are_those_that_demsar_prints(models, q):
    assert critical_difference(models, 14) == pytest.approx(q * (models * (models + 1) / (6 * 14)) ** 0.5, rel=1e-3)


def test_equal_means_share_their_rank_and_more_can_be_better(papers):
    (block, *_) = blocks(papers)
    assert block.ranks(CORE) == [3.0, 2.0, 1.0]
    same = replace(block, cells={**block.cells, "gru": block.cells["lstm"]})
    assert same.ranks(CORE) == [3.0, 1.5, 1.5]
    more = replace(block, cells={row: replace(cell, mode="max") for row, cell in block.cells.items()})
    assert more.ranks(CORE) == [1.0, 2.0, 3.0]


def test_a_block_without_one_of_the_three_and_a_table_that_is_left_out_are_not_ranked(papers):
    (paper,) = papers
    (table,) = paper.tables
    without = replace(table, rows={row: value for row, value in table.rows.items() if row != "gru"})
    assert ranked(blocks([replace(paper, tables=(without,))])) == []
    assert blocks([replace(paper, tables=(replace(table, ranked=False),))]) == []


def test_the_section_says_who_is_best_and_what_ranks_and_costs_are(papers):
    text = section(blocks(papers))
    assert "| gru | 1.50 | 2 of 4 | 0.50 |" in text
    assert "| p | a | mse | irnn | 0.5005 ± 0.0064 | 0.4005 ± 0.0064 | 20 | 10 |" in text
    assert section([]) == "Nothing has been run yet.\n"


def test_a_picture_belongs_to_its_blocks(papers, tmp_path):
    found = blocks(papers)
    assert not ranks_drawn(found, tmp_path)
    draw_ranks(found, tmp_path)
    assert ranks_drawn(found, tmp_path)
    assert not ranks_drawn(found[1:], tmp_path)
    assert ranks_drawn([], tmp_path)


def test_bars_of_ranks_are_as_long_as_the_critical_difference(papers, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(ranks, "save", lambda figure, path, digest: figures.append(figure))
    draw_ranks(blocks(papers), tmp_path)
    (axis,) = figures[0].axes
    means = mean_ranks(blocks(papers))
    for bar in axis.containers:
        (_, low), (_, high) = bar.lines[2][1].get_segments()[0]
        assert (low + high) / 2 == pytest.approx(means[bar.get_label()])
        # Demsar 2006, table 5: 2.343 for three models at 5 %
        assert high - low == pytest.approx(2.343 * math.sqrt(3 * 4 / (6 * 4)), rel=1e-3)


def test_the_section_says_what_p_is_without_a_paper(papers):
    first = blocks(papers)
    other = [replace(block, paper="q") for block in first[:3]]
    p = friedman_p(first), friedman_p(other)
    assert f"({p[1]:.2g} without p, {p[0]:.2g} without q)" in section([*first, *other])
    assert "without" not in section(first)


def test_models_are_told_apart_where_friedman_and_nemenyi_say_so(papers):
    (block,) = [found for found in blocks(papers) if found.col == "b"]  # lstm, gru, tanh
    alike = [replace(block, col=str(i), paper=paper) for i, paper in enumerate("ppppqq")]
    # mean ranks 1, 2, 3; Nemenyi's difference over six data sets is 2.343 / sqrt(3), over five 1.48, over two 2.3
    assert told_apart(alike) == [("lstm", "tanh")]
    assert "By rank, lstm and gru are not told apart; lstm is better than tanh (not without p)" in section(alike)
    assert told_apart(alike[:2]) == []
    many = [replace(block, col=str(i)) for i in range(12)]  # 0.96
    assert told_apart(many) == [("lstm", "gru"), ("lstm", "tanh"), ("gru", "tanh")]
    # two data sets in each order: no ranks differ
    orders = [dict(zip(block.cells, [block.cells[row] for row in order])) for order in permutations(block.cells)]
    assert told_apart([replace(block, col=str(i), cells=cells) for i, cells in enumerate(orders * 9)]) == []
