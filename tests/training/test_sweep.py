"""Sweeps that fail, die, are killed and told to stop: the same command goes on, and ends with the same records."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from hydra.core.plugins import Plugins

from rnnbench.records.identity import flatten
from rnnbench.records.load import load_runs
from rnnbench.records.record import Job
from rnnbench.records.sweep import latest_sweep
from rnnbench.results.table import build
from rnnbench.training.sweep import Progress

SWEEP = ("-m", "dataset=toy", "model=gru,torch_lstm", "seed=0,1", "model.hidden_size=3", "trainer.max_epochs=6")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
LONG = ("trainer.max_epochs=100000", "logger=none", "trainer.checkpoint_every=10")


class Command:
    """``python -m rnnbench train -m`` in a session of its own."""

    def __init__(self, environment, folder, *words):
        conf = os.path.join(os.path.dirname(__file__), "conf")
        self.folder, self.log = folder, folder.parent / f"{folder.name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rnnbench", "train", "--config-dir", conf, *words],
                env={**os.environ, **environment, "RNNBENCH_RUNS": str(folder)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_for(self, pattern, seconds=300):
        """Until files match in the runs folder, or the process has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None and not any(self.folder.glob(pattern)):
            time.sleep(0.02)

    def kill(self):
        """``kill -9`` for the process and all its children; whether it was still at work."""
        alive = self.process.poll() is None
        if alive:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        return alive

    def end(self, seconds=500):
        code = self.process.wait(seconds)
        return code, self.log.read_text()

    def alone(self):
        """Whether no process of its session is left."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


@pytest.fixture
def start(environment):
    """Starts commands, and leaves none behind."""
    started = []

    def begin(folder, *words):
        started.append(Command(environment, folder, *words))
        return started[-1]

    yield begin
    for one in started:
        one.kill()


def records(runs, folder):
    """Every record of the latest sweep by identity, without what the clock decides, and its table."""
    loaded = load_runs(latest_sweep(folder))
    assert all(run.record for run in loaded)
    table = build(loaded)
    cells = {key: (cell.values, cell.interval, cell.total, cell.best) for key, cell in table.cells.items()}
    return {run.job.identity: runs.lasting(run.record) for run in loaded}, cells


def killed_sweep(runs, command, start, kills, seed, window, *words):
    """Records of an uninterrupted sweep, and of one that was killed ``kills`` times."""
    folder = runs.folder / "killed"
    assert command(*SWEEP, *words) == 0
    moments, done = random.Random(seed), 0
    while done < kills:
        work = start(folder, *SWEEP, *words)
        work.wait_for("sweeps/*/manifest.json")
        time.sleep(moments.uniform(0, window))
        if (
            not work.kill()
        ):  # it came to its end: begin again, for a kill between runs of a finished sweep shows nothing
            for record in list(folder.glob("runs/*/result.json"))[: moments.randrange(5)]:
                record.unlink()
        done += 1
    code, log = start(folder, *SWEEP, *words).end()
    assert code == 0, log
    return records(runs, runs.folder / "runs"), records(runs, folder)


def test_killed_twice(runs, command, start):
    whole, killed = killed_sweep(runs, command, start, 2, 1, 1.5)
    assert killed == whole


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("launcher", [(), JOBLIB], ids=["basic", "joblib"])
def test_killed_a_dozen_times(runs, command, start, launcher):
    longer = ("trainer.max_epochs=20",)
    whole, killed = killed_sweep(runs, command, start, 12, 2, 8, *longer, *launcher)
    assert killed == whole


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_killed_group(runs, command, start):
    words = ("replicas=auto", "trainer.precision=64", "optimizer.lr=0.1,0.01,0.001", "trainer.max_epochs=20")
    (whole, _), (killed, _) = killed_sweep(runs, command, start, 12, 3, 8, *words)
    assert whole.keys() == killed.keys()
    for identity, record in whole.items():
        ours, theirs = flatten(killed[identity]), flatten(record)
        assert ours.keys() == theirs.keys()
        for key in theirs.keys() - {"replicas"}:  # what went on together: those that stood at one place
            value = theirs[key]
            numbers = [x for x in (value if isinstance(value, list) else [value]) if isinstance(x, float)]
            found = [x for x in (ours[key] if isinstance(ours[key], list) else [ours[key]]) if isinstance(x, float)]
            assert found == pytest.approx(numbers, rel=1e-8), key
            assert numbers or ours[key] == value, key


def test_failing_job_leaves_the_others_and_is_tried_again(runs, command, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("RNNBENCH_TEST_MENDED", str(tmp_path / "mended"))
    words = (*SWEEP, "dataset._target_=toys.FailsForSeed1")
    assert command(*words) == 1
    out = capsys.readouterr().out
    assert out.count("failed: gru toy seed 1: ZeroDivisionError: on purpose") == 1
    assert out.count("failed: torch_lstm toy seed 1: ZeroDivisionError: on purpose") == 1
    assert "Traceback" not in out
    loaded = load_runs(latest_sweep(tmp_path / "runs"))
    assert sorted((r.job.seed, r.status) for r in loaded) == [(0, "finished")] * 2 + [(1, "failed")] * 2
    (tmp_path / "mended").touch()
    before = {r.path: r.record for r in loaded if r.record}
    assert command(*words) == 0
    assert "2 of 4 jobs have a result already" in capsys.readouterr().out
    after = {r.path: r.record for r in load_runs(latest_sweep(tmp_path / "runs"))}
    assert len(after) == 4
    assert all(after[path] == record for path, record in before.items())


def test_more_seeds_run_the_new_ones_only(runs, command, capsys):
    assert command(*SWEEP) == 0
    capsys.readouterr()
    assert command(*SWEEP, "seed=0,1,2") == 0
    out = capsys.readouterr().out
    assert "4 of 6 jobs have a result already" in out
    assert [line.split("]")[0].strip("[ ") for line in out.splitlines() if line.startswith("[")] == ["5/6", "6/6"]


def test_divergence_stands_in_the_table(runs, command, capsys):
    assert command(*SWEEP, "optimizer=sgd", "optimizer.lr=1e30") == 0
    out = capsys.readouterr().out
    assert out.count(" diverged ") >= 4
    assert "failed:" not in out


def test_two_spellings_of_one_run_are_one_job(runs, command, capsys):
    assert command(*SWEEP, "model=gru", "seed=0", "trainer.min_delta=0,0.0") == 0
    assert "1 jobs, " in capsys.readouterr().out


@pytest.mark.parametrize("launcher", [(), JOBLIB], ids=["basic", "joblib"])
def test_values_of_hydra_are_those_that_were_planned(runs, command, launcher):
    words = ["model=gru", "model.name=on_${hydra:runtime.choices.dataset}", "seed=0,1", "trainer.max_epochs=1"]
    where = f"paths.runs_dir={runs.folder / 'runs'}"  # a worker that an earlier test left has that one's environment
    assert command("-m", "dataset=toy", *words, where, *launcher) == 0
    assert {run.job.model for run in load_runs(runs.folder / "runs")} == {"on_toy"}


def test_a_job_that_is_not_the_planned_one_is_told(command, capsys):
    words = ("-m", "dataset=toy", "model=gru", "model.name=x${now:%f}", "seed=0,1", "trainer.max_epochs=1")
    assert command(*words) == 1
    out = capsys.readouterr().out
    assert out.count("not run: dataset=toy model=gru") == 2
    assert "incomplete: 2 of 2 jobs are left" in out


@pytest.mark.parametrize(
    ("launcher", "number"),
    [
        ((), signal.SIGTERM),
        pytest.param((), signal.SIGINT, marks=pytest.mark.slow),
        (JOBLIB, signal.SIGTERM),
        pytest.param(JOBLIB, signal.SIGINT, marks=pytest.mark.slow),
    ],
    ids=["basic-term", "basic-int", "joblib-term", "joblib-int"],
)
def test_told_to_stop(runs, start, launcher, number):
    folder = runs.folder / "stopped"
    work = start(folder, *SWEEP, *LONG, *launcher)
    work.wait_for("runs/*/checkpoints/last.ckpt")
    if number == signal.SIGINT:
        os.killpg(work.process.pid, number)  # a terminal sends it to all
    else:
        work.process.send_signal(number)
    code, log = work.end()
    assert code == 130, log
    assert "Traceback" not in log
    assert "interrupted: 4 of 4 jobs are left; the same command goes on with them" in log
    assert len(log.splitlines()) < 12
    assert any(folder.glob("runs/*/checkpoints/last.ckpt"))
    statuses = {r.status for r in load_runs(folder / "runs")}
    assert "interrupted" in statuses
    assert statuses <= {"interrupted", "pending"}  # the second worker may not have come to its first step
    end = time.monotonic() + 20
    while not work.alone() and time.monotonic() < end:
        time.sleep(0.1)
    assert work.alone()


@pytest.mark.slow
def test_death_of_a_worker_is_survived_by_the_same_command(runs, start, tmp_path, monkeypatch):
    folder = runs.folder / "dead"
    monkeypatch.setenv("RNNBENCH_TEST_MENDED", str(tmp_path / "mended"))
    words = (*SWEEP, *JOBLIB, "dataset._target_=toys.DiesForSeed1")
    code, log = start(folder, *words).end()
    assert code == 1
    assert "the launcher stopped: TerminatedWorkerError" in log
    assert "the same command goes on with them" in log
    assert "Traceback" not in log
    (tmp_path / "mended").touch()
    code, log = start(folder, *words).end()
    assert code == 0, log


def test_line_of_a_job(tmp_path):
    directories = tuple(tmp_path / str(i) for i in range(4))
    for directory in directories[:2]:
        directory.mkdir()
        (directory / "result.json").write_text(json.dumps({}))
        (directory / "attempts.json").write_text("{}")
    now = time.time()
    os.utime(directories[0] / "attempts.json", (now - 3600, now - 3600))
    os.utime(directories[1] / "attempts.json", (now - 60, now - 60))
    progress = Progress(directories, finished_before=1, started=now - 90)  # 30 s of start-up
    job = Job("0" * 16, "runs/x", "gru", "toy", 3)
    record = {"primary_metric": "mse", "metrics": {"test": {"mse": 0.5}}, "seconds": 60.0}
    line = progress.line(job, "finished", record)
    assert line.startswith("[2/4] gru")
    assert "seed 3" in line
    assert "test mse 0.5" in line
    assert line.endswith("2 min 00 s left")
    assert progress.line(job, "failed", None, "Boom: x").endswith("failed: Boom: x")
    directories[2].mkdir()
    (directories[2] / "attempts.json").write_text("{}")  # another worker's, half done: 1.5 jobs in a minute
    assert progress.line(job, "finished", record).endswith("1 min 00 s left")


def test_a_worker_that_ctrl_c_killed_while_it_started_is_an_interruption(command, monkeypatch, capsys):
    class Broken:
        def launch(self, jobs, initial_job_idx):
            os.kill(os.getpid(), signal.SIGINT)
            raise RuntimeError("a task has failed to un-serialize")

    monkeypatch.setattr(Plugins, "instantiate_launcher", lambda *args, **kwargs: Broken())
    assert command(*SWEEP) == 130
    out = capsys.readouterr().out
    assert "interrupted: 4 of 4 jobs are left" in out
    assert "un-serialize" not in out
