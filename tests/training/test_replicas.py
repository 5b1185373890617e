"""Runs trained together against the same runs alone, through the ordinary path: every number and every file."""

import dataclasses
import inspect
import json
import math
import os
import random
import signal
import time

import pytest
import torch

from rnnbench import cells
from rnnbench.records.store import RunDirectory
from rnnbench.training.callbacks import Interrupted, StopFlag
from rnnbench.training.compose import Composer
from rnnbench.training.grouping import START_OF_CELL, group_plans, run_group
from rnnbench.training.plan import make_plan
from rnnbench.training.run import run

BASE = ("trainer.precision=64", "model=gru")
TIMES = {"sequences_per_second", "steps_per_second", "seconds", "train_seconds", "peak_memory_bytes", "attempts"}
TIMES |= {"config", "overrides", "replicas"}  # which name the folder, and how the run was trained


class StopAfter(StopFlag):
    """Ctrl-C that arrives just before the flag is looked at for the ``n``-th time."""

    def __init__(self, n):
        super().__init__()
        self.left = n

    def check(self):
        self.left -= 1
        if self.left == 0:
            self.signal = signal.SIGINT
        super().check()


def together(runs, members, *overrides, where="group", stop=None):
    """The records of members trained as one group, in their order."""
    plans = [runs.plan(*BASE, *overrides, *own, where=where) for own in members]
    groups, alone = group_plans(plans, "auto")
    assert (len(groups), alone) == (1, {})
    run_group(plans, stop or StopFlag(), lambda *told: None)
    return [RunDirectory(plan.path).result() for plan in plans]


def one_by_one(runs, members, *overrides, where="alone"):
    for own in members:
        runs.train(*BASE, *overrides, *own, where=where)
    return [RunDirectory(runs.plan(*BASE, *overrides, *own, where=where).path).result() for own in members]


