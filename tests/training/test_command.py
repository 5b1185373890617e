import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from rnnbench.records.store import RunDirectory
from rnnbench.training import command as module
from rnnbench.training.callbacks import Interrupted

RUN = ("dataset=toy", "model=gru", "model.hidden_size=3", "trainer.max_epochs=2")


def test_one_run(command, capsys, runs):
    assert command(*RUN) == 0
    out = capsys.readouterr().out
    assert "gru on toy, seed 0: finished" in out
    (path,) = (runs.folder / "runs" / "runs").glob("toy-*")
    assert f"run:         {path}" in out
    assert f"tensorboard --host 127.0.0.1 --logdir {path}" in out


def test_the_same_command_again_shows_the_same(command, capsys):
    """Where a metric is no number too: the correlation of a constant prediction."""
    words = ("dataset=price_walk", "model=gru", "model.hidden_size=2", "trainer.max_epochs=1", "debug=two_steps")
    assert command(*words, "logger.plots=false") == 0
    first = capsys.readouterr().out
    assert command(*words, "logger.plots=false") == 0
    assert "constant prediction, test: " in first
    assert capsys.readouterr().out.splitlines()[-3:] == first.splitlines()[-3:]


def test_dry_run_writes_nothing(command, capsys, runs):
    assert command("-m", *RUN, "seed=0,1", "dry_run=true") == 0
    out = capsys.readouterr().out
    assert "[2/2] gru toy seed 1: hidden 3" in out
    assert not (runs.folder / "runs").exists()


def test_failure_is_exit_code_1_with_its_traceback(command, capsys, monkeypatch):
    monkeypatch.setenv("RNNBENCH_TEST_MENDED", "not there")
    assert command(*RUN, "dataset._target_=toys.FailsForSeed1", "seed=1") == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError: on purpose" in err
    assert "traceback kept in" in err


def test_busy_run_is_one_line(command, capsys, runs):
    with RunDirectory(runs.plan(*RUN).path).lock():
        assert command(*RUN, f"paths.runs_dir={runs.folder / 'runs'}") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "is being trained by another process: wait for it or stop it" in lines[0]


def test_interrupted_run_is_exit_code_130(command, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise Interrupted("SIGTERM")

    monkeypatch.setattr("rnnbench.training.run.run", interrupt)
    assert command(*RUN) == module.INTERRUPTED == 130
    assert "the same command goes on from there" in capsys.readouterr().out


def test_sigterm_saves_in_the_middle_of_an_epoch(runs, environment):
    conf = Path(__file__).parent / "conf"
    big = ("dataset.size=3000", "trainer.max_epochs=99", "dataset=toy", "model=gru", "model.hidden_size=3")
    words = [sys.executable, "-m", "rnnbench", "train", "--config-dir", str(conf), *big]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    folder = Path(environment["RNNBENCH_RUNS"])
    end = time.monotonic() + 240  # on a busy machine the first epoch is long in coming
    while (
        not any(folder.glob("runs/toy-*/checkpoints/last.ckpt")) and process.poll() is None and time.monotonic() < end
    ):
        time.sleep(0.02)
    time.sleep(0.5)  # an epoch takes longer
    os.kill(process.pid, signal.SIGTERM)
    out = process.communicate(timeout=60)[0]
    assert process.returncode == 130, out
    assert "interrupted; the state is saved" in out
    assert "Traceback" not in out
    (path,) = folder.glob("runs/toy-*")
    assert RunDirectory(path).status() == "interrupted"
    checkpoint = torch.load(path / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] > 600
    assert checkpoint["global_step"] % 600  # inside an epoch
