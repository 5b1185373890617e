"""What one run leaves behind: its record, a failure, a divergence; extension, start weights, the lock."""

import json
from statistics import median

import pytest
import torch

from rnnbench.data.seeding import derive
from rnnbench.errors import UserError
from rnnbench.records.record import validate
from rnnbench.records.store import RunBusy, RunDirectory
from rnnbench.training.callbacks import StopFlag
from rnnbench.training.check import Problems
from rnnbench.training.run import build_module, run


def test_record_against_hand_computation(runs):
    record = runs.train("model=torch_gru")
    plan = runs.plan("model=torch_gru")
    validate(record)
    assert record == RunDirectory(plan.path).result()
    splits = plan.dataset.load(seed=record_seed())
    backbone = torch.nn.GRU(2, 3, batch_first=True)
    head = torch.nn.Linear(3, 1)
    saved = torch.load(plan.path / "checkpoints" / "selected.ckpt", weights_only=True)["state_dict"]
    head.load_state_dict({k.split(".")[-1]: v for k, v in saved.items() if k.startswith("model.head.")})
    backbone.load_state_dict({k.split(".")[-1]: v for k, v in saved.items() if k.startswith("model.backbone.")})
    for name in ("train", "valid", "test"):
        part = getattr(splits, name)
        error = head(backbone(part.inputs)[0][:, -1]) - part.targets
        assert record["metrics"][name]["mse"] == pytest.approx(error.square().mean().item(), rel=1e-5)
        assert record["metrics"][name]["mae"] == pytest.approx(error.abs().mean().item(), rel=1e-5)
    assert record["steps_per_second"] == median(record["series"]["steps_per_second"])
    assert record["parameters"] == {"backbone": 3 * 3 * (2 + 3) + 2 * 9, "encoder": 0, "head": 4}


def record_seed() -> int:
    return derive(0, "data")


def test_baseline_is_the_mean_of_the_training_targets(runs):
    record = runs.train()
    splits = runs.plan().dataset.load(record_seed())
    mean = splits.train.targets.mean()
    assert record["baseline"]["mse"] == pytest.approx((splits.test.targets - mean).square().mean().item(), rel=1e-5)


def test_finished_run_returns_its_record_and_trains_nothing(runs):
    record = runs.train()
    before = {p: p.stat().st_mtime_ns for p in runs.plan().path.rglob("*")}
    assert runs.train() == record
    assert {p: p.stat().st_mtime_ns for p in runs.plan().path.rglob("*")} == before


def test_same_run_twice_is_the_same_and_other_seeds_are_not(runs):
    first, again = runs.train(), runs.train(where="again")
    assert runs.lasting(first) == runs.lasting(again)
    assert runs.train("seed=1")["metrics"] != first["metrics"]


def test_weights_are_drawn_by_the_seed_of_the_run_and_their_part(runs):
    model = build_module(runs.plan("model=torch_gru", "seed=1")).model
    torch.manual_seed(derive(1, "init", "backbone"))
    expected = list(torch.nn.GRU(2, 3).parameters())
    torch.manual_seed(derive(1, "init", "head"))
    expected += torch.nn.Linear(3, 1).parameters()
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(model.parameters(), expected, strict=True))


def test_models_see_the_same_data_under_one_seed(runs):
    assert runs.train("model=rnn")["baseline"] == runs.train("model=lstm")["baseline"]


def test_exception_is_kept_and_the_run_tried_again(runs, monkeypatch, tmp_path):
    monkeypatch.setenv("RNNBENCH_TEST_MENDED", str(tmp_path / "mended"))
    plan = runs.plan("dataset._target_=toys.FailsForSeed1", "seed=1")
    assert run(plan, StopFlag()) == ("failed", None)
    failure = RunDirectory(plan.path).failure()
    assert failure["error"] == "ZeroDivisionError: on purpose"
    assert "toys.py" in failure["traceback"]
    assert RunDirectory(plan.path).status() == "failed"
    (tmp_path / "mended").touch()
    status, record = run(plan, StopFlag())
    assert (status, record["attempts"]) == ("finished", 2)
    assert RunDirectory(plan.path).failure() is None


def test_divergence_is_a_result(runs):
    record = runs.train("optimizer=sgd", "optimizer.lr=1e30")
    validate(record)
    assert (record["status"], record["metrics"]) == ("diverged", {})
    assert runs.train("optimizer=sgd", "optimizer.lr=1e30") == record
    json.loads((runs.plan("optimizer=sgd", "optimizer.lr=1e30").path / "result.json").read_text())


def test_lock(runs):
    plan = runs.plan()
    with RunDirectory(plan.path).lock(), pytest.raises(RunBusy, match="being trained by another process"):
        run(plan, StopFlag())


def test_a_trial_may_succeed_before_its_first_validation(runs):
    record = runs.train("success.error=100", "success.window=2", "trainer.validate_every=2")
    assert record["status"] == "finished"
    assert record["metrics"]["train"]["sequences_to_success"] > 0
    assert record["selection"]["step"] == record["steps"] > 0


