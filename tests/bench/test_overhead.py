import dataclasses

import pytest
import torch

from rnnbench.bench import overhead
from rnnbench.bench.bare import Bare, train_bare
from rnnbench.bench.overhead import (
    DEFAULTS,
    DifferentWork,
    Overhead,
    Pair,
    check_same_work,
    last_weights,
    measure_overhead,
    merged,
)
from rnnbench.bench.timing import Seconds
from rnnbench.training.callbacks import StopFlag
from rnnbench.training.compose import Composer
from rnnbench.training.plan import make_plan
from rnnbench.training.run import run

ADDING = ("dataset.train_size=150", "dataset.valid_size=40", "dataset.test_size=20", "dataset.length=10")


def trained(tmp_path, *overrides):
    overrides = [*overrides, "trainer.accelerator=cpu", f"paths.runs_dir={tmp_path}"]
    plan = make_plan(Composer().one(overrides), overrides)
    _, record = run(plan, StopFlag())
    return plan, record


@pytest.mark.parametrize(
    "overrides",
    [
        ("dataset=adding", *ADDING, "model=torch_lstm", "trainer.clip_norm=0.01"),
        ("dataset=digits", "model=gru", "model.hidden_size=5", "debug.limit_batches=3", "trainer.clip_norm=null"),
    ],
)
def test_a_run_ends_with_the_very_weights_of_the_bare_loop(tmp_path, overrides):
    plan, record = trained(tmp_path, *overrides, "trainer.max_epochs=2")
    bare = train_bare(plan)
    assert check_same_work(plan, bare) == 0
    series = record["series"]["valid/mse" if record["dataset"] == "adding" else "valid/nll"]
    assert series == pytest.approx(bare.valid, rel=1e-5)
    assert record["metrics"]["test"]["loss"] == pytest.approx(bare.test, rel=1e-5) or record["dataset"] == "digits"


def test_other_weights_are_noticed(tmp_path):
    plan, _ = trained(tmp_path, *DEFAULTS, *ADDING, "trainer.max_epochs=1")
    weights = last_weights(plan)
    weights["head.bias"] = weights["head.bias"] + 1e-5
    with pytest.raises(DifferentWork, match="differ by 1e-05"):
        check_same_work(plan, Bare(weights))
    weights["head.bias"] = torch.full_like(weights["head.bias"], torch.nan)
    with pytest.raises(DifferentWork):
        check_same_work(plan, Bare(weights))
    del weights["head.bias"]
    with pytest.raises(DifferentWork, match=r"head\.bias"):
        check_same_work(plan, Bare(weights))


def test_other_work_is_not_timed(monkeypatch):
    """The bare loop with another seed of its own: the benchmark must not print a ratio."""

    def other(plan):
        return train_bare(dataclasses.replace(plan, config={**plan.config, "seed": 1}))

    monkeypatch.setattr(overhead, "train_bare", other)
    with pytest.raises(DifferentWork):
        measure_overhead(ADDING, repeats=1)


def test_measure_counts_pairs_and_steps():
    result = measure_overhead((*ADDING, "trainer.max_epochs=2"), repeats=2)
    assert result.steps == 2 * 3  # 150 sequences in batches of 64, two epochs
    assert [pair.difference for pair in result.pairs] == [0, 0]
    assert all(
        getattr(getattr(p, who), c) > 0 for p in result.pairs for who in ("ours", "bare") for c in ("wall", "cpu")
    )


def test_defaults_are_the_published_setting():
    plan = make_plan(Composer().one(list(DEFAULTS)), [])
    assert plan.dataset.batch_size == 64
    assert plan.dataset.length == 100
    assert (plan.job.model, plan.config["model"]["hidden_size"]) == ("torch_lstm", 64)


def test_merged_replaces_by_key():
    assert merged(("a=1", "b.c=2"), ["b.c=3", "d=4"]) == ["a=1", "b.c=3", "d=4"]


def test_ratio_is_the_median_of_the_pairs():
    pairs = [Pair(Seconds(ours, 1), Seconds(bare, 2), 0) for ours, bare in ((2, 1), (9, 3), (5, 5))]
    result = Overhead([], 1, pairs)
    assert result.ratio() == 2
    assert result.ratio("cpu") == 0.5
    assert (result.median("ours"), result.median("bare")) == (5, 3)
    assert result.as_dict()["pairs"][1]["ours"] == {"wall": 9, "cpu": 1}
