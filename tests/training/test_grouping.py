"""What keeps runs apart because one program would not give the numbers of each, and what is left of each run."""

import json

from rnnbench.training.callbacks import StopFlag
from rnnbench.training.grouping import group_plans, run_group, why_alone


def sizes(runs, *members):
    groups, _ = group_plans([runs.plan(*own) for own in members], "auto")
    return [len(group) for group in groups]


def test_what_a_cell_of_ones_own_reads_at_every_step(runs):
    own = ("model=rnn", "model.cell._target_=toys.ScaledRNN")
    assert sizes(runs, [*own, "+model.cell.scale=1.0"], [*own, "+model.cell.scale=0.5"]) == [1, 1]
    assert sizes(runs, ["model=irnn", "model.cell.scale=1.0"], ["model=irnn", "model.cell.scale=0.5"]) == [2]


def test_dropping_everything_which_draws_nothing(runs):
    deep = [["model.num_layers=2", f"model.dropout={rate}"] for rate in (1.0, 0.5, 0.4)]
    assert sizes(runs, *deep) == [1, 2]


def test_task_that_listens(runs):
    assert sizes(runs, *(["task._target_=toys.Listening", f"seed={i}"] for i in range(2))) == [1, 1]


def test_what_a_published_dataset_keeps_of_loading_is_left_by_every_run(runs):
    plans = [runs.plan("dataset._target_=toys.Published", f"seed={i}") for i in range(2)]
    run_group(plans, StopFlag(), lambda *told: None)
    kept = [json.loads((plan.path / "artifacts.json").read_text())["dataset"]["kept"] for plan in plans]
    assert kept[0] == kept[1]
    assert kept[1] is not None


def test_step_that_cannot_be_measured_fails_in_training(runs):
    words, told = ("dataset._target_=toys.Signs", "task=classification", "dataset.batch_size=23"), []
    plans = [runs.plan(*words, f"seed={i}") for i in (1, 0)]
    run_group(plans, StopFlag(), lambda plan, status, record, error: told.append((plan.job.seed, status)))
    assert told == [(1, "failed"), (0, "finished")]


def test_accelerator_of_any_kind(runs, monkeypatch):
    plan = runs.plan()
    assert why_alone(plan) is None
    monkeypatch.setattr("torch.accelerator.is_available", lambda *given: True)  # as on a Mac
    assert why_alone(plan) == "trainer.accelerator=auto: groups train on the CPU so far"
