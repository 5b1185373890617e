"""The stages of a paper, on a paper of a tenth of a second a run."""

import textwrap
from dataclasses import replace

import pytest

from rnnbench.records.archive import read_archive
from rnnbench.records.paper import load_paper
from rnnbench.training.paper import recipe, run_paper

TEXT = """
title: Toy
reference: nobody
table: Table 0
base: [trainer.max_epochs=2, model.hidden_size=3]
rows: {gru: [model=gru], rnn: [model=rnn]}
cols: {toy: [dataset=toy]}
search: {key: optimizer.lr, low: 0.001, high: 0.1, count: 2, seed: 1, seeds: [100], metric: mse}
seeds: [0, 1]
published:
  metric: mse
  values: [{row: gru, col: toy, value: 1.0}]
quick: {draws: 1, seeds: 1, overrides: [trainer.max_epochs=1]}
"""


@pytest.fixture
def paper(runs):
    folder = runs.folder / "papers" / "toy"
    folder.mkdir(parents=True)
    (folder / "paper.yaml").write_text(textwrap.dedent(TEXT))
    return load_paper(folder)


def test_search_then_report_with_what_validation_selects(paper, runs):
    archive = paper.folder / "records.csv"
    found, outcome = run_paper(paper, archive, [], config_dir=runs.conf)
    assert outcome.stopped is None
    assert len(found) == len(read_archive(archive)) == 2 * 2 * 1 + 2 * 2
    for row in ("gru", "rnn"):
        search = {
            r.job.hparams["optimizer.lr"]: r.metric("valid", "mse")
            for r in found
            if (r.job.model, r.job.seed) == (row, 100)
        }
        best = min(search, key=search.__getitem__)
        report = [r for r in found if r.job.model == row and r.job.seed in (0, 1)]
        assert {r.job.hparams["optimizer.lr"] for r in report} == {best}
        assert len(report) == 2


def test_archived_runs_are_not_trained_again(paper, runs, monkeypatch):
    archive = paper.folder / "records.csv"
    first, _ = run_paper(paper, archive, [], config_dir=runs.conf)
    monkeypatch.setenv("RNNBENCH_RUNS", str(runs.folder / "another"))
    again, outcome = run_paper(paper, archive, [], config_dir=runs.conf)
    assert outcome is None
    assert not (runs.folder / "another").exists()
    assert {r.job.identity for r in again} == {r.job.identity for r in first}


def test_collecting_trains_nothing(paper, runs):
    found, outcome = run_paper(paper, paper.folder / "records.csv", [], train=False, config_dir=runs.conf)
    assert (found, outcome) == ([], None)
    assert not (runs.folder / "runs").exists()


def test_recipe_is_the_same_on_every_engine():
    assert recipe({"seed": 1, "engine": "loop"}) == recipe({"seed": 1, "engine": "fused"})
    assert recipe({"seed": 1, "engine": "loop"}) != recipe({"seed": 2, "engine": "loop"})


def test_records_of_a_changed_row_are_taken_out_and_replaced(paper, runs, capsys):
    archive = paper.folder / "records.csv"
    first, _ = run_paper(paper, archive, [], config_dir=runs.conf)
    changed = replace(paper, rows={"gru": ("model=gru", "model.cell.reset=before"), "rnn": ("model=rnn",)})
    found, _ = run_paper(changed, archive, [], config_dir=runs.conf)
    assert "4 records of rows that the paper no longer has are taken out" in capsys.readouterr().out
    assert len(found) == len(first)
    resets = {r.record["science"]["model"]["cell"].get("reset") for r in found if r.job.model == "gru" and r.record}
    assert resets == {"before"}
    kept = {r.job.identity for r in first if r.job.model == "rnn"}
    assert kept == {r.job.identity for r in found if r.job.model == "rnn"}
