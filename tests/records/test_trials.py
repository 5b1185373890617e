"""Random search whose best trials are the result."""

import math
import random
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from rnnbench.records.paper_table import Quick
from rnnbench.records.trials import Range, Trials

declared = runpy.run_path(str(Path(__file__).parent / "test_paper_table.py"))
KEYS = {
    "optimizer.lr": Range(1e-4, 1e-1),
    "optimizer.momentum": Range(0.01, 1.0, less=True),
    "model.hidden_size": Range(20, 200, whole=True),
    "task.input_noise": Range(0.0, 1.0, log=False),
}
TRIALS = {"keys": {"optimizer.lr": {"low": 1e-4, "high": 1e-1}}, "count": 20, "seed": 3, "metric": "mse"}


def test_draws_lie_in_their_ranges_and_are_those_of_a_shorter_search_first():
    trials = Trials(KEYS, 3000, 5, "mse")
    draws = trials.draws()
    assert draws == trials.draws()
    assert draws[0]["optimizer.lr"] == pytest.approx(1e-4 * 1e3 ** random.Random(5).random(), rel=1e-3)
    assert trials.shortened(7).draws() == draws[:7]
    for key, low, high, middle in (
        ("optimizer.lr", 1e-4, 1e-1, math.sqrt(1e-5)),  # half lie below the middle of the logarithms
        ("optimizer.momentum", 0.0, 0.99, 0.9),
        ("model.hidden_size", 20, 200, math.sqrt(4000)),
        ("task.input_noise", 0.0, 1.0, 0.5),
    ):
        values = [draw[key] for draw in draws]
        assert low <= min(values) <= max(values) <= high
        assert sum(value < middle for value in values) / 3000 == pytest.approx(0.5, abs=0.04)
    assert all(isinstance(draw["model.hidden_size"], int) for draw in draws)


@pytest.fixture
def table(tmp_path):
    kept = {key: value for key, value in declared["DECLARED"].items() if key not in ("search", "seeds")}
    claims = [{"a": "tanh", "says": "worse", "b": "lstm", "test": "welch"}]
    return declared["write"](tmp_path / "odyssey", {**kept, "trials": TRIALS, "claims": claims}).tables[0]


def made(make, table, model, values):
    """Trials of ``model`` with ``values`` on validation and test."""
    draws = table.trials.draws()
    return [make.run(v, model=model, seed=i, hparams=draws[i]) for i, v in enumerate(values)]


def test_every_row_makes_the_same_trials_each_with_a_seed_of_its_own(table):
    jobs = table.search_jobs()
    assert len(jobs) == 2 * 20
    assert table.report_jobs([]) == []
    of = {row: [job[-2:] for job in jobs if f"model.name={row}" in job] for row in table.rows}
    assert of["tanh"] == of["lstm"]
    assert [job[-1] for job in of["lstm"]] == [f"seed={i}" for i in range(20)]
    assert len(table.shortened(Quick((), draws=2)).search_jobs()) == 4


def test_the_best_tenth_is_reported_once_all_trials_have_ended(table, make):
    values = [1.0 - i / 100 for i in range(20)]
    runs = made(make, table, "lstm", values)
    assert table.reported(runs[:-1]) == []
    assert table.missing(runs[:-1]) == {("tanh", "adding"): 20, ("lstm", "adding"): 1}
    stranger = make.run(0.0, model="lstm", seed=3, hparams={"optimizer.lr": 0.5})  # of another draw
    assert table.reported([*runs, stranger]) == [runs[19], runs[18]]
    assert table.missing(runs) == {("tanh", "adding"): 20}
    again = make.run(2.0, model="lstm", seed=4, hparams=table.trials.draws()[4], identity="0123456789abcdef")
    assert table.reported([*runs[:-1], again]) == []
    assert table.reported([*runs, again]) == [runs[19], runs[18]]


@pytest.mark.parametrize(("metric", "best"), [("mse", [0, 1, 2]), ("accuracy", [19, 18, 17])])
def test_trials_are_chosen_by_validation_and_their_share_is_rounded_up(table, make, metric, best):
    trials = replace(table.trials, metric=metric, best=0.11)
    runs = [
        make.run(model="lstm", seed=i, hparams=draw, metric=metric,
                 metrics={"valid": {metric: i / 20}, "test": {metric: -i / 20}})
        for i, draw in enumerate(trials.draws())
    ]  # fmt: skip
    assert trials.reported(runs) == [runs[i] for i in best]


def test_a_diverged_trial_is_never_among_the_best(table, make):
    runs = made(make, table, "lstm", [1.0 - i / 100 for i in range(19)])
    draw = table.trials.draws()[19]
    runs.append(make.run(0.0, model="lstm", seed=19, hparams=draw, status="diverged", metrics={}))
    assert table.reported(runs) == [runs[18], runs[17]]
