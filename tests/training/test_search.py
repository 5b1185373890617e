"""Searches on a toy: taken up again without repeating a trial, pruned, and whatever a trial does."""

import json
import shlex
import shutil
import threading
from pathlib import Path

import optuna
import pytest

from rnnbench.cli import main
from rnnbench.records.files import alone
from rnnbench.records.load import load_runs
from rnnbench.training.callbacks import Interrupted
from rnnbench.training.search import SEARCHES, Watch

HERE = Path(__file__).parent
RANGE = "optimizer.lr=tag(log,interval(1e-3,1e-1))"


@pytest.fixture
def search(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))

    def call(*words, trials=3, more=()):
        common = [
            "dataset=toy",
            "model=gru",
            "model.hidden_size=3",
            "trainer.max_epochs=2",
            f"paths.runs_dir={tmp_path}",
        ]
        return main(["search", *common, *words, "--config-dir", str(HERE / "conf"), "--trials", str(trials), *more])

    return call


def study(folder):
    (journal,) = (folder / SEARCHES).glob("*/journal.log")
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    return optuna.load_study(study_name="search", storage=optuna.storages.JournalStorage(backend))


def test_more_trials_go_on_and_every_trial_is_a_run(search, tmp_path, capsys):
    assert search(RANGE, trials=2) == 0
    first = [t.params for t in study(tmp_path).trials]
    assert search(RANGE, trials=4) == 0
    out = capsys.readouterr().out
    trials = study(tmp_path).trials
    assert [t.params for t in trials][:2] == first
    assert len({t.params["optimizer.lr"] for t in trials}) == 4
    runs = load_runs(tmp_path / "runs")
    values = sorted(run.metric("valid", "mse") for run in runs)
    assert sorted(t.value for t in trials) == values
    assert f"best:        valid mse {values[0]:.4g}" in out.splitlines()[-4]
    again = next(line for line in reversed(out.splitlines()) if line.startswith("again:"))
    assert f"optimizer.lr={min(trials, key=lambda t: t.value).params['optimizer.lr']:.6g}" in again
    assert search(RANGE, trials=4) == 0
    assert len(study(tmp_path).trials) == 4


def test_the_printed_command_is_that_of_the_best_run_in_any_shell(search, tmp_path, capsys):
    assert search(RANGE, f"paths.runs_dir={tmp_path}/my runs", trials=2) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("again:"))
    _, _, *words = shlex.split(line)
    assert main(words) == 0
    assert len(load_runs(tmp_path / "my runs" / "runs")) == 2


def test_a_trial_that_was_cut_off_is_continued_not_drawn_again(search, tmp_path, monkeypatch, capsys):
    seen = []

    def ctrl_c(watch):
        seen.append(watch)
        if len(seen) == 8:
            raise Interrupted("SIGINT")

    with monkeypatch.context() as patched:
        patched.setattr(Watch, "check", ctrl_c)
        assert search(RANGE, trials=3) == 130
    assert "interrupted; the same command goes on" in capsys.readouterr().out
    before = study(tmp_path).trials
    assert before[-1].state is optuna.trial.TrialState.RUNNING
    assert search(RANGE, trials=3) == 0
    after = study(tmp_path).trials
    assert [t.params for t in after][: len(before)] == [t.params for t in before]
    assert len(after) == 3
    attempts = sorted(json.loads(p.read_text())["attempts"] for p in tmp_path.glob("runs/*/attempts.json"))
    assert attempts == [1, 1, 2]


def test_a_folder_of_configurations_that_says_something_else_makes_another_search(search, tmp_path):
    other = shutil.copytree(HERE / "conf", tmp_path / "conf")
    toy = (other / "dataset" / "toy.yaml").read_text()
    assert search(RANGE, trials=1) == 0
    assert search(RANGE, trials=1, more=["--config-dir", str(other)]) == 0  # moved, nothing else
    assert len(list((tmp_path / SEARCHES).iterdir())) == 1
    (other / "dataset" / "toy.yaml").write_text(toy.replace("size: 23", "size: 24"))
    assert search(RANGE, trials=1, more=["--config-dir", str(other)]) == 0
    assert len(list((tmp_path / SEARCHES).iterdir())) == 2


