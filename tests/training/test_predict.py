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
    assert "x: no such file; give a CSV file, a line for every step, 2 number(s) a line" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((text, "is not the configuration of a run") for text in ("", "- a list", "dataset: {}", "dataset: 1")),
        (
            "dataset: {_target_: []}\ntask: {_target_: a}\nmodel: {}\ntrainer: {}",
            "is not the configuration of a run",
        ),
        ("a: [", "cannot be read: while parsing a flow node"),
    ],
)
def test_a_run_without_its_configuration_is_one_line(finished, tmp_path, text, message, capsys):
    run = tmp_path / "copy"
    shutil.copytree(finished("model=gru", "dataset=digits"), run)
    (run / "config.yaml").write_text(text)
    assert main(["predict", str(run), "x"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"config.yaml: {message}" in line


@pytest.mark.parametrize(
    "torn",
    ["cut", "short", "empty", "text", "flipped", "another", {}, [1], {"state_dict": [1]}, {"state_dict": {"a": 1}}],
    ids=str,
)
def test_weights_that_are_not_those_of_the_run_are_one_line(finished, tmp_path, torn, capsys):
    run = tmp_path / "copy"
    shutil.copytree(finished("model=gru", "dataset=digits"), run)
    weights = run / "checkpoints" / "selected.ckpt"
    if torn == "another":
        torn = {"state_dict": {"model.head.weight": torch.zeros(10, 3)}}
    if isinstance(torn, str):
        whole = weights.read_bytes()
        numbers = max(torch.load(weights, weights_only=True)["state_dict"].values(), key=torch.Tensor.numel)
        at = whole.index(numbers.numpy().tobytes())
        flipped = whole[:at] + bytes(16) + whole[at + 16 :]
        texts = {
            "cut": whole[:300],
            "short": whole[: len(whole) // 2],
            "empty": b"",
            "text": b"e no weights",
            "flipped": flipped,
        }
        weights.write_bytes(texts[torn])
    else:
        torch.save(torn, weights)
    capsys.readouterr()
    assert main(["predict", str(run), "steps.csv"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{weights}: does not hold the weights of this run" in line


@pytest.mark.parametrize("kept", [{}, {"spec": None, "dataset": {}}, {"spec": {}, "dataset": {}}])
def test_damaged_artifacts_are_one_line(finished, tmp_path, kept, capsys):
    run = tmp_path / "copy"
    shutil.copytree(finished("model=gru", "dataset=digits"), run)
    (run / "artifacts.json").write_text(json.dumps(kept))
    capsys.readouterr()
    assert main(["predict", str(run), "steps.csv"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "artifacts.json: is damaged (" in line


def test_a_part_of_a_part_is_looked_at_too():
    check_targets({"_target_": "rnnbench.tasks.Regression", "encoder": {"_target_": "rnnbench.models.Embedding"}}, ())
    check_targets({"_target_": "mine.Cell"}, ["mine"])
    for foreign in ("os.system", "rnnbench.training.run.os.system"):
        with pytest.raises(UserError, match=f"_target_={foreign}: its code would run here"):
            check_targets({"_target_": "rnnbench.tasks.Regression", "encoder": {"_target_": foreign}}, ())
        with pytest.raises(UserError, match=f"_target_={foreign}: its code would run here"):
            check_targets({"_target_": "rnnbench.tasks.Regression", "parts": [1, [{"a": {"_target_": foreign}}]]}, ())


def test_a_text_is_answered_by_probabilities_of_names(runs, tmp_path, capsys):
    runs.train("dataset=sentences", "task.pooling=attention", "task.loss=sigmoid")
    path = str(runs.plan("dataset=sentences", "task.pooling=attention", "task.loss=sigmoid").path)
    (tmp_path / "texts.txt").write_text("What a wonderful story!\nI hate poor films\n")
    assert main(["predict", path, str(tmp_path / "texts.txt"), "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == 2
    for answer in answers:
        likely = max(answer["probabilities"], key=answer["probabilities"].get)
        assert answer["label"] == likely in ("negative", "positive")
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert main(["predict", path, "  "]) == 2
    assert capsys.readouterr().err == "rnnbench: the text has no words\n"


def test_words_are_answered_by_tags(runs, tmp_path, capsys):
    (tmp_path / "tags.conll").write_text("Ada B-person\nwrote O\n\n" * 20)
    given = [
        "dataset=conll",
        "task=entities",
        f"dataset.path={tmp_path / 'tags.conll'}",
        "dataset.characters=5",
        "task/encoder=words_characters",
        "task/composition=crf",
        "optimizer.lr=0.05",
        "trainer.max_epochs=20",
    ]
    record = runs.train(*given)
    assert record["metrics"]["test"]["f1"] == 1
    path = runs.plan(*given).path
    (tmp_path / "tags.conll").unlink()
    assert main(["predict", str(path), "Ada wrote", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "words": ["Ada", "wrote"],
        "tags": ["B-person", "O"],
        "entities": [{"kind": "person", "text": "Ada"}],
    }


@pytest.mark.parametrize("command", [["shrink"], ["inspect"], ["inspect", "--saliency"]])
def test_data_that_have_changed_since_are_not_those_of_the_run(finished, tmp_path, command, capsys):
    series = tmp_path / "series.csv"
    series.write_text("a\n" + "".join(f"{i % 7}\n" for i in range(90)))
    path = str(finished("model=gru", "dataset=csv", f"dataset.path={series}", "dataset.window=4"))
    series.write_text("a\n" + "".join(f"{i % 7 * 3}\n" for i in range(90)))
    assert main([command[0], path, *command[1:]]) == 2
    assert "series.csv has changed since the run was trained on it" in capsys.readouterr().err


def test_a_forecast_goes_on_from_the_newest_rows_of_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RNNBENCH_RUNS", str(tmp_path / "runs"))
    rows = [f"{50 + i % 7 + i / 10}" for i in range(200)]
    (tmp_path / "prices.csv").write_text("price\n" + "\n".join(rows))
    words = ["dataset=csv", f"dataset.path={tmp_path / 'prices.csv'}", "dataset.window=7", "dataset.horizon=3"]
    assert (
        main(["train", *words, "model=gru", "task.output=quantiles", "task.anchor=last", "trainer.max_epochs=1"]) == 0
    )
    (run,) = (tmp_path / "runs" / "runs").glob("csv-*")
    (tmp_path / "new.csv").write_text("price\n" + "\n".join(rows[-7:]))
    capsys.readouterr()
    assert main(["predict", str(run), str(tmp_path / "new.csv"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"price", "price low", "price high"}
    assert all(len(values) == 3 and abs(values[0] - float(rows[-1])) < 20 for values in told.values())
    (tmp_path / "new.csv").write_text("price\n1\n")
    assert main(["predict", str(run), str(tmp_path / "new.csv")]) == 2
    assert "has 1 rows; the run looks at 7" in capsys.readouterr().err
