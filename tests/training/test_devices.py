"""Two processes share each batch and end where one ends."""

import os
import signal
import subprocess
import sys

import pytest
import torch
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher

from rnnbench.records.store import RunDirectory
from rnnbench.training import devices
from rnnbench.training.callbacks import StopFlag
from rnnbench.training.devices import device_problem, use_processor
from rnnbench.training.run import run

TWO = ("trainer=ddp_cpu", "trainer.max_epochs=2", "dataset.ragged=true", "trainer.weight_noise=0.01")
ONE = tuple(o for o in TWO if o != "trainer=ddp_cpu")


def close(a, b):
    return a == pytest.approx(b, rel=1e-4)


def test_a_follower_that_is_slow_to_leave_fails_nothing(tmp_path, monkeypatch):
    class Trainer:
        class strategy:
            launcher = _SubprocessScriptLauncher.__new__(_SubprocessScriptLauncher)

    Trainer.strategy.launcher.num_processes = 2
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    start = subprocess.Popen
    monkeypatch.setattr(devices, "PATIENCE", 0.05)
    monkeypatch.setattr(
        subprocess, "Popen", lambda _, **options: started.append(start(command, **options)) or started[0]
    )
    started = []
    with devices.followers(Trainer(), tmp_path):
        pass
    assert started[0].returncode == -signal.SIGKILL


def test_two_processes_train_what_one_trains(runs):
    one, two = runs.train(*ONE, where="one"), runs.train(*TWO)
    assert one["identity"] == two["identity"]
    for key in ("train/loss", "train/mse", "train/mae", "valid/mse", "valid/mae", "grad_norm", "step"):
        assert close(two["series"][key], one["series"][key]), key
    assert two["selection"] == one["selection"]
    for split, values in one["metrics"].items():
        assert close(two["metrics"][split], values)
    assert two["baseline"] == one["baseline"]
    files = {p.name for p in runs.plan(*TWO).path.iterdir()}
    assert "process1.log" in files
    assert (runs.plan(*TWO).path / "process1.log").read_text() == ""
    assert not {"LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR"} & set(os.environ)


@pytest.mark.slow
def test_interrupted_and_failing_leader_leaves_no_process(runs):
    assert runs.interrupted(3, *TWO, where="cut")
    record = runs.train(*TWO, where="cut")  # the lock is free, and a second group can be made in this process
    assert record["attempts"] == 2
    assert close(record["series"]["train/loss"], runs.train(*ONE, where="one")["series"]["train/loss"])


@pytest.mark.slow
def test_divergence_in_two_processes(runs):
    plan = runs.plan(*TWO, "optimizer=sgd", "optimizer.lr=1e30")
    assert run(plan, StopFlag())[0] == "diverged"
    assert RunDirectory(plan.path).status() == "diverged"


def test_device_problem():
    assert device_problem("cpu", 1, "auto", 1) is None
    assert device_problem("cpu", 2, "ddp", 2) is None
    assert "cannot share batches of 1" in device_problem("cpu", 2, "ddp", 1)
    assert "trainer.strategy=nope" in device_problem("cpu", 1, "nope", 1)


def test_a_training_process_takes_numbers_too_small_for_a_float_for_zero():
    before = torch.get_num_threads()
    try:
        use_processor(2)
        assert torch.get_num_threads() == 2
        assert (torch.tensor(1e-30) * 1e-10).item() == 0
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)
