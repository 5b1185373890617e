"""The benchmark of replicas trains the same runs both ways, and says how long each took."""

import pytest

from rnnbench.bench import replicas
from rnnbench.bench.command import replicas_table
from rnnbench.bench.timing import Seconds

TINY = ("dataset=adding", "dataset.length=5", "dataset.train_size=20", "dataset.valid_size=5", "dataset.test_size=5")
TINY += ("model=gru", "model.hidden_size=3", "trainer.max_epochs=2", "dataset.batch_size=5")


def test_same_work_both_ways(monkeypatch):
    monkeypatch.setattr(replicas, "CASES", {"tiny": (3, TINY, 1.0)})
    (case,) = replicas.measure_replicas(["optimizer.lr=0.01"], singles=2)
    assert (case.replicas, len(case.alone)) == (3, 2)
    assert case.difference < 1e-5
    assert case.ratio("wall") > 0
    assert case.ratio_of_steps() > 0
    assert case.as_dict()["ratio_cpu"] == case.ratio("cpu")


def test_ratio_and_table():
    case = replicas.ReplicaCost(
        "x", 10, [Seconds(1, 2), Seconds(3, 4), Seconds(2, 3)], Seconds(5, 6), (8.0, 20.0), 1e-7, 2.0
    )
    assert (case.ratio(), case.ratio("cpu"), case.ratio_of_steps()) == (4, pytest.approx(5), 2.5)
    assert "| x | 2.50 | 4.00 | 5.00 | 2 | 1e-07 |" in replicas_table([case])
