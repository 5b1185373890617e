"""The stages of a paper, on a paper of a tenth of a second a run."""

import textwrap
from dataclasses import replace

import pytest

from rnnbench.cli import main
from rnnbench.errors import UserError
from rnnbench.records.archive import read_archive, write_archive
from rnnbench.records.estimates import ESTIMATES
from rnnbench.records.paper import load_paper
from rnnbench.records.paper_table import Search
from rnnbench.records.series import SERIES, read_runs, read_series
from rnnbench.results.paper import results, write_page
from rnnbench.training.compose import packaged
from rnnbench.training.paper import default_archive, family, outdated, recipe, run_paper

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
    found, outcomes = run_paper(paper, archive, [], config_dir=runs.conf)
    assert [(outcome.code, outcome.stopped) for outcome in outcomes] == [(0, None)] * 2
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
    again, outcomes = run_paper(paper, archive, [], config_dir=runs.conf)
    assert outcomes == []
    assert not (runs.folder / "another").exists()
    assert {r.job.identity for r in again} == {r.job.identity for r in first}


def test_collecting_trains_nothing(paper, runs):
    assert run_paper(paper, paper.folder / "records.csv", [], train=False, config_dir=runs.conf) == ([], [])
    assert not (runs.folder / "runs").exists()


def test_recipe_is_the_same_on_every_engine():
    assert recipe({"seed": 1, "engine": "loop"}) == recipe({"seed": 1, "engine": "fused"})
    assert recipe({"seed": 1, "engine": "loop"}) != recipe({"seed": 2, "engine": "loop"})


def test_records_of_a_changed_row_are_taken_out_and_replaced(paper, runs, capsys):
    archive = paper.folder / "records.csv"
    first, _ = run_paper(paper, archive, [], config_dir=runs.conf)
    rows = {"gru": ("model=gru", "model.cell.reset=before"), "rnn": ("model=rnn",)}
    changed = replace(paper, tables=(replace(paper.tables[0], rows=rows),))
    before = archive.read_bytes()
    with pytest.raises(UserError, match=r"4 records that paper.yaml, as it is now, would not make; .*reproduce"):
        run_paper(changed, archive, [], train=False, config_dir=runs.conf)
    assert archive.read_bytes() == before
    found, _ = run_paper(changed, archive, [], config_dir=runs.conf)
    assert "4 records that paper.yaml, as it is now, would not make are taken out" in capsys.readouterr().out
    assert len(found) == len(first)
    resets = {r.record["science"]["model"]["cell"].get("reset") for r in found if r.job.model == "gru" and r.record}
    assert resets == {"before"}
    kept = {r.job.identity for r in first if r.job.model == "rnn"}
    assert kept == {r.job.identity for r in found if r.job.model == "rnn"}


def test_reported_runs_keep_their_curves_when_the_run_directories_are_gone(paper, runs, monkeypatch):
    archive = paper.folder / "records.csv"
    first, _ = run_paper(paper, archive, [], config_dir=runs.conf)
    reported = paper.tables[0].reported(first)
    curves = read_series(archive.with_name(SERIES))
    assert set(curves) == {run.job.identity for run in reported}
    assert all(len(curve["step"]) == 2 for curve in curves.values())
    monkeypatch.setenv("RNNBENCH_RUNS", str(runs.folder / "another"))
    longer = replace(paper, tables=(replace(paper.tables[0], seeds=(0, 1, 2)),))
    run_paper(longer, archive, [], config_dir=runs.conf)
    again = read_series(archive.with_name(SERIES))
    assert {key: again[key] for key in curves} == curves
    assert len(again) == 6


def test_lost_curves_come_back_from_the_run_directories(paper, runs):
    archive = paper.folder / "records.csv"
    run_paper(paper, archive, [], config_dir=runs.conf)
    series = archive.with_name(SERIES)
    before, records = series.read_text(), archive.read_text()
    series.write_text("".join(before.splitlines(keepends=True)[:2]))
    run_paper(paper, archive, [], train=False, config_dir=runs.conf)
    assert (series.read_text(), archive.read_text()) == (before, records)