def test_a_trial_that_another_process_draws_is_not_taken_for_one_cut_off(search, tmp_path, monkeypatch):
    drawing, go_on = threading.Event(), threading.Event()
    ask = optuna.study.Study.ask

    def slow(study, distributions):
        trial = ask(study)  # half drawn: nothing suggested yet
        drawing.set()
        assert go_on.wait(60)
        for name, distribution in distributions.items():
            trial._suggest(name, distribution)
        return trial

    def draw():
        with alone(folder / "journal.log"):
            slow(study(tmp_path), {"optimizer.lr": optuna.distributions.FloatDistribution(1e-3, 1e-1, log=True)})

    assert search(RANGE, trials=1) == 0
    (folder,) = (tmp_path / SEARCHES).iterdir()
    other = threading.Thread(target=draw)
    other.start()
    assert drawing.wait(60)
    threading.Timer(1.0, go_on.set).start()
    assert search(RANGE, trials=2) == 0
    other.join()
    assert [t.state.name for t in study(tmp_path).trials] == ["COMPLETE", "COMPLETE"]


def test_the_pruner_stops_a_trial_whose_state_is_kept(search, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(optuna.trial.Trial, "should_prune", lambda trial: trial.number == 1)
    assert search(RANGE, trials=3, more=["--prune"]) == 0
    assert "pruned after 1 epochs" in capsys.readouterr().out
    assert [t.state.name for t in study(tmp_path).trials] == ["COMPLETE", "PRUNED", "COMPLETE"]
    assert sorted(run.status for run in load_runs(tmp_path / "runs"))[:2] == ["finished", "finished"]
    assert len(list(tmp_path.glob("runs/*/checkpoints/last.ckpt"))) == 3


def test_more_is_better_where_the_metric_says_so(search, tmp_path, capsys):
    words = (RANGE, "dataset=digits", "trainer.select_by=accuracy")
    assert search(*words, trials=2, more=["--prune"]) == 0
    runs = sorted(load_runs(tmp_path / "runs"), key=lambda run: -run.metric("valid", "accuracy"))
    for trial, run in zip(sorted(study(tmp_path).trials, key=lambda trial: trial.value), runs, strict=True):
        assert trial.value == -run.metric("valid", "accuracy")  # Optuna looks for the least
        seen = zip(run.record["series"]["epoch"], run.record["series"]["valid/accuracy"])
        assert trial.intermediate_values == {epoch: -value for epoch, value in seen}
    best = runs[0].metric("valid", "accuracy")
    assert f"best:        valid accuracy {best:.4g} by" in capsys.readouterr().out


def test_failed_and_diverged_trials_are_kept(search, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RNNBENCH_TEST_MENDED", str(tmp_path / "never"))
    assert search("seed=1,0", "dataset._target_=toys.FailsForSeed1", trials=4, more=["--sampler", "random"]) == 1
    states = {t.params["seed"]: t.state.name for t in study(tmp_path).trials}
    assert states == {"1": "FAIL", "0": "COMPLETE"}
    assert "failed: ZeroDivisionError: on purpose" in capsys.readouterr().out


def test_a_combination_that_the_model_refuses_fails_alone(search, tmp_path, capsys):
    space = ("model=transformer", "model.hidden_size=6,4", "model.heads=3,2", "trainer.max_epochs=1")
    assert search(*space, trials=3, more=["--sampler", "random"]) == 1
    refused = {
        t.state.name for t in study(tmp_path).trials if t.params == {"model.hidden_size": "4", "model.heads": "3"}
    }
    assert refused == {"FAIL"}
    out = capsys.readouterr().out
    assert "failed: model (rnnbench.layers.Transformer): heads=3: must divide hidden_size=4" in out
    assert "best:        valid mse" in out
    assert search(*space, trials=3, more=["--sampler", "random"]) == 1
    assert len(study(tmp_path).trials) == 3


def test_a_dry_run_lists_the_ends_of_the_space(search, tmp_path, capsys):
    assert search("optimizer.lr=interval(0.01,0.5)", "dry_run=true") == 0
    out = capsys.readouterr().out
    assert "optimizer.lr=0.01" in out
    assert "optimizer.lr=0.5" in out
    assert list(tmp_path.rglob("result.json")) == []


def test_all_mistakes_come_before_the_first_trial(search, tmp_path, capsys):
    assert search("model.hidden_size=range(0,9,4)", "optimizer.lr=interval(-1,1)") == 2
    err = capsys.readouterr().err
    assert "hidden_size" in err
    assert "rnnbench: " in err
    (tmp_path / "a.csv").write_text("price\n" + "1\n2\n" * 100)
    assert search(RANGE, "dataset=csv", f"dataset.path={tmp_path}/a.csv", "dataset.targets=[prise]") == 2
    assert "rnnbench: a.csv: no column 'prise'" in capsys.readouterr().err.replace(f"{tmp_path}/", "")
    for idle in ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweep.dir=there"):
        assert search(RANGE, idle) == 2
        assert f"rnnbench: {idle}: has no effect here; " in capsys.readouterr().err
    assert not (tmp_path / SEARCHES).exists()
