"""Measuring what the cells of a paper would take."""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from rnnbench.errors import UserError
from rnnbench.records.estimates import read_estimates
from rnnbench.records.paper import load_paper
from rnnbench.training.estimate import estimate
from rnnbench.training.paper import run_paper

TEXT = runpy.run_path(str(Path(__file__).with_name("test_paper.py")))["TEXT"]


@pytest.fixture
def paper(runs):
    folder = runs.folder / "papers" / "toy"
    folder.mkdir(parents=True)
    (folder / "paper.yaml").write_text(TEXT)
    return load_paper(folder)


def test_cells_without_a_run_are_measured_and_those_with_one_are_not(paper, runs):
    archive = paper.folder / "records.csv"
    estimate(paper, archive, runs.conf)
    found = read_estimates(archive.with_name("estimates.csv"))
    assert set(found) == {("gru", "toy"), ("rnn", "toy")}
    record = runs.train(*paper.tables[0].overrides("gru", "toy"))
    for one in found.values():
        assert one.steps == record["steps"]  # of the whole training, though three steps were taken
        assert 0 < one.seconds_per_step < 1
        assert one.hardware == record["hardware"]
    assert not archive.exists()
    run_paper(paper, archive, [], config_dir=runs.conf, only=["gru"])
    estimate(paper, archive, runs.conf)
    assert set(read_estimates(archive.with_name("estimates.csv"))) == {("rnn", "toy")}


def test_a_limit_in_steps_counts(paper, runs):
    archive = paper.folder / "records.csv"
    short = replace(paper, tables=(replace(paper.tables[0], base=("trainer.max_epochs=2", "trainer.max_steps=3")),))
    estimate(short, archive, runs.conf)
    assert {one.steps for one in read_estimates(archive.with_name("estimates.csv")).values()} == {3}


def test_a_cell_whose_data_are_absent_stays_without_an_estimate(paper, runs, monkeypatch, capsys):
    def absent(name, data_dir):
        raise UserError(f"{name}: cannot be had")

    monkeypatch.setattr("rnnbench.data.files.fetch", absent)
    table = replace(paper.tables[0], rows={"gru": ("model=gru",)}, cols={"muse": ("dataset=muse_data",)})
    estimate(replace(paper, tables=(table,)), paper.folder / "records.csv")
    assert "gru on muse: muse_data: cannot be had" in capsys.readouterr().out
    assert read_estimates(paper.folder / "estimates.csv") == {}
