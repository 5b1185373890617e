"""Runs that are interrupted anywhere end bit for bit where the uninterrupted run ends."""

import os
import signal
from types import SimpleNamespace

import pytest
import torch

from rnnbench.training.callbacks import Interrupted, Selection, StopFlag, reseed

BATCHES = 5  # of an epoch; the flag is looked at once before, once a batch, once an epoch
EVERYTHING = (
    "model.num_layers=2",
    "model.dropout=0.4",
    "trainer.weight_noise=0.05",
    "trainer.clip_norm=0.2",
    "dataset.ragged=true",
)
SCENARIOS = {
    "plain": (),
    "dropout": ("model.num_layers=2", "model.dropout=0.4"),
    "torch_lstm": ("model=torch_lstm", "model.num_layers=2", "model.dropout=0.4"),
    "noise": ("trainer.weight_noise=0.1", "trainer.clip_value=0.01"),
    "step": ("scheduler=step", "scheduler.step_size=2", "optimizer=sgd", "optimizer.momentum=0.9"),
    "cosine": ("scheduler=cosine", "optimizer=rmsprop", "optimizer.momentum=0.5"),
    "linear": ("scheduler=linear", "optimizer=adamw"),
    "plateau": ("scheduler=plateau", "scheduler.patience=0", "optimizer.lr=3", "trainer.max_epochs=5"),
    "patience": ("trainer.patience=1", "optimizer.lr=0.5", "trainer.max_epochs=6"),
    "last": ("trainer.select=last",),
    "max_steps": ("trainer.max_steps=8",),
    "validate_every": ("trainer.validate_every=2", "trainer.max_epochs=4"),
    "checkpoint_every": ("trainer.checkpoint_every=2",),
    "ragged": ("dataset.ragged=true",),
    "double": ("trainer.precision=64",),
    "mixed": ("trainer.precision=bf16-mixed",),
    "limited": ("debug.limit_batches=2",),
}


def assert_goes_on(runs, whole, curves, overrides, moments):
    where = f"cut{'-'.join(map(str, moments))}"
    for n in moments:
        assert runs.interrupted(n, *overrides, where=where)
        assert not (runs.plan(*overrides, where=where).path / "result.json").exists()
    record = runs.train(*overrides, where=where)
    assert runs.lasting(record) == runs.lasting(whole)
    assert record["attempts"] == len(moments) + 1
    assert runs.curves(*overrides, where=where) == curves