def test_a_table_without_a_search_and_one_row_of_it(paper, runs):
    table = replace(paper.tables[0], search=None, title="Table 1", cols={"toy2": ("dataset=toy",)})
    both = replace(paper, tables=(paper.tables[0], table))
    archive = paper.folder / "records.csv"
    found, _ = run_paper(both, archive, [], config_dir=runs.conf, only=["toy2", "gru"])
    assert sorted((r.job.model, r.job.dataset, r.job.seed) for r in found) == [("gru", "toy2", 0), ("gru", "toy2", 1)]
    assert len(read_runs(archive)) == 2
    fewer = replace(both, tables=(paper.tables[0],))
    left, _ = run_paper(fewer, archive, [], config_dir=runs.conf, only=["rnn"])
    assert {r.job.dataset for r in left} == {"toy"}  # the table is gone, and its records with it


def test_family_leaves_out_seed_and_what_is_searched():
    science = {"seed": 1, "engine": "loop", "optimizer": {"lr": 0.1, "momentum": 0.9}}
    other = {"seed": 2, "engine": "fused", "optimizer": {"lr": 0.2, "momentum": 0.9}}
    assert family(science, "optimizer.lr") == family(other, "optimizer.lr")
    assert family(science) != family(other)
    assert family(science) == family({**science, "seed": 5})


def test_a_searched_key_may_lie_deep():
    science = {"seed": 1, "model": {"cell": {"_target_": "x", "forget_bias": 1.0}}, "optimizer": {"lr": 0.1}}
    other = {"seed": 2, "model": {"cell": {"_target_": "x", "forget_bias": 2.0}}, "optimizer": {"lr": 0.1}}
    plain = {"seed": 3, "model": {"cell": {"_target_": "x"}}, "optimizer": {"lr": 0.1}}
    assert family(science, "model.cell.forget_bias") == family(other, "model.cell.forget_bias")
    assert family(science, "model.cell.forget_bias") == family(plain, "model.cell.forget_bias")
    assert family(science, "optimizer.lr") != family(other, "optimizer.lr")
    assert family(science, "scheduler.gamma") == family(science)


def test_what_was_collected_is_added_once(paper, runs):
    archive = paper.folder / "records.csv"
    first, _ = run_paper(paper, archive, [], config_dir=runs.conf)
    part = [run for run in first if run.job.model == "gru"]
    write_archive(part, archive)
    again, _ = run_paper(paper, archive, [], train=False, config_dir=runs.conf)
    assert sorted(r.job.identity for r in again) == sorted(r.job.identity for r in first)
    twice = replace(paper, tables=(replace(paper.tables[0], seeds=(0, 0, 1)),))
    archive.unlink()
    found, _ = run_paper(twice, archive, [], config_dir=runs.conf)
    assert sorted(r.job.identity for r in found) == sorted(r.job.identity for r in first)


def test_a_search_that_failed_is_not_forgotten_when_the_rest_succeeds(paper, runs, monkeypatch, capsys):
    monkeypatch.setenv("RNNBENCH_TEST_MENDED", "not there")
    file = paper.folder / "paper.yaml"
    failing = 'seeds: [0, 2]\ncells: {rnn: {toy: ["dataset._target_=toys.FailsForSeed1"]}}\n'
    file.write_text(file.read_text().replace("seeds: [0, 1]\n", failing).replace("seeds: [100]", "seeds: [1]"))
    assert main(["reproduce", str(paper.folder), "--config-dir", str(runs.conf)]) == 1
    said = capsys.readouterr().out
    assert said.count("failed: rnn toy seed 1: ZeroDivisionError: on purpose") == 2
    found = read_runs(paper.folder / "records.csv")
    assert [run.job.seed for run in found if run.job.model == "gru"] == [0, 1, 1, 2]
    assert {run.job.model for run in found} == {"gru"}


def test_data_that_cannot_be_had_are_one_line_and_the_rest_is_run(paper, runs, monkeypatch, capsys):
    def absent(name, data_dir):
        raise UserError(f"{name}: cannot be had")

    monkeypatch.setattr("rnnbench.data.files.fetch", absent)
    (table,) = paper.tables
    cols = {"muse": ("dataset=muse_data",), **table.cols}
    both = replace(paper, tables=(replace(table, cols=cols, search=None, published=(), metric="loss"),))
    found, outcomes = run_paper(both, paper.folder / "records.csv", [], config_dir=runs.conf)
    assert {run.job.dataset for run in found} == {"toy"}
    assert [outcome.code for outcome in outcomes] == [1, 0]
    assert capsys.readouterr().out.count("muse_data: cannot be had") == 1


