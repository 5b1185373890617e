"""Language models from a text file to a text: resume inside an epoch, predict and generate."""

import json
import math

import numpy as np
import pytest
import torch

from rnnbench.cli import main
from rnnbench.errors import UserError
from rnnbench.training.generate import draw, generate
from rnnbench.training.predict import load_trained

POEM = "the cat sat on the mat\nthe mat sat on the cat\n\n"
TEXT = ("dataset=text_file", "dataset.batch_size=3", "dataset.steps=20", "task.encoder.size=5", "trainer.max_epochs=2")


@pytest.fixture
def poem(runs, tmp_path):
    """Overrides for a small model of a text that repeats itself."""
    path = tmp_path / "poem.txt"
    path.write_text(POEM * 12)
    return (*TEXT, f"dataset.path={path}")


def test_carried_state_resumes_bit_for_bit(runs, poem):
    overrides = (*poem, "model=lstm", "task.composition.tied=true", "task.composition.output_dropout=0.3")
    whole, curves = runs.train(*overrides), runs.curves(*overrides)
    assert whole["steps"] == 2 * 9  # 518 targets in rows of 20 by 3 streams
    for moment in (4, 15):  # within the first epoch and within the second
        assert runs.interrupted(moment, *overrides, where=f"cut{moment}")
        assert runs.lasting(runs.train(*overrides, where=f"cut{moment}")) == runs.lasting(whole)
        assert runs.curves(*overrides, where=f"cut{moment}") == curves


def test_record(runs, poem):
    record = runs.train(*poem, "dataset.level=words")
    scored = record["metrics"]["test"]
    assert record["primary_metric"] == "nll"
    assert scored["perplexity"] == pytest.approx(math.exp(scored["nll"]), rel=1e-5)
    assert scored["bpc"] == pytest.approx(scored["nll"] / math.log(2), rel=1e-5)
    assert record["baseline"].keys() == scored.keys()
    assert record["parameters"]["encoder"] == (2 + 5 + 1) * 5  # <eos>, <unk>, five words and the padding


def test_predict_is_the_score_of_the_text(runs, poem, tmp_path, capsys):
    runs.train(*poem)
    trained = load_trained(runs.plan(*poem).path)
    artifacts = trained.artifacts
    text = POEM * 3  # several rows, between which the state goes on
    ids = trained.dataset.begin(text, artifacts)
    with torch.no_grad():
        scores = trained.model(ids[None, :-1, None])[0].double().numpy()
    log_p = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    nll = -log_p[np.arange(len(text)), ids[1:].numpy() - 1].mean()
    (answer,) = trained.predict(text)
    expected = {"tokens": len(text), "nll": nll, "perplexity": np.exp(nll), "bpc": nll / np.log(2)}
    assert answer == pytest.approx(expected, rel=1e-5)
    (tmp_path / "mine.txt").write_text(text)
    assert main(["predict", str(runs.plan(*poem).path), str(tmp_path / "mine.txt"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == answer


def test_drawing_follows_the_distribution_at_its_temperature():
    scores = torch.tensor([0.0, 1.0, 2.0, -1.0])
    for temperature in (0.5, 1.0, 2.0):
        generator = torch.Generator().manual_seed(0)
        drawn = np.bincount([draw(scores, temperature, generator) for _ in range(4000)], minlength=4) / 4000
        p = np.exp(scores.numpy() / temperature)
        p = p / p.sum()
        assert np.abs(drawn - p).max() < 4 * np.sqrt(0.25 / 4000)
    for temperature in (0, 1e-320):
        assert {draw(scores, temperature, torch.Generator()) for _ in range(5)} == {2}


def test_generated_text_goes_on_from_the_prompt_step_by_step(runs, poem):
    overrides = (*poem, "optimizer.lr=0.05", "trainer.max_epochs=8", "model.hidden_size=16")
    runs.train(*overrides)
    trained = load_trained(runs.plan(*overrides).path)
    text = generate(trained, "the c", 12, temperature=0, seed=0)
    assert text.startswith("the c")
    assert len(text) == 17
    likeliest = "the c"
    for _ in range(12):  # without a carried state: all of it anew for each character
        ids = trained.dataset.begin(likeliest, trained.artifacts)
        with torch.no_grad():
            best = int(trained.model(ids[None, :, None])[0, -1].argmax())
        likeliest += trained.artifacts["vocabulary"][best]
    assert text == likeliest
    assert generate(trained, "", 30, 1.0, seed=1) == generate(trained, "", 30, 1.0, seed=1)
    assert generate(trained, "", 30, 1.0, seed=1) != generate(trained, "", 30, 1.0, seed=2)


def test_a_model_without_a_state_reads_all_again(runs, poem):
    overrides = (*poem, "model=tcn", "trainer.max_epochs=1")
    runs.train(*overrides)
    trained = load_trained(runs.plan(*overrides).path)
    ids = trained.dataset.begin("the ", trained.artifacts).tolist()
    for _ in range(5):
        with torch.no_grad():
            ids.append(1 + int(trained.model(torch.tensor(ids)[None, :, None])[0, -1].argmax()))
    assert generate(trained, "the ", 5, 0, 0) == trained.dataset.written(ids[1:], trained.artifacts)


def test_words_and_the_command(runs, poem, capsys):
    overrides = (*poem, "dataset.level=words")
    runs.train(*overrides)
    path = str(runs.plan(*overrides).path)
    assert main(["generate", path, "--prompt", "the dog", "--length", "3", "--temperature", "0.8", "--seed", "5"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("the <unk>")
    assert set(told.split()) <= {"the", "cat", "sat", "on", "mat", "<unk>"}


def test_mistakes_are_one_line(runs, poem, tmp_path, capsys):
    runs.train(*poem)
    path = str(runs.plan(*poem).path)
    for arguments, message in (
        ([path, "--temperature", "-1"], "temperature=-1: must be at least 0"),
        ([path, "--temperature", "nan"], "temperature=nan: must be at least 0"),
        ([path, "--seed", str(2**64)], f"seed={2**64}: must have at most 64 bits"),
        ([path, "--length", "0"], "'0' is not a number of at least 1"),
        ([str(tmp_path)], "not the directory of a finished run"),
    ):
        assert main(["generate", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
    assert main(["predict", path, ""]) == 2
    assert capsys.readouterr().err == "rnnbench: the text is empty\n"
    runs.train()
    trained = load_trained(runs.plan().path, ["toys"])
    with pytest.raises(UserError, match="the run is of regression on toy: only a language model generates text"):
        generate(trained, "", 1, 1.0, 0)