@pytest.mark.parametrize("name", SCENARIOS)
def test_resume_is_exact(runs, name):
    overrides = SCENARIOS[name]
    whole, curves = runs.train(*overrides), runs.curves(*overrides)
    for moments in ((2 + BATCHES // 2,), (2, 3)) if name == "limited" else ((4,), (BATCHES + 2, 3)):
        assert_goes_on(runs, whole, curves, overrides, moments)


def test_resume_is_exact_from_every_moment(runs):
    overrides = (*EVERYTHING, "trainer.max_epochs=2")
    whole, curves = runs.train(*overrides), runs.curves(*overrides)
    moments = 1 + 2 * (BATCHES + 1)
    for n in range(1, moments + 1):
        assert_goes_on(runs, whole, curves, overrides, (n,))
    assert not runs.interrupted(moments + 1, *overrides, where="never")


class SignalInStep(StopFlag):
    """A real signal that arrives inside the step after the ``n``-th look at the flag, where Lightning sees it first."""

    def __init__(self, n: int, number: int):
        super().__init__()
        self.left, self.number = n, number

    def check(self) -> None:
        super().check()
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(self.number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_inside_a_step(runs, number):
    whole = runs.train()
    for n in (2, 4, BATCHES + 1, BATCHES + 3, 3 * (BATCHES + 1)):
        where = f"step{n}"
        with SignalInStep(n, number).listening() as stop, pytest.raises(Interrupted):
            runs.train(where=where, stop=stop)
        assert runs.lasting(runs.train(where=where)) == runs.lasting(whole)


def test_curves_have_one_point_an_epoch(runs):
    runs.interrupted(BATCHES + 4, where="cut")
    record = runs.train(where="cut")
    curves = runs.curves(where="cut")
    for tag in ("train/loss", "valid/mse", "lr", "grad_norm"):
        assert [step for step, _ in curves[tag]] == record["series"]["step"] == [5, 10, 15]
        assert [value for _, value in curves[tag]] == pytest.approx(record["series"][tag], rel=1e-6)


def test_the_checkpoint_says_where_it_stands(runs):
    runs.interrupted(1 + BATCHES + 1 + 3, where="cut")  # before the third batch of the second epoch
    checkpoint = torch.load(runs.plan(where="cut").path / "checkpoints" / "last.ckpt", weights_only=True)
    assert (checkpoint["epoch"], checkpoint["global_step"]) == (1, BATCHES + 2)


def test_selects_the_best_epoch_and_stops_when_patience_is_over(runs):
    record = runs.train("optimizer.lr=0.5", "trainer.max_epochs=12", "trainer.patience=2")
    costs = record["series"]["valid/mse"]
    best = min(range(len(costs)), key=costs.__getitem__)
    assert record["selection"]["epoch"] == best + 1
    assert record["selection"]["step"] == BATCHES * (best + 1)
    assert record["epochs"] == best + 1 + 2 < 12
    assert record["metrics"]["valid"]["mse"] == pytest.approx(costs[best], rel=1e-5)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("values", "options", "chosen", "epochs"),
    [
        ([3, 1, 2, 1, 1.5], {}, 2, 5),  # of two equal ones the first
        ([NAN, 2, NAN, 3], {}, 2, 4),
        ([0.5, NAN, INF, 0.4], {"mode": "max"}, 1, 4),
        ([4, 3, 5, 6, 1], {"patience": 2}, 2, 4),
        ([4, 3.5, 3.2, 1], {"patience": 2, "min_delta": 1}, 3, 3),  # a little better is chosen, and not waited for
        ([4, 3.5, 2.9, 2.5, 2.4, 1], {"patience": 2, "min_delta": 1}, 5, 5),  # 2.9 is better by more than 1 than 4
        ([4, 4.5, 5.5, 5, 9], {"patience": 1, "min_delta": 1, "mode": "max"}, 2, 2),
    ],
)
def test_the_best_value_is_chosen_and_patience_counts_from_the_last_that_was_clearly_better(
    tmp_path, values, options, chosen, epochs
):
    settings = {"mode": "min", "patience": None, "min_delta": 0.0, **options}
    selection = Selection(tmp_path, "best", "valid/m", every=1, max_steps=None, stop=StopFlag(), **settings)
    module = SimpleNamespace(series={"valid/m": []}, succeeded=False)
    trainer = SimpleNamespace(max_epochs=99, should_stop=False, world_size=1, is_global_zero=True)
    trainer.strategy = SimpleNamespace(lightning_module_state_dict=dict)
    trainer.save_checkpoint = lambda path: path.touch()
    for epoch, value in enumerate(values):
        trainer.current_epoch, trainer.global_step = epoch, 5 * (epoch + 1)
        module.series["valid/m"].append(value)
        selection.on_train_epoch_end(trainer, module)
        if trainer.should_stop:
            break
    assert (selection.state["epoch"], selection.state["step"], epoch + 1) == (chosen, 5 * chosen, epochs)


@pytest.mark.parametrize(("metric", "best"), [("accuracy", max), ("nll", min)])
def test_another_metric_of_validation_selects(runs, metric, best):
    words = ("dataset=digits", "optimizer.lr=0.05", "trainer.max_epochs=8", "trainer.patience=2")
    record = runs.train(*words, f"trainer.select_by={metric}")
    values = record["series"][f"valid/{metric}"]
    epoch = values.index(best(values))
    assert (record["primary_metric"], record["selection"]["metric"]) == (metric, metric)
    assert record["selection"]["epoch"] == epoch + 1
    assert record["epochs"] == min(8, epoch + 1 + 2)
    assert record["metrics"]["valid"][metric] == pytest.approx(values[epoch], rel=1e-5)
    assert record["identity"] != runs.plan(*words).job.identity


def test_last_means_last(runs):
    record = runs.train("optimizer.lr=0.5", "trainer.max_epochs=4", "trainer.select=last")
    assert (record["selection"]["rule"], record["selection"]["epoch"]) == ("last", 4)
    assert record["metrics"]["valid"]["mse"] == pytest.approx(record["series"]["valid/mse"][-1], rel=1e-5)
    assert record["series"]["valid/mse"][-1] > min(record["series"]["valid/mse"])


def test_max_steps_inside_an_epoch_is_validated(runs):
    record = runs.train("trainer.max_steps=3")
    assert (record["steps"], record["epochs"], record["selection"]["step"]) == (3, 1, 3)
    assert record["series"]["valid/mse"][0] is not None


def test_epochs_without_validation_are_gaps(runs):
    record = runs.train("trainer.validate_every=2", "trainer.max_epochs=4")
    assert [v is None for v in record["series"]["valid/mse"]] == [True, False, True, False]
    assert record["selection"]["epoch"] in (2, 4)


def test_flag_is_set_by_signals_and_cleared_by_listening():
    stop, before = StopFlag(), signal.getsignal(signal.SIGTERM)
    for number in (signal.SIGTERM, signal.SIGINT):
        with stop.listening():
            stop.check()
            os.kill(os.getpid(), number)
            with pytest.raises(Interrupted, match=signal.Signals(number).name):
                stop.check()
    assert signal.getsignal(signal.SIGTERM) is before


def test_second_interrupt_acts_at_once():
    with StopFlag().listening():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_reseed_is_manual_seed():
    torch.manual_seed(7)
    expected = torch.rand(3)
    reseed(7, "cpu")
    assert torch.equal(torch.rand(3), expected)