def assert_equal(ours, theirs, path=""):
    """All numbers to 1e-8 relative, everything else exactly; times apart."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), path
        for key in theirs.keys() - TIMES:
            assert_equal(ours[key], theirs[key], f"{path}/{key}")
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs), path
        for i, pair in enumerate(zip(ours, theirs)):
            assert_equal(*pair, f"{path}/{i}")
    elif isinstance(theirs, torch.Tensor):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-12, equal_nan=True, msg=path)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-12, nan_ok=True), path
    else:
        assert ours == theirs, path


def assert_same_files(runs, members, *overrides):
    """Checkpoints, curves and names of files."""
    for own in members:
        ours, theirs = (runs.plan(*BASE, *overrides, *own, where=where).path for where in ("group", "alone"))
        names = [sorted(p.relative_to(f).as_posix().split(".")[0] for p in f.rglob("*")) for f in (ours, theirs)]
        assert names[0] == names[1]
        for name in ("last.ckpt", "selected.ckpt"):
            if (theirs / "checkpoints" / name).exists():
                saved = [torch.load(f / "checkpoints" / name, weights_only=True) for f in (ours, theirs)]
                assert_equal(*saved)
        curves = [runs.curves(*BASE, *overrides, *own, where=where) for where in ("group", "alone")]
        assert_equal(*curves)


RAGGED = "dataset.ragged=true"
SETTINGS = {
    "rates": (["seed=0"], ["seed=1", "optimizer.lr=0.1"], ["seed=2", "optimizer.weight_decay=0.1"]),
    "sgd, plateau, clip, noise": (
        ["optimizer=sgd", "scheduler=plateau", "scheduler.patience=0", "trainer.clip_norm=0.1"],
        ["optimizer=sgd", "optimizer.lr=0.01", "trainer.weight_noise=0.1", "seed=1"],
        ["optimizer=sgd", "optimizer.momentum=0.9", "seed=1", "trainer.clip_value=0.01"],
    ),
    "early stopping": tuple(
        [f"seed={i}", f"optimizer.lr={lr}", "trainer.patience=1", "trainer.max_epochs=8"]
        for i, lr in enumerate((1.0, 0.1, 0.001))
    ),
    "ragged": tuple([f"seed={i}", RAGGED, "trainer.weight_noise=0.05"] for i in range(3)),
    "lstm": (["model=lstm", "seed=0"], ["model=lstm", "model.cell.forget_bias=1.0", "scheduler=cosine"]),
    "steps": (["trainer.max_steps=7", "seed=0"], ["trainer.max_steps=7", "seed=1"]),
    "dropout": tuple(
        [f"seed={i}", "model.num_layers=2", f"model.dropout={p}", f"model.variational_dropout={p / 2}", RAGGED]
        for i, p in enumerate((0.5, 0.2))
    ),
    "noise in the cell": tuple(
        [f"seed={i}", f"model.recurrent_dropout={p}", f"model.zoneout={p / 2}", f"model.weight_dropout={p}"]
        for i, p in enumerate((0.5, 0.2))
    ),
    "both directions": tuple([f"seed={i}", "model.bidirectional=true", RAGGED] for i in range(2)),
    "shared layers": tuple([f"seed={i}", "model.num_layers=3", "model.share_layers=true"] for i in range(2)),
    "starts": tuple([f"seed={i}", "model=lstm", "model.init=chrono", f"model.t_max={t}"] for i, t in enumerate((5, 9))),
    "success": tuple(
        [
            f"seed={i}",
            f"optimizer.lr={lr}",
            "success.error=1.5",
            "success.window=5",
            "success.wrong=1",
            "success.mean=1",
        ]
        for i, lr in enumerate((0.03, 0.01, 0.001, 0.1))
    ),
    "success, ragged": tuple(
        [f"seed={i}", f"optimizer.lr={lr}", "success.error=2", "success.window=6", RAGGED]
        for i, lr in enumerate((0.03, 0.01))
    ),
    "success on validation": tuple(
        [
            f"seed={i}",
            "optimizer.lr=0.05",
            "success.split=valid",
            "success.error=3.5",
            "success.wrong=2",
            "trainer.max_epochs=6",
        ]
        for i in range(3)
    ),
    "success by a metric": tuple(
        [f"seed={i}", "optimizer.lr=0.05", "success.metric=mse", "success.threshold=2.5", "trainer.max_epochs=6"]
        for i in range(3)
    ),
    "units of its own data, another metric selects": tuple(
        [f"seed={i}", "dataset=price_walk", "dataset.batch_size=100", "model.hidden_size=4", "trainer.select_by=mae"]
        for i in range(2)
    ),
    "padded, a target a step": tuple(
        [
            *(f"seed={i}", "optimizer=sgd", "dataset=embedded_reber", "dataset.possible=true", "task=next_symbols"),
            *("dataset.train_size=7", "dataset.valid_size=5", "dataset.test_size=5", "dataset.batch_size=2"),
            *("success.split=valid", "success.error=0.5"),
        ]
        for i in range(2)
    ),
    "no number where none counts": tuple([f"seed={i}", "dataset._target_=toys.Gaps"] for i in range(2)),
    "as many sequences as the seed says": tuple([f"seed={i}", "dataset._target_=toys.SizedBySeed"] for i in range(3)),
    "validated seldom": tuple([f"seed={i}", "trainer.validate_every=2", "optimizer=rmsprop"] for i in range(2)),
}


@pytest.mark.parametrize("members", SETTINGS.values(), ids=SETTINGS)
def test_group_equals_its_runs_alone(runs, members):
    assert_equal(together(runs, members), one_by_one(runs, members))
    assert_same_files(runs, members)


def test_one_that_diverges_disturbs_no_other(runs):
    members = (
        ["seed=0", "optimizer=sgd"],
        ["seed=1", "optimizer=sgd", "optimizer.lr=1e200"],
        ["seed=2", "optimizer=sgd"],
    )
    ours = together(runs, members)
    assert [record["status"] for record in ours] == ["finished", "diverged", "finished"]
    assert_equal(ours, one_by_one(runs, members))


@pytest.mark.parametrize("n", [3, 8, *(pytest.param(n, marks=pytest.mark.slow) for n in (5, 11))])
def test_interrupted_group_goes_on_together_or_alone(runs, n):
    members = (["seed=0", "trainer.weight_noise=0.1"], ["seed=1", "optimizer.lr=0.1"])
    whole = one_by_one(runs, members)
    for where in ("group", "other"):
        with pytest.raises(Interrupted):
            together(runs, members, where=where, stop=StopAfter(n))
    assert_equal(together(runs, members), whole)
    assert_same_files(runs, members)
    assert_equal(one_by_one(runs, members, where="other"), whole)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_group_goes_on_to_the_same_records(runs):
    members = [
        [f"seed={i}", "model.recurrent_dropout=0.3", f"optimizer.lr={lr}"] for i, lr in enumerate((0.1, 0.01, 0.001))
    ]
    longer, moments = "trainer.max_epochs=12", random.Random(0)
    for _ in range(6):
        child = os.fork()
        if child == 0:
            try:
                together(runs, members, longer)
            finally:
                os._exit(0)
        time.sleep(moments.uniform(0, 1.5))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert_equal(together(runs, members, longer), one_by_one(runs, members, longer))


def test_runs_cut_off_alone_go_on_together(runs):
    members = (["seed=0"], ["seed=1", "optimizer.lr=0.1"], ["seed=2"])
    whole = one_by_one(runs, members)
    for own, n in zip(members, (4, 4, 9)):  # the third stands elsewhere
        assert runs.interrupted(2 * n, *BASE, *own, where="group")
    assert_equal(together(runs, members), whole)


def test_what_may_stand_in_one_group(runs):
    def sizes(*members, replicas="auto", workers=1):
        groups, _ = group_plans([runs.plan(*own) for own in members], replicas, workers)
        return [len(group) for group in groups]

    seeds = [[f"seed={i}"] for i in range(5)]
    assert sizes(*seeds) == [5]
    assert sizes(*seeds, replicas="off") == [1] * 5
    assert sizes(*seeds, replicas=2) == [2, 2, 1]
    assert sizes(*seeds, workers=2) == [3, 2]
    assert sizes(["seed=0"], ["model.hidden_size=4"], ["seed=1"]) == [2, 1]
    assert sizes(["seed=0"], ["optimizer=sgd"]) == [1, 1]
    assert sizes(["seed=0"], ["trainer.max_epochs=4"]) == [1, 1]
    assert sizes(["model.zoneout=0.1"], ["model.zoneout=0.2"], ["model.zoneout=0"]) == [2, 1]
    assert sizes(["model.zoneout={h: 0.1}"], ["model.zoneout={h: 0}"]) == [1, 1]


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["model=torch_gru"], "not made of our cells"),
        (["+optimizer.amsgrad=true"], "amsgrad"),
        (["dataset=connected_digits"], "transcription scores sequences as a whole"),
        (["optimizer._target_=torch.optim.Adamax"], "no form for replicas"),
    ],
    ids=str,
)
def test_what_runs_alone_says_why(runs, overrides, reason):
    groups, alone = group_plans([runs.plan(*overrides, f"seed={i}") for i in range(2)], "auto")
    assert [len(group) for group in groups] == [1, 1]
    assert [reason in said for said in alone] == [True]


def test_what_changes_the_start_alone_is_read_by_nothing_else():
    """Cells of a group are taken for equal but for these; so no method of a step may look at them."""
    seen = set()
    for cls in vars(cells).values():
        if not (inspect.isclass(cls) and issubclass(cls, cells.Cell)):
            continue
        own = set(START_OF_CELL) & {field.name for field in dataclasses.fields(cls)}
        seen |= own
        for name, method in inspect.getmembers(cls, callable):
            if own and name not in ("reset_parameters", "__post_init__") and hasattr(method, "__code__"):
                code = inspect.unwrap(method).__code__
                generated = code.co_filename.startswith("<")  # __init__, __eq__ and such of a dataclass
                assert generated or not own & set(code.co_names), (cls.__name__, name)
    assert seen == set(START_OF_CELL)


def test_memory_limit_lets_some_wait(runs, capsys):
    members = [[f"seed={i}", "replicas_max_memory=12"] for i in range(4)]
    ours = together(runs, members)
    out = capsys.readouterr().out
    assert "at once, within replicas_max_memory=12 MiB" in out
    assert {record["replicas"] for record in ours} < {1, 2, 3}
    assert_equal(ours, one_by_one(runs, members))


def test_failing_member_leaves_the_others(runs, monkeypatch, tmp_path):
    monkeypatch.setenv("RNNBENCH_TEST_MENDED", str(tmp_path / "mended"))
    plans = [runs.plan(*BASE, "dataset._target_=toys.FailsForSeed1", f"seed={i}") for i in range(3)]
    told = []
    run_group(plans, StopFlag(), lambda plan, status, record, error: told.append((plan.job.seed, status, error)))
    assert told[0] == (1, "failed", "ZeroDivisionError: on purpose")
    assert sorted(status for _, status, _ in told) == ["failed", "finished", "finished"]
    assert RunDirectory(plans[1].path).failure()["error"] == "ZeroDivisionError: on purpose"


SIGNS = ("dataset._target_=toys.Signs", "task=classification")


def test_member_that_fails_in_training_leaves_the_others(runs):
    members = [[f"seed={i}"] for i in range(3)]
    ours = together(runs, members, *SIGNS)
    assert ours[1] is None
    failure = RunDirectory(runs.plan(*BASE, *SIGNS, *members[1], where="group").path).failure()
    assert failure["error"] == "IndexError: Target 5 is out of bounds."
    assert_equal(ours[::2], one_by_one(runs, members[::2], *SIGNS))


def test_gradient_without_a_finite_norm_is_left_as_it_is_where_nothing_clips(runs):
    members = (["trainer.clip_norm=1"], ["optimizer.lr=0.01"])
    words = (*SIGNS, "model=irnn", "model.cell.scale=1e8", "trainer.precision=32")
    ours, theirs = together(runs, members, *words), one_by_one(runs, members, *words)
    assert theirs[1]["series"]["grad_norm"] == [None] * 3  # which is what JSON has for it
    assert [record["status"] for record in ours] == [record["status"] for record in theirs]


def test_time_of_an_interrupted_epoch_is_kept(runs):
    with pytest.raises(Interrupted):
        together(runs, (["seed=0"], ["seed=1"]), stop=StopAfter(6))
    for path in runs.folder.glob("group/runs/*/checkpoints/last.ckpt"):
        saved = torch.load(path, weights_only=True)
        assert saved["global_step"] == 3
        assert saved["rnnbench"]["train_seconds"] > 0


def test_sweep_with_groups_leaves_the_records_of_one_without(runs, command, capsys):
    words = ("-m", "dataset=toy", "model=gru,torch_gru", "seed=0,1", "optimizer.lr=0.1,0.01", "model.hidden_size=3")
    words += ("trainer.max_epochs=2", "trainer.precision=64")
    folders = [runs.folder / name for name in ("grouped", "single")]
    for folder, replicas in zip(folders, ("auto", "off")):
        assert command(*words, f"replicas={replicas}", f"paths.runs_dir={folder}") == 0
    out = capsys.readouterr().out
    assert "together: 4 jobs of gru on toy" in out
    assert "alone: 4 jobs, torch_gru is not made of our cells" in out
    assert sum(line.startswith("[") for line in out.splitlines()) == 16
    found = [
        {p.parent.name: json.loads(p.read_text()) for p in sorted(folder.glob("runs/*/result.json"))}
        for folder in folders
    ]
    assert len(found[0]) == 8
    assert_equal(*found)


def test_mistake_in_the_key_is_one_line(command, capsys):
    assert command("-m", "dataset=toy", "replicas=some") == 2
    assert "replicas=some: must be auto, off or a number of at least 1" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("model", ["gru", "lstm"])
def test_200_steps_of_adding(runs, model):
    composer = Composer()
    members = [  # of rates at which training does not blow up the last digit: 0.3 makes 1e-7 of it in 50 steps
        (f"seed={i}", f"optimizer.lr={lr}", f"trainer.clip_norm={clip}", f"trainer.patience={patience}")
        for i, (lr, clip, patience) in enumerate([(0.01, 1, "null"), (0.003, 0.1, 1), (0.03, 5, 1), (0.001, "null", 2)])
    ]
    common = ("dataset=adding", "dataset.length=30", "dataset.train_size=1000", "dataset.batch_size=20")
    common += (f"model={model}", "model.hidden_size=12", "trainer.precision=64", "trainer.max_epochs=4")
    common += ("scheduler=cosine", "dataset.valid_size=50", "dataset.test_size=50")
    common += ("model.num_layers=2", "model.dropout=0.2", "model.variational_dropout=0.1", "model.zoneout=0.05")

    def plans(where):
        words = [[*common, *own, f"paths.runs_dir={runs.folder / where}"] for own in members]
        return [make_plan(composer.one(w), w) for w in words]

    alone = [run(plan, StopFlag())[1] for plan in plans("alone")]
    run_group(plans("group"), StopFlag(), lambda *told: None)
    ours = [RunDirectory(plan.path).result() for plan in plans("group")]
    assert_equal(ours, alone)
    assert math.isfinite(ours[0]["metrics"]["test"]["mse"])
    assert max(record["steps"] for record in ours) == 200