@pytest.mark.parametrize("schedule", [(), ("scheduler=plateau", "scheduler.patience=0", "optimizer.lr=0.5")])
def test_more_epochs_go_on_from_the_shorter_run(runs, schedule):
    whole = runs.train(*schedule, "trainer.max_epochs=5", where="whole")
    runs.train(*schedule, "trainer.max_epochs=2")
    assert runs.interrupted(1 + 3 * 6 + 1, *schedule, "trainer.max_epochs=5", where="runs") is False  # 3 epochs only
    record = runs.train(*schedule, "trainer.max_epochs=5")
    assert runs.lasting(record) == runs.lasting(whole)
    assert runs.curves(*schedule, "trainer.max_epochs=5") == runs.curves(
        *schedule, "trainer.max_epochs=5", where="whole"
    )
    assert runs.train(*schedule, "trainer.max_epochs=2")["epochs"] == 2  # the shorter one is left alone


@pytest.mark.parametrize("other", ["trainer.max_epochs=4", "trainer.max_steps=7"])
def test_a_longer_run_and_one_that_ends_inside_an_epoch_are_not_gone_on_from(runs, other):
    whole = runs.train(where="whole")
    runs.train(other)
    assert runs.lasting(runs.train()) == runs.lasting(whole)


def test_schedule_that_knows_its_end_is_not_extended(runs):
    short = runs.train("scheduler=cosine", "trainer.max_epochs=2")
    whole = runs.train("scheduler=cosine", "trainer.max_epochs=4", where="whole")
    record = runs.train("scheduler=cosine", "trainer.max_epochs=4")
    assert runs.lasting(record) == runs.lasting(whole)
    assert record["series"]["lr"][:2] != short["series"]["lr"]


def test_early_stopped_run_is_extended_by_nothing(runs):
    overrides = ("optimizer.lr=0.5", "trainer.patience=1")
    short = runs.train(*overrides, "trainer.max_epochs=12")
    longer = runs.train(*overrides, "trainer.max_epochs=13")
    assert short["epochs"] == longer["epochs"] < 12
    assert short["metrics"] == longer["metrics"]


def test_cut_off_between_the_last_epoch_and_the_record(runs):
    whole, curves = runs.train(), runs.curves()
    (runs.plan().path / "result.json").unlink()
    assert runs.lasting(runs.train()) == runs.lasting(whole)
    assert runs.curves() == curves


def test_init_from(runs):
    first = runs.train()
    path = runs.plan().path
    saved = torch.load(path / "checkpoints" / "selected.ckpt", weights_only=True)["state_dict"]
    overrides = (f"init_from={path}", "optimizer=sgd", "optimizer.lr=0.0")
    record = runs.train(*overrides)
    started = torch.load(runs.plan(*overrides).path / "checkpoints" / "selected.ckpt", weights_only=True)["state_dict"]
    weights = [name for name in saved if name.startswith("model.")]
    assert weights
    assert all(torch.equal(saved[name], started[name]) for name in weights)
    assert record["metrics"] == first["metrics"]
    assert record["science"]["init_from"] == first["identity"]


def test_an_encoder_starts_from_word_vectors_and_may_keep_them(runs, tmp_path, capsys):
    file = tmp_path / "vectors.txt"
    file.write_text("film 1 2\nstory 3 4\nelse 5 6\n")
    frozen = [
        "dataset=sentences",
        "task.encoder.size=2",
        "task.encoder.trainable=false",
        f"task.encoder.vectors={file}",
    ]
    record = runs.train(*frozen)
    assert "vectors for 11.8% of the 17 words" in capsys.readouterr().out
    assert record["parameters"]["encoder"] == 0
    assert "vectors.txt" in record["data_sha256"]
    folder = runs.plan(*frozen).path
    kept = json.loads((folder / "artifacts.json").read_text())
    assert kept["encoder"]["coverage"] == pytest.approx(2 / 17)
    weights = torch.load(folder / "checkpoints/selected.ckpt", weights_only=True)["state_dict"]
    row = 2 + kept["dataset"]["words"].index("story")
    assert weights["model.encoder.vectors.weight"][row].tolist() == [3, 4]
    wrong = runs.plan(*frozen, "task.encoder.size=3")
    assert run(wrong, StopFlag()) == ("failed", None)
    error = json.loads((wrong.path / "failure.json").read_text())["error"]
    assert error.endswith("line 1: has 2 numbers, task.encoder.size is 3")
    assert error.startswith(f"task.encoder.vectors={file}")


def test_init_from_other_sizes_or_an_unfinished_run(runs):
    runs.train()
    plan = runs.plan(f"init_from={runs.plan().path}", "model.hidden_size=4")
    assert run(plan, StopFlag()) == ("failed", None)
    failure = RunDirectory(plan.path).failure()
    assert failure["mistake"] is True
    assert failure["error"].startswith(f"init_from={runs.plan().path}: ")
    assert len(failure["error"].splitlines()) == 1
    runs.interrupted(4, "seed=2", where="runs")
    with pytest.raises(Problems, match="not the directory of a finished run"):
        runs.plan(f"init_from={runs.plan('seed=2').path}")


LATE = ("trainer.validate_every=2", "trainer.max_steps=2")  # ends inside an epoch that is not validated


def test_no_validation_at_all_is_said(runs):
    plan = runs.plan(*LATE)
    assert run(plan, StopFlag()) == ("failed", None)
    assert "lower trainer.validate_every" in RunDirectory(plan.path).failure()["error"]


def test_mistake_found_while_running_is_one_line(command, capsys):
    assert command("dataset=toy", "model.hidden_size=3", "trainer.max_epochs=2", *LATE) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "rnnbench: training ended before its first validation: lower trainer.validate_every or train longer"
    ]


def test_mistake_type():
    assert issubclass(Problems, UserError)
