"""Predictions from a run's directory alone."""

import json
import shutil

import pytest
import torch

from rnnbench.cli import main
from rnnbench.data.loader import BatchLoader
from rnnbench.errors import UserError
from rnnbench.training.predict import check_targets, load_trained


def test_a_moved_run_answers_as_it_was_scored(runs, tmp_path):
    record = runs.train("dataset=spoken")
    plan = runs.plan("dataset=spoken")
    moved = tmp_path / "elsewhere"
    shutil.move(plan.path, moved)
    trained = load_trained(moved, modules=["toys"])
    test = plan.dataset.load(0).test
    told = trained.predict(" ".join(str(number) for number in test.inputs.flatten().tolist()))
    errors = [(answer["sum"] / 2 - float(y)) ** 2 for answer, y in zip(told, test.targets[:, 0])]
    seen = torch.stack([trained.model.run(b).values for b in BatchLoader(test, 99, 0, shuffle=False)]).flatten()
    assert [answer["sum"] for answer in told] == pytest.approx((2 * seen).tolist(), rel=1e-5)
    assert sum(errors) / len(errors) != pytest.approx(record["baseline"]["mse"])


def test_the_command_prints_a_line_an_answer(runs, capsys):
    runs.train("dataset=spoken")
    path = str(runs.plan("dataset=spoken").path)
    numbers = " ".join(["0.5"] * 16)
    assert main(["predict", path, numbers, "--module", "toys", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert set(json.loads(lines[0])) == {"sum"}
    assert main(["predict", path, numbers, "--module", "toys"]) == 0
    assert capsys.readouterr().out.startswith("sum ")


def test_mistakes_are_one_line(runs, tmp_path, capsys):
    runs.train("dataset=spoken")
    path = str(runs.plan("dataset=spoken").path)
    for arguments, message in (
        ([str(tmp_path), "1"], "not the directory of a finished run"),
        ([path, "1 2"], "_target_=toys.Spoken: its code would run here; if you trust it, add --module toys"),
        ([path, "one two", "--module", "toys"], "'one two' is not numbers"),
    ):
        assert main(["predict", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
    runs.train()
    assert main(["predict", str(runs.plan().path), "x", "--module", "toys"]) == 2
    assert "has no form in which an input could be given" in capsys.readouterr().err


def test_a_part_of_a_part_is_looked_at_too():
    check_targets({"_target_": "rnnbench.tasks.Regression", "encoder": {"_target_": "rnnbench.models.Embedding"}}, ())
    check_targets({"_target_": "mine.Cell"}, ["mine"])
    for foreign in ("os.system", "rnnbench.training.run.os.system"):
        with pytest.raises(UserError, match=f"_target_={foreign}: its code would run here"):
            check_targets({"_target_": "rnnbench.tasks.Regression", "encoder": {"_target_": foreign}}, ())
