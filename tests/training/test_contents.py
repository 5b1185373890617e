"""Counting what a paper is trained on, against published sizes and the settings of a generator."""

import os
from dataclasses import replace

import pytest

from rnnbench.data.files import locate
from rnnbench.records.contents import CONTENTS, read_contents
from rnnbench.records.paper import ARCHIVE, load_papers
from rnnbench.records.series import read_runs
from rnnbench.training.compose import Composer, packaged
from rnnbench.training.contents import count
from rnnbench.training.plan import make_plan

PAPERS = load_papers(packaged("experiments"))


def planned(paper, col, *words):
    (table,) = [table for table in paper.tables if col in table.cols]
    words = [*table.overrides(next(iter(table.rows)), col), "seed=0", *words]
    return make_plan(Composer().one(words), words)


def named(name):
    (paper,) = [paper for paper in PAPERS if paper.name == name]
    return paper


@pytest.mark.skipif(locate("jsb", os.environ.get("RNNBENCH_DATA")) is None, reason="jsb is not in RNNBENCH_DATA")
def test_chorales_have_their_published_sizes(tmp_path):
    paper = named("chung2014")
    count(paper, [planned(paper, "jsb")], tmp_path / "records.csv")
    (held,) = read_contents(tmp_path / CONTENTS).values()
    assert (held.inputs, held.tokens) == (88, False)
    assert (held.train, held.valid, held.test) == (229, 76, 77)
    assert held.train_steps == 13_807 - 229  # all frames but the first of each


def test_what_is_declared_otherwise_is_counted_again_and_what_is_not_declared_goes(tmp_path):
    paper, archive = named("arjovsky2016"), tmp_path / "records.csv"
    count(paper, [planned(paper, "copy100"), planned(paper, "adding200")], archive)
    found = read_contents(tmp_path / CONTENTS)
    assert list(found) == ["copy100", "adding200"]
    adding = found["adding200"]
    assert (adding.train, adding.train_steps, adding.inputs) == (20_000, 4_000_000, 2)
    count(paper, [planned(paper, "adding200", "dataset.train_size=600")], archive)
    assert read_contents(tmp_path / CONTENTS)["adding200"].train == 600
    alone = replace(paper, tables=paper.tables[-1:])
    count(alone, [], archive)
    assert list(read_contents(tmp_path / CONTENTS)) == ["adding200"]


def test_nothing_is_downloaded_to_be_counted(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNBENCH_DATA", str(tmp_path / "none"))
    paper = named("chung2014")
    count(paper, [planned(paper, "jsb")], tmp_path / "records.csv")
    assert not (tmp_path / CONTENTS).exists()


@pytest.mark.parametrize("paper", [pytest.param(paper, id=paper.name) for paper in PAPERS])
def test_every_column_that_was_run_is_counted(paper):
    held = set(read_contents(paper.folder / CONTENTS))
    assert {run.job.dataset for run in read_runs(paper.folder / ARCHIVE)} <= held
