"""The range test against its own definition, the suggestion against a closed form, and no run left behind."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rnnbench.cli import main
from rnnbench.data.module import SequenceDataModule
from rnnbench.data.seeding import derive
from rnnbench.errors import UserError
from rnnbench.models import PARTS, build_model
from rnnbench.training.lr_find import draw, range_test, suggestion
from rnnbench.training.run import build_module


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
    assert main(["lr-find", *words, "--config-dir", conf, "dry_run=true"]) == 0
    assert "[1/1] gru toy seed 0: hidden" in capsys.readouterr().out
    assert main(["lr-find", *words, "--config-dir", conf]) == 0
    said = capsys.readouterr().out
    assert "gru on toy" in said
    assert f"picture:     {out}" in said
    assert out.read_bytes().startswith(b"\x89PNG")
    assert not (runs.folder / "runs").exists()


@pytest.mark.parametrize(
    ("name", "head"), [("picture", b"\x89PNG"), ("picture.xyz", b"\x89PNG"), ("picture.SVG", b"<?xml")]
)
def test_the_picture_has_the_name_that_is_asked_for(tmp_path, name, head):
    job = SimpleNamespace(model="gru", dataset="toy", seed=0)
    draw(SimpleNamespace(job=job), np.logspace(-3, 0, 12), np.arange(12.0)[::-1], None, tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(head)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_loss_that_is_never_a_number_is_one_line(runs, monkeypatch):
    def broken(*args):
        module = build_module(*args)
        torch.nn.init.constant_(next(module.model.parameters()), torch.nan)
        return module

    monkeypatch.setattr("rnnbench.training.lr_find.build_module", broken)
    with pytest.raises(UserError, match="lr-find: the loss is not a number from the first step on"):
        range_test(runs.plan(), 1e-4, 1e-2, 12)


def test_mistakes_are_one_line(runs, tmp_path, capsys):
    for words, message in (
        (["model=grue"], "model=grue"),
        (["--min-lr", "1", "--max-lr", "0.1"], "--min-lr 1 --max-lr 0.1"),
        (["--max-lr", "inf"], "--max-lr inf: must be above 0 and finite"),
        (["--out", str(tmp_path)], "is a folder; name the picture, as"),
        (["hydra/launcher=joblib"], "hydra/launcher=joblib: has no effect here"),
        (["--steps", "0"], "'0' is not a number of at least 1"),
        (["trainer.strategy=ddp", "trainer.devices=2", "trainer.accelerator=cpu"], "set trainer.devices=1"),
    ):
        assert main(["lr-find", "--out", str(tmp_path / "lr.png"), *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
    assert not (tmp_path / "lr.png").exists()
    assert main(["lr-find", "--help"]) == 0
    assert "--max-lr" in capsys.readouterr().out
