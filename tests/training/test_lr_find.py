"""The range test against its own definition, the suggestion against a closed form, and no run left behind."""

import numpy as np
import pytest

from rnnbench.cli import main
from rnnbench.data.module import SequenceDataModule
from rnnbench.data.seeding import derive
from rnnbench.models import PARTS, build_model
from rnnbench.training.lr_find import range_test, suggestion


def test_the_loss_falls_fastest_in_the_middle_of_its_fall():
    rates = np.logspace(-6, 0, 121)
    losses = 2 - np.tanh(np.log10(rates) + 3)  # steepest at 1e-3
    noise = 0.05 * np.random.default_rng(0).standard_normal(121)
    for seen in (losses, losses + noise):
        assert suggestion(rates, seen) == pytest.approx(1e-3, rel=0.5)
    losses[110] = 500  # a batch that runs away at a rate above that of the lowest loss
    losses[100:110] -= 0.1
    assert suggestion(rates, losses) == pytest.approx(1e-3, rel=0.5)
    assert suggestion(rates, rates) is None
    assert suggestion(rates[:9], -rates[:9]) is None


def test_rates_are_evenly_apart_on_a_log_scale_and_the_first_loss_is_that_of_fresh_weights(runs):
    plan = runs.plan("optimizer=sgd", "scheduler=cosine")
    rates, losses = range_test(plan, 1e-7, 1e-1, 12)
    np.testing.assert_allclose(
        rates, 1e-7 * 1e6 ** (np.array([0, *range(2, 13)]) / 12), rtol=1e-6
    )  # as Lightning has it
    batch = next(iter(SequenceDataModule(plan.dataset, 0).train_dataloader()))
    model = build_model(plan.backbone, plan.dataset.spec, plan.task, [derive(0, "init", part) for part in PARTS])
    assert losses[0] == pytest.approx(
        float((model(batch.inputs_BTI) - batch.targets).detach().square().mean()), rel=1e-5
    )
    assert not (runs.folder / "runs").exists()


def test_the_command_names_a_rate_draws_a_picture_and_makes_no_run(runs, tmp_path, capsys):
    out, conf = tmp_path / "new" / "lr.png", str(runs.conf)
    words = ["dataset=toy", "model=gru", "model.hidden_size=3", "--steps", "40", "--max-lr", "1e20", "--out", str(out)]
    assert main(["lr-find", *words, "--config-dir", conf]) == 0
    said = capsys.readouterr().out
    assert "gru on toy" in said
    assert f"picture:     {out}" in said
    assert out.read_bytes().startswith(b"\x89PNG")
    assert not (runs.folder / "runs").exists()


def test_mistakes_are_one_line(runs, tmp_path, capsys):
    for words, message in (
        (["model=grue"], "model=grue"),
        (["--min-lr", "1", "--max-lr", "0.1"], "--min-lr 1 --max-lr 0.1"),
        (["--steps", "0"], "'0' is not a number of at least 1"),
        (["trainer.strategy=ddp", "trainer.devices=2", "trainer.accelerator=cpu"], "set trainer.devices=1"),
    ):
        assert main(["lr-find", *words, "--out", str(tmp_path / "lr.png")]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
    assert not (tmp_path / "lr.png").exists()
    assert main(["lr-find", "--help"]) == 0
    assert "--max-lr" in capsys.readouterr().out
