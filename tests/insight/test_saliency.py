"""Integrated gradients against a closed form and their own axiom; pictures, TensorBoard and mistakes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from rnnbench.cells import GRU
from rnnbench.cli import main
from rnnbench.data import TextFile
from rnnbench.data.spec import Batch, DataSpec
from rnnbench.errors import UserError
from rnnbench.insight.heat import COLUMNS, draw, wrapped
from rnnbench.insight.saliency import Attribution, attribute, integrated, sequences
from rnnbench.layers import Recurrent
from rnnbench.models import Embedding, SequenceModel
from rnnbench.tasks import Classification, LanguageModelling, Regression
from rnnbench.training.predict import load_trained

LETTERS = DataSpec("language_modelling", 1, 4, per_step=True, carries_state=True, vocabulary=5)


def one(inputs_TI):
    return Batch(inputs_TI[None], inputs_TI[None])


def run_of(model, spec, task, **artifacts):
    model.eval()
    return SimpleNamespace(model=model, spec=spec, task=task, artifacts=artifacts, dataset=None)


class Leaky(nn.Module):
    """y_t = a y_(t-1) + x_t: the share of x_t in the last output is a^(T - 1 - t) x_t, exactly."""

    output_size = 1

    def forward(self, x_BTI, hx=None, lengths=None):
        y, out = torch.zeros(len(x_BTI), 1), []
        for x in x_BTI.unbind(1):
            y = 0.5 * y + x.sum(-1, keepdim=True)
            out.append(y)
        return torch.stack(out, 1), y


def test_shares_of_a_linear_network_are_its_weights_times_the_input():
    model = SequenceModel(Leaky(), 1, "last")
    x_TI = torch.randn(5, 2)
    found = attribute(run_of(model, DataSpec("regression", 2, 1), Regression("regression")), one(x_TI))
    weight = float(model.head.weight.detach()) * 0.5 ** torch.arange(4, -1, -1.0)[:, None]
    np.testing.assert_allclose(found.shares_TV, weight * x_TI, rtol=1e-4, atol=1e-6)
    assert found.names == ("input 1", "input 2")
    gradient = attribute(run_of(model, DataSpec("regression", 2, 1), Regression("regression")), one(x_TI), "gradient")
    np.testing.assert_allclose(gradient.shares_TV, weight.abs().expand(-1, 2), rtol=1e-4)
    assert gradient.gap is None


def test_shares_of_a_gru_sum_to_the_change_of_the_score_of_the_class():
    torch.manual_seed(0)
    model = SequenceModel(Recurrent(GRU, 2, 6, batch_first=True), 3, "last")
    run = run_of(model, DataSpec("classification", 2, 3), Classification())
    x_TI = 3 * torch.randn(9, 2)
    scores, zero = (model(x[None])[0].detach() for x in (x_TI, torch.zeros_like(x_TI)))
    for target, chosen in ((None, int(scores.argmax())), ("2", 2)):
        found = attribute(run, one(x_TI), target=target)
        assert found.score == pytest.approx(float(scores[chosen]), abs=1e-5)
        assert found.shares_TV.sum() == pytest.approx(float(scores[chosen] - zero[chosen]), abs=2e-3)
    with pytest.raises(UserError, match="--target 7: choose one of 0, 1, 2"):
        attribute(run, one(x_TI), target="7")


def test_a_path_with_a_sharp_bend_is_looked_at_more_closely():
    x = torch.ones(1, 1, 1)
    share, gap = integrated(lambda x: torch.sigmoid(500 * (x[:, 0, 0] - 0.3)), x)
    assert float(share) == pytest.approx(1, abs=1e-3)
    assert abs(gap) < 1e-3


@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_shares_of_tokens_sum_to_the_change_from_padding(loss):
    torch.manual_seed(0)
    spec = DataSpec("text_classification", 1, 2, vocabulary=6)
    outputs = 2 if loss == "softmax" else 1
    model = SequenceModel(Recurrent(GRU, 4, 6, batch_first=True), outputs, "mean", Embedding(spec, 4))
    run = run_of(model, spec, Classification(loss=loss), words=["a", "b", "c", "d"], labels=["bad", "good"])
    ids_TI = torch.tensor([[2], [5], [1], [3]])
    found = attribute(run, one(ids_TI), target="bad")
    score, padding = (model(ids[None])[0, 0].detach() * (1 if outputs == 2 else -1) for ids in (ids_TI, 0 * ids_TI))
    assert found.shares_TV.sum() == pytest.approx(float(score - padding), abs=1e-3)
    assert found.names == ("a", "d", "<unknown>", "b")
    assert found.title.startswith("score of 'bad'")
    assert model.encoder is not None  # as it was
    assert attribute(run, one(ids_TI), "gradient", tokens=["A", "D", "E", "B"]).names == ("A", "D", "E", "B")


def test_lines_end_where_they_are_full_and_where_the_text_ends_them():
    words = wrapped(["x" * 60, "y" * 60, "z"])
    assert [[(number, at) for number, at, _ in line] for line in words] == [[(0, 0)], [(1, 0), (2, 61)]]
    assert [len(line) for line in wrapped(["a", "\n", "b", " "])] == [2, 2]
    assert len(wrapped(["w" * 500])[0][0][2]) == COLUMNS


@pytest.mark.parametrize("count", [2, 6])  # lines, an image
def test_a_dollar_in_the_name_of_a_variable_is_no_formula(count):
    found = Attribution("title", np.ones((3, count)), np.ones((3, count)), ("$x_$",) * count, 1.0, 0.0)
    assert draw([("run", found)], "integrated")[0].startswith(b"\x89PNG")


def images(run):
    events = EventAccumulator(str(run), size_guidance={"images": 0}).Reload()
    return {tag: events.Images(tag) for tag in events.Tags()["images"]}


def test_the_command_draws_words_of_several_runs_and_leaves_them_in_tensorboard(finished, tmp_path, capsys):
    runs = [str(finished(f"model={name}", "dataset=sentences")) for name in ("gru", "lstm")]
    out = tmp_path / "look.png"
    capsys.readouterr()
    for _ in range(2):  # a second picture takes the place of the first
        assert main(["inspect", *runs, "--saliency", "A wonderful $2 story", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert out.read_bytes().startswith(b"\x89PNG")
    assert "sentences-gru-s0" in said
    assert "'wonderful'" in said
    for run in runs:
        (image,) = images(run)["saliency"]
        assert image.encoded_image_string.startswith(b"\x89PNG")
        assert image.width == 1000


def test_series_are_drawn_from_validation_and_the_forecast_stays_in_tensorboard(finished, tmp_path, capsys):
    run = str(finished("model=gru", "dataset=price_walk", "dataset.window=6"))
    for method in ("integrated", "gradient"):
        words = ["--saliency", "--sequences", "2", "--method", method, "--out", str(tmp_path / "a.png")]
        capsys.readouterr()
        assert main(["inspect", run, *words]) == 0
        assert capsys.readouterr().out.count("forecast, scaled, its mean") == 2
    assert set(images(run)) == {"forecast", "saliency"}


def test_many_variables_are_an_image(finished, tmp_path):
    run = str(finished("model=gru", "dataset=digits"))
    assert main(["inspect", run, "--saliency", "--sequences", "1", "--out", str(tmp_path / "a.png")]) == 0


def test_a_language_model_is_asked_for_its_next_token(finished, tmp_path, capsys):
    text = tmp_path / "story.txt"
    text.write_text("once upon a time there was a cat\n" * 60)
    run = finished("model=gru", "dataset=text_file", f"dataset.path={text}")
    capsys.readouterr()
    assert main(["inspect", str(run), "--saliency", "once upon", "--out", str(tmp_path / "a.png")]) == 0
    assert "score of next '" in capsys.readouterr().out
    trained = load_trained(run)
    ids = trained.dataset.begin("once upon", trained.artifacts)
    found = attribute(trained, one(ids[:, None]))
    assert found.names == ("\n", *"once upon")
    assert found.score == pytest.approx(float(trained.model(ids[None, :, None]).detach()[0, -1].max()), abs=1e-5)


def test_a_token_that_breaks_the_line_is_told_within_it():
    dataset = TextFile(path="unread.txt")
    artifacts = {"level": "characters", "vocabulary": ["\n", "<unk>", "a", " "]}
    model = SequenceModel(Recurrent(GRU, 4, 3, batch_first=True), 4, None, Embedding(LETTERS, 4))
    run = run_of(model, LETTERS, LanguageModelling(), **artifacts)
    run.dataset = dataset
    with pytest.raises(UserError, match=r"--target b: choose one of '\\n', <unk>, a, ' '$"):
        attribute(run, sequences(run, "aa", 1)[0][0], target="b")


@pytest.mark.parametrize(("data", "message"), [("\xe4".encode("cp1252"), "is not utf-8"), (b"\n", "is empty")])
def test_a_text_of_another_encoding_and_an_empty_one_are_one_line(data, message, tmp_path):
    run = SimpleNamespace(dataset=TextFile(path="unread.txt"), artifacts={})
    (tmp_path / "own.txt").write_bytes(data)
    with pytest.raises(UserError, match=f"own.txt {message}"):
        sequences(run, str(tmp_path / "own.txt"), 1)


def test_mistakes_are_one_line(finished, tagged, tmp_path, capsys):
    out = ["--out", str(tmp_path / "a.png")]
    digits = str(finished("model=gru", "dataset=digits"))
    chain = str(tagged("task/composition=crf"))
    sentences = str(finished("model=gru", "dataset=sentences"))
    walk = str(finished("model=gru", "dataset=price_walk", "dataset.window=6"))
    for arguments, message in (
        ([digits, "--saliency", "a text"], "a text"),
        ([chain, "--saliency", "a text"], "--saliency: entities on conll is answered by a whole sequence"),
        ([sentences, "--saliency", "fine", "--target", "great"], "--target great: choose one of negative, positive"),
        ([walk, "--saliency", "--target", "up"], "--target up: forecasting has no classes"),
        ([sentences, "--target", "positive"], "--target positive: says of what --saliency is measured"),
        ([sentences, "--method", "gradient"], "--method gradient: is of --saliency"),
        ([str(tmp_path), "--saliency"], "not the directory of a finished run"),
        ([sentences, "--saliency", "--method", "shap"], "invalid choice: 'shap'"),
    ):
        capsys.readouterr()
        assert main(["inspect", *arguments, *out]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
    assert not (tmp_path / "a.png").exists()