def test_a_paper_that_is_changed_while_it_is_run_loses_nothing(paper, runs):
    archive, file = paper.folder / "records.csv", paper.folder / "paper.yaml"
    run_paper(paper, archive, [], config_dir=runs.conf)
    before = archive.read_bytes()
    file.write_text(file.read_text().replace("seeds: [0, 1]", "seeds: [0, 1, 2]"))
    fewer = replace(paper, tables=(replace(paper.tables[0], seeds=(0, 3)),))
    with pytest.raises(UserError, match=r"paper\.yaml: was changed meanwhile; nothing is lost, the same command"):
        run_paper(fewer, archive, [], config_dir=runs.conf)
    assert archive.read_bytes() == before
    with pytest.raises(UserError, match="was changed meanwhile"):
        write_page(paper, archive)
    found, _ = run_paper(load_paper(paper.folder), archive, [], config_dir=runs.conf)
    assert {run.job.seed for run in found} == {0, 1, 2, 100}


def test_a_record_counts_whatever_its_engine(paper, runs):
    archive = paper.folder / "records.csv"
    first, _ = run_paper(paper, archive, [], config_dir=runs.conf)

    def other(run):
        science = {**run.record["science"], "engine": "torch"}
        record = {**run.record, "engine": "torch", "science": science, "identity": run.job.identity[::-1]}
        return replace(run, job=replace(run.job, identity=run.job.identity[::-1]), record=record)

    write_archive([other(run) if run.job.seed else run for run in first], archive)
    again, outcomes = run_paper(paper, archive, [], config_dir=runs.conf)
    assert (len(again), outcomes) == (len(first), [])
    cells = results(paper.tables[0], again)["test"].cells
    assert {place: cell.total for place, cell in cells.items() if place[0] in ("gru", "rnn")} == {
        ("gru", "toy"): 2,
        ("rnn", "toy"): 2,
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\nseeds: [0, 1]\n", "\nseeds: [0, 1]\nalso: [mea]\n", r"Table 0: also=mea: toy has loss, mae, mse"),
        ("metric: mse}", "metric: nll}", r"search\.metric=nll: toy has"),
        ("  metric: mse\n", "  metric: sequences_to_success\n", r"metric=sequences_to_success: toy has"),
    ],
)
def test_a_metric_that_is_not_measured_is_named_before_anything_is_trained(paper, runs, old, new, message):
    file = paper.folder / "paper.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(UserError, match=rf"paper\.yaml: .*{message}"):
        run_paper(load_paper(paper.folder), paper.folder / "records.csv", [], config_dir=runs.conf)
    assert not (runs.folder / "runs").exists()


def test_records_of_what_is_declared_otherwise_now_are_found(paper, runs):
    archive = paper.folder / "records.csv"
    found, _ = run_paper(paper, archive, [], config_dir=runs.conf)
    assert outdated(paper, archive, runs.conf) == []
    table = paper.tables[0]
    changed = replace(table, rows={**table.rows, "gru": (*table.rows["gru"], "optimizer.weight_decay=0.1")})
    old = outdated(replace(paper, tables=(changed,)), archive, runs.conf)
    assert {run.job.identity for run in old} == {run.job.identity for run in found if run.job.model == "gru"}


def test_the_quick_form_runs_what_it_names_unless_the_command_line_names_something(paper, runs, capsys):
    second = "tables: [{}, {table: Another, cols: {other: [dataset=toy]}, metric: mse, published: {values: []}}]"
    text = (paper.folder / "paper.yaml").read_text().replace("quick: {", "quick: {only: [other, gru], ")
    (paper.folder / "paper.yaml").write_text(f"{text}{second}\n")
    words = ["reproduce", str(paper.folder), "--quick", "--config-dir", str(runs.conf)]
    assert main(words) == 0
    first = capsys.readouterr().out
    assert main([*words, "--only", "toy", "rnn"]) == 0
    then = capsys.readouterr().out
    assert ("## Another" in first, "## Table 0" in first) == (True, False)
    assert ("## Another" in then, "## Table 0" in then) == (True, True)
    found = read_archive(next(runs.folder.rglob("quick/*/records.csv")))
    assert {(run.job.model, run.job.dataset) for run in found} == {("gru", "other"), ("rnn", "toy")}


