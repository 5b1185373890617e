"""A translator from training to its answers: digits in words, said backwards in English."""

import json
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rnnbench.cli import main
from rnnbench.data.parallel import END, Pairs
from rnnbench.training.predict import load_trained
from rnnbench.training.translations import Looked, _figure, look

GERMAN, ENGLISH = ["null", "eins", "zwei", "drei"], ["zero", "one", "two", "three"]
SMALL = ["dataset=parallel_text", "dataset.path=pairs.tsv", "model.bidirectional=true", "model.hidden_size=8"]


@pytest.fixture
def pairs(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = random.Random(0)
    rows = [[generator.randrange(4) for _ in range(generator.randint(1, 4))] for _ in range(300)]
    lines = [f"{' '.join(GERMAN[i] for i in row)}\t{' '.join(ENGLISH[i] for i in row[::-1])}" for row in rows]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines))
    return runs


def png_size(path):
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def test_it_learns_to_say_digits_backwards_and_shows_where_it_looked(pairs, tmp_path, capsys):
    words = [*SMALL, "model.hidden_size=24", "dataset.batch_size=16", "optimizer.lr=0.01", "trainer.max_epochs=20"]
    words += ["task.beam=2", "task.valid_bleu=true", "trainer.clip_norm=1"]
    record = pairs.train(*words)
    assert record["metrics"]["test"]["bleu"] > 90
    assert set(record["metrics"]["train"]) == {"loss", "nll", "perplexity"}
    assert record["series"]["valid/bleu"][-1] == pytest.approx(record["metrics"]["valid"]["bleu"], abs=5)
    assert record["metrics"]["test"]["nll"] < 0.5 * record["baseline"]["nll"]
    assert record["selection"]["metric"] == "nll"
    path = pairs.plan(*words).path
    assert png_size(path / "attention.png")[0] > 100
    (text,) = EventAccumulator(str(path)).Reload().Tensors("translations")
    assert "sentence | translation | reference" in text.tensor_proto.string_val[0].decode()
    (tmp_path / "own.txt").write_text("eins zwei\nzwei drei null\n")
    arguments = ["predict", str(path), str(tmp_path / "own.txt"), "--json", "--picture", "new/look.png"]
    assert main(arguments) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert answers == [{"translation": "two one"}, {"translation": "zero three two"}]
    width, height = png_size(tmp_path / "new" / "look.png")
    assert height > width / 2
    assert main(["predict", str(path), "drei eins", "eins drei"]) == 0
    assert capsys.readouterr().out == "translation one three\ntranslation three one\n"
    assert main(["predict", str(path), "drei eins", "eins drei", "--picture", "new/two.png"]) == 2
    assert "--picture: draws one input, and there are 2" in capsys.readouterr().err


def test_weights_of_attention_are_those_of_the_words_written(pairs):
    pairs.train(*SMALL, "trainer.max_epochs=1")
    trained = load_trained(pairs.plan(*SMALL, "trainer.max_epochs=1").path)
    source = "eins zwei drei"
    batch = trained.dataset.read(source, trained.artifacts).batch(torch.arange(1))
    (one,) = look(trained.model, trained.task, batch, [source.split()])
    (answer,) = trained.predict(source)
    assert " ".join(one.written[:-1]) == answer["translation"]
    assert one.weights_TS.shape == (len(one.written), 3)
    assert one.weights_TS.sum(1) == pytest.approx(1, abs=1e-5)


class Elsewhere(torch.Tensor):
    """Words on another device: what is on the CPU picks nothing from them before they are brought there."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function is torch.Tensor.cpu:
            return args[0].as_subclass(torch.Tensor)
        if function is torch.Tensor.index_select:
            raise RuntimeError("Expected all tensors to be on the same device")
        return super().__torch_function__(function, types, args, kwargs or {})


def test_words_written_on_another_device_are_looked_at(monkeypatch):
    task = SimpleNamespace(
        words=[END, "one"], predictions=lambda *args, **kwargs: [torch.tensor([3]).as_subclass(Elsewhere)]
    )
    seen = []
    model = SimpleNamespace(
        run=lambda batch: None, attention_weights=lambda batch: seen.append(batch) or torch.ones(1, 2, 1)
    )
    (one,) = look(model, task, Pairs([torch.tensor([[2]])], [torch.tensor([2])]).batch(torch.arange(1)), [["eins"]])
    assert one.written == ["one", END]
    assert seen[0].targets.tolist() == [[3, 2]]


def test_a_dollar_is_a_word_and_no_formula():
    looked = Looked(np.ones((2, 2)), ["http://a/$x_$", "$^$"], ["$\\frac$", END])
    png, _ = _figure([looked])
    assert png.startswith(b"\x89PNG")


def test_a_run_that_was_cut_off_ends_with_the_same_numbers(pairs):
    words = [*SMALL, "task.composition.dropout=0.2"]
    words += ["task.label_smoothing=0.1", "trainer.max_epochs=2"]
    whole = pairs.train(*words)
    assert pairs.interrupted(12, *words)
    assert pairs.lasting(pairs.train(*words, where="cut")) == pairs.lasting(whole)


def test_where_there_is_nothing_to_draw(pairs, capsys):
    words = [*SMALL, "task.composition.attention=none", "trainer.max_epochs=1"]
    pairs.train(*words)
    path = pairs.plan(*words).path
    assert not (path / "attention.png").exists()
    assert main(["predict", str(path), "eins", "--picture", "look.png"]) == 2
    assert "task.composition.attention=none" in capsys.readouterr().err
    pairs.train("dataset=sentences")
    path = pairs.plan("dataset=sentences").path
    assert main(["predict", str(path), "a text", "--picture", "look.png"]) == 2
    assert "--picture: the run is of text_classification" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=tcn"], "a translator needs a network with a state"),
        (["task.composition.input_feeding=true", "task.composition.attention=none"], "belongs to attention=luong"),
        (["task.composition.attention=self"], "attention"),
        (["task.label_smoothing=2"], "label_smoothing=2"),
        (["dataset.path=none.tsv"], "none.tsv: cannot be read"),
        (["dataset.target_path=pairs.tsv", "dataset.valid_target_path=pairs.tsv"], "needs dataset.valid_path"),
    ],
)
def test_mistakes_are_one_line(pairs, command, words, message, capsys):
    base = ["dataset=parallel_text", "dataset.path=pairs.tsv"]
    assert command(*base, *words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
