"""Every row and every column of every table in experiments/ trains two steps, in its quick form."""

import os
from pathlib import Path

import pytest

from rnnbench.data.files import locate
from rnnbench.records.estimates import ESTIMATES, read_estimates
from rnnbench.records.paper import ARCHIVE, load_papers
from rnnbench.records.series import read_runs
from rnnbench.training.callbacks import StopFlag
from rnnbench.training.compose import Composer
from rnnbench.training.paper import outdated
from rnnbench.training.plan import make_plan
from rnnbench.training.run import run

PAPERS = load_papers(Path(__file__).parents[1] / "experiments")


def cells(paper):
    """(table, row, column): of every table each row and each column at least once."""
    for table in paper.tables:
        seen = set()
        for row, col in table.places:
            if not {("row", row), ("col", col)} <= seen:
                seen |= {("row", row), ("col", col)}
                yield pytest.param(table.shortened(paper.quick), row, col, id=f"{paper.name}-{row}-{col}")


@pytest.mark.parametrize(("table", "row", "col"), [cell for paper in PAPERS for cell in cells(paper)])
def test_a_row_trains_two_steps(table, row, col, tmp_path, monkeypatch):
    monkeypatch.setenv("RNNBENCH_RUNS", str(tmp_path))
    words = [*table.overrides(row, col), "seed=0", "trainer.max_epochs=1", "logger=none"]
    if table.search is not None:
        words.append(f"{table.search.key}={table.search.values()[0]}")
    if table.trials is not None:
        words += table.trials.jobs()[0]
    words += ["debug=two_steps", "debug.limit_batches=2"]  # less than a quick form's own limit
    if "train_size" in Composer().one(words)["dataset"]:  # two steps need few
        words += ["dataset.train_size=100", "dataset.valid_size=20", "dataset.test_size=20"]
    plan = make_plan(Composer().one(words), words)
    for file in plan.dataset.files:
        if locate(file, os.environ.get("RNNBENCH_DATA")) is None:
            pytest.skip(f"{file} is not in the data folder (RNNBENCH_DATA)")
    status, record = run(plan, StopFlag())
    assert status == "finished"
    assert record is not None
    assert record["steps"] == 2
    assert (record["model"], record["dataset"]) == (row, col)
    assert table.metric in record["metrics"][table.splits[0]]


@pytest.mark.parametrize("paper", [pytest.param(paper, id=paper.name) for paper in PAPERS])
def test_records_are_of_rows_as_they_are_declared(paper):
    assert [run.job.directory for run in outdated(paper, paper.folder / ARCHIVE)] == []


@pytest.mark.parametrize("paper", [pytest.param(paper, id=paper.name) for paper in PAPERS])
def test_estimates_are_of_as_many_steps_as_are_declared(paper):
    composer = Composer()
    estimates, runs = read_estimates(paper.folder / ESTIMATES), read_runs(paper.folder / ARCHIVE)
    for table in paper.tables:
        started = {(run.job.model, run.job.dataset) for run in table.own(runs)}
        for place in [place for place in table.places if place in estimates.keys() - started]:
            words = [*table.overrides(*place), "seed=0"]
            config = make_plan(composer.one(words), words).config
            if "train_size" in config["dataset"]:  # others are known when their file has been read
                batches = -(-config["dataset"]["train_size"] // config["dataset"]["batch_size"])
                assert estimates[place].steps == config["trainer"]["max_epochs"] * batches, place


def test_every_declared_key_is_known_and_every_paper_says_what_differs():
    for paper in PAPERS:
        assert paper.notes.get("departures from the paper"), paper.name
        assert paper.quick.overrides, paper.name
