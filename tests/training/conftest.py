"""Tiny runs in this process, and what of a record must not change when a run is interrupted."""

import os
import pickle
import signal
from pathlib import Path

import pytest

from rnnbench.cli import main
from rnnbench.records.events import read_scalars
from rnnbench.training.callbacks import Interrupted, StopFlag
from rnnbench.training.compose import Composer
from rnnbench.training.plan import Plan, make_plan
from rnnbench.training.run import run

HERE = Path(__file__).parent
CONF = ["--config-dir", str(HERE / "conf")]
SMALL = ["dataset=toy", "model=gru", "model.hidden_size=3", "trainer.max_epochs=3"]
RATES = ("sequences_per_second", "steps_per_second")
CLOCK = ("seconds", "steps_per_second", "peak_memory_bytes", "attempts")


class StopAfter(StopFlag):
    """Ctrl-C that arrives just before the flag is looked at for the ``n``-th time."""

    def __init__(self, n: int):
        super().__init__()
        self.left = n

    def check(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.signal = signal.SIGINT
        super().check()


class Runs:
    """Trains tiny runs below a folder of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.conf = HERE / "conf"
        self.composer = Composer(self.conf)
        self.composed: dict[tuple[str, ...], bytes] = {}  # tests plan the same run again and again

    def plan(self, *overrides: str, where: str = "runs") -> Plan:
        solved = any(word.startswith("budget.params=") for word in overrides)
        words = [word for word in SMALL if not (solved and word.startswith("model.hidden_size="))] + [*overrides]
        key = (*words, f"paths.runs_dir={self.folder / where}")
        if key not in self.composed:
            self.composed[key] = pickle.dumps(self.composer.one(key))
        return make_plan(pickle.loads(self.composed[key]), words)

    def train(self, *overrides: str, where: str = "runs", stop: StopFlag | None = None) -> dict:
        status, record = run(self.plan(*overrides, where=where), stop or StopFlag())
        assert record is not None, status
        return record

    def interrupted(self, n: int, *overrides: str, where: str = "cut") -> bool:
        """Train until the flag is looked at for the ``n``-th time; False when the run ended before that."""
        try:
            self.train(*overrides, where=where, stop=StopAfter(n))
        except Interrupted:
            return True
        return False

    def curves(self, *overrides: str, where: str = "runs") -> dict:
        scalars = read_scalars(self.plan(*overrides, where=where).path)
        return {tag: points for tag, points in scalars.items() if tag not in RATES}

    @staticmethod
    def lasting(record: dict) -> dict:
        """A record without what depends on the clock and on how often the run was started."""
        kept = {k: v for k, v in record.items() if k not in CLOCK}
        kept["series"] = {k: v for k, v in record["series"].items() if k not in RATES}
        return kept


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Runs:
    monkeypatch.setenv("RNNBENCH_RUNS", str(tmp_path / "runs"))
    monkeypatch.syspath_prepend(HERE)
    return Runs(tmp_path)


@pytest.fixture
def command(runs):
    """``rnnbench train`` in this process: the exit code."""
    return lambda *words: main(["train", *CONF, *words])


@pytest.fixture
def environment(runs) -> dict[str, str]:
    """For ``rnnbench`` in a process of its own."""
    root = HERE.parents[1]
    path = os.pathsep.join([str(root), str(HERE), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