def test_the_quick_form_of_a_folder_of_ones_own_has_records_of_its_own(paper, runs):
    ours = load_paper(packaged("experiments") / "chung2014")
    assert default_archive(ours, True, runs.folder) == runs.folder / "quick" / "chung2014" / "records.csv"
    theirs = replace(paper, folder=runs.folder / "elsewhere" / "chung2014")
    assert default_archive(theirs, True, runs.folder).parent.name.startswith("chung2014-")
    assert default_archive(theirs, False, runs.folder) == theirs.folder / "records.csv"


def test_what_came_with_a_wheel_goes_on_beside_the_runs(paper, runs, monkeypatch):
    monkeypatch.setattr("rnnbench.training.paper.is_installed", lambda folder: True)
    estimate = "row,col,steps,seconds_per_step,hardware\ngru,toy,7200,0.5,a processor\n"
    (paper.folder / ESTIMATES).write_text(estimate)
    run_paper(paper, paper.folder / "records.csv", [], config_dir=runs.conf, only=["rnn"])
    archive = default_archive(paper, False, runs.folder / "mine")
    assert archive == runs.folder / "mine" / "papers" / "toy" / "records.csv"
    assert len(read_runs(archive)) == 4
    assert "| gru on toy | 4 | 4.0 |" in write_page(paper, archive)
    assert not (paper.folder / "README.md").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("key: optimizer.lr", "key: ++optimizer.lr", r"Table 0: \+\+optimizer.lr is no hyperparameter of gru"),
        ("key: optimizer.lr, low: 0.001, high: 0.1, count: 2", "key: threads, grid: [1, 2]", "threads is no hyper"),
        ("key: optimizer.lr, low: 0.001, high: 0.1, count: 2", "key: seed, grid: [4, 5]", "seed is no hyper"),
        ("gru: [model=gru]", "gru: [model=gru, +model.nme=mine]", "paper.yaml: .*nme"),
        ("model.hidden_size=3]", "model.hiden_size=3]", "paper.yaml: .*hiden_size"),
        ("model.hidden_size=3]", "model.hidden_size=3, hydra.run.dir=x]", "paper.yaml: hydra.run.dir=x: has no effect"),
        ("model.hidden_size=3]", "model.hidden_size=3, replicas=off]", "paper.yaml: replicas=off: has no effect"),
        ("model.hidden_size=3]", "model.hidden_size=3, dry_run=true]", "paper.yaml: dry_run=true: has no effect"),
    ],
)
def test_what_would_not_be_found_again_is_refused_before_anything_is_trained(paper, runs, old, new, message):
    file = paper.folder / "paper.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(UserError, match=message):
        run_paper(load_paper(paper.folder), paper.folder / "records.csv", [], config_dir=runs.conf)
    assert not (runs.folder / "runs").exists()


def test_records_that_cannot_be_written_are_noticed_before_anything_is_trained(paper, runs, capsys):
    (paper.folder / ".records.lock").mkdir()
    assert main(["reproduce", str(paper.folder), "--config-dir", str(runs.conf)]) == 2
    assert ".records.lock" in capsys.readouterr().err
    assert not (runs.folder / "runs").exists()


def test_a_table_that_comes_after_a_search_is_checked_before_it(paper, runs):
    second = replace(paper.tables[0], search=None, title="Table 1", cols={"toy2": ("dataset=toy",)}, metric="nope")
    with pytest.raises(UserError, match=r"Table 1: metric=nope: toy2 has"):
        run_paper(replace(paper, tables=(*paper.tables, second)), paper.folder / "a.csv", [], config_dir=runs.conf)
    assert not (runs.folder / "runs").exists()


def test_sizes_are_searched_and_the_best_is_reported(paper, runs):
    search = Search("model.hidden_size", (9,), "mse", grid=(2, 3))
    table = replace(paper.tables[0], base=("trainer.max_epochs=2",), search=search, published=())
    found, _ = run_paper(replace(paper, tables=(table,)), paper.folder / "records.csv", [], config_dir=runs.conf)
    assert len(table.reported(found)) == 2 * 2
    assert table.missing(found) == {}


def test_a_torn_run_stops_no_table(paper, runs):
    archive = paper.folder / "records.csv"
    found, _ = run_paper(paper, archive, [], config_dir=runs.conf)
    archive.with_name(SERIES).unlink()
    for result in (runs.folder / "runs").glob("*/result.json"):
        result.write_text("{")
        result.with_name("job.json").unlink(missing_ok=True)
    again, _ = run_paper(paper, archive, [], train=False, config_dir=runs.conf)
    assert len(again) == len(found)
