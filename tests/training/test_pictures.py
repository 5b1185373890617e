"""Runs of a forecast: its picture, what it leaves for later use, references in its record, an exact resume."""

import json

import numpy as np
import pytest
import torch

from rnnbench.records.record import validate
from rnnbench.records.store import RunDirectory
from rnnbench.training.pictures import _apart, _joined

WALK = ("dataset=walk", "trainer.max_epochs=2")


def test_a_run_leaves_a_picture_and_what_scaled_its_data(runs):
    record = runs.train(*WALK, "dataset.horizon=3")
    plan = runs.plan(*WALK, "dataset.horizon=3")
    validate(record)
    assert (plan.path / "forecast.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(plan.path.glob("events.*.image"))) == 1
    plan.dataset.load(seed())
    kept = json.loads((plan.path / "artifacts.json").read_text())
    assert kept["dataset"] == json.loads(json.dumps(plan.dataset.artifacts()))


def seed():
    from rnnbench.data.seeding import derive

    return derive(0, "data")


def test_no_picture_is_drawn_where_none_is_wanted(runs):
    record = runs.train(*WALK, "logger.plots=false")
    path = runs.plan(*WALK).path
    assert not (path / "forecast.png").exists()
    assert record["identity"] == runs.plan(*WALK).job.identity  # it changes no result


def test_metrics_and_references_of_the_record_by_hand(runs):
    record = runs.train(*WALK, "dataset.units=original", "dataset.season=2")
    plan = runs.plan(*WALK, "dataset.units=original", "dataset.season=2")
    dataset = plan.dataset
    test = dataset.load(seed()).test
    prices = dataset._table.values(["price"])[:, 0]
    truth = prices[90:]
    for name, forecast in {"naive": prices[89:-1], "seasonal naive": prices[88:-2]}.items():
        assert record["references"][name]["mse"] == pytest.approx(((forecast - truth) ** 2).mean(), rel=1e-5)
    weights = torch.load(plan.path / "checkpoints" / "selected.ckpt", weights_only=True)["state_dict"]
    gru, head = torch.nn.GRU(1, 3, batch_first=True), torch.nn.Linear(3, 1)
    gru.load_state_dict({k.removeprefix("model.backbone."): v for k, v in weights.items() if "backbone" in k})
    head.load_state_dict({k.removeprefix("model.head."): v for k, v in weights.items() if "head" in k})
    scaler = dataset._rows.scaler
    price = head(gru(test.inputs)[0][:, -1]).detach().numpy()[:, 0] * scaler.scale[0] + scaler.shift[0]
    assert record["metrics"]["test"]["mse"] == pytest.approx(((price - truth) ** 2).mean(), rel=1e-4)
    change = np.abs(prices[2:80] - prices[:78]).mean()
    assert record["metrics"]["test"]["mase"] == pytest.approx(np.abs(price - truth).mean() / change, rel=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        ("task.augment.jitter=0.1", "task.augment.warp=0.2"),
        ("task.strategy=encoder_decoder", "task.output=gaussian", "dataset.horizon=2"),
        ("task.strategy=recursive", "task.anchor=last", "task.output=quantiles", "dataset.horizon=2"),
    ],
)
def test_a_run_that_is_cut_off_ends_with_the_same_numbers(runs, options):
    def stored(where):  # as JSON, where a correlation that is no number equals another one
        return runs.lasting(RunDirectory(runs.plan(*WALK, *options, where=where).path).result())

    whole = runs.train(*WALK, *options)
    assert runs.interrupted(7, *WALK, *options)
    runs.train(*WALK, *options, where="cut")
    assert stored("cut") == stored("runs")
    assert all(np.isfinite(v) for v in whole["metrics"]["test"].values())
    assert whole["metrics"] != runs.train(*WALK, *options[1:])["metrics"]


def test_augmentation_needs_a_run_of_its_own(runs):
    from rnnbench.training.grouping import group_plans

    def reason(*options):
        return list(group_plans([runs.plan(*WALK, f"seed={s}", *options) for s in (0, 1)], "auto")[1])

    assert reason("trainer.accelerator=cpu") == []
    assert reason("trainer.accelerator=cpu", "task.augment.jitter=0.1") == ["task.augment"]
    (line,) = reason("trainer.accelerator=cpu", "task.anchor=last")
    assert line == "models of forecasting on walk are more than a backbone and a linear head"


def test_windows_that_do_not_overlap():
    assert _apart(np.array([5, 6, 7, 8, 10, 11, 12, 13]), 3).tolist() == [0, 3, 5]
    assert _apart(np.arange(4), 1).tolist() == [0, 1, 2, 3]


def test_lines_are_broken_between_forecasts_of_several_rows():
    rows, values = _joined(np.array([3, 5]), np.array([[1.0, 2], [3, 4]]))
    assert rows.tolist() == [3, 4, 4, 5, 6, 6]
    np.testing.assert_array_equal(values, [1, 2, np.nan, 3, 4, np.nan])
    assert _joined(np.array([3, 4]), np.array([[1.0], [2]]))[1].tolist() == [1, 2]
