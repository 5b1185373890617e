"""Pruning against a sort, int8 against the grid of its weights, and the table against the record."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from rnnbench import layers
from rnnbench.cli import main
from rnnbench.data.dataset import Sequences
from rnnbench.data.spec import Batch, DataSpec
from rnnbench.deploy.shrink import int8, matrices, milliseconds, pruned, sized
from rnnbench.errors import UserError
from rnnbench.models import SequenceModel
from rnnbench.models.encoders import Embedding
from rnnbench.models.language import LanguageModel


def model(backbone=None):
    torch.manual_seed(0)
    return SequenceModel(backbone or layers.LSTM(3, 6, batch_first=True), 2, "last").eval()


@pytest.mark.parametrize("together", [False, True])
def test_the_least_weights_go(together):
    dense = model()
    thin = pruned(dense, 0.5, together)
    before, after = ([p.detach().numpy().ravel() for p in matrices(m)] for m in (dense, thin))
    assert [p.size for p in before] == [4 * 6 * 3, 4 * 6 * 6, 2 * 6]
    if together:
        before, after = [np.concatenate(before)], [np.concatenate(after)]
    for b, a in zip(before, after):
        kept = np.sort(np.abs(b))[b.size // 2 :]
        np.testing.assert_array_equal(np.sort(np.abs(a[a != 0])), kept)
        np.testing.assert_array_equal(a[a != 0], b[a != 0])
    biases = [name for name, p in thin.named_parameters() if p.dim() == 1 and not p.all()]
    assert biases == []
    assert all(p.all() for p in dense.parameters())  # the model itself is as it was


def test_sizes_are_counted():
    thin = pruned(model(), 0.9, together=True)
    small, whole = sized("thin", thin), sized("whole", model())
    matrix, rest = 72 + 144 + 12, 48 + 2
    assert whole.nonzero == whole.weights == small.weights == matrix + rest
    assert small.nonzero == rest + matrix - round(0.9 * matrix)
    assert small.bytes == whole.bytes
    assert small.compressed < whole.compressed


@pytest.mark.filterwarnings("ignore")
@torch.no_grad()
def test_int8_weights_lie_within_half_a_step_of_the_trained_ones():
    dense = model()
    small = int8(dense)
    scale = dense.head.weight.abs().max() / 127
    assert (small.head.weight().dequantize() - dense.head.weight).abs().max() <= scale * 0.51
    assert small.head.weight().dtype is torch.qint8
    x_BTI, lengths = torch.randn(4, 7, 3), torch.tensor([7, 2, 5, 7])
    found, wanted = small(x_BTI, lengths), dense(x_BTI, lengths)
    torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)
    assert not torch.equal(found, wanted)
    torch.testing.assert_close(found[1:2], small(x_BTI[1:2, :2]), atol=0.02, rtol=0)
    dense = model(layers.LSTM(3, 64, batch_first=True))
    assert sized("int8", int8(dense), dense).bytes < 0.35 * sized("whole", dense).bytes


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@torch.no_grad()
def test_vectors_that_words_are_scored_with_too_stay_as_they_are(dropout):
    spec = DataSpec("language_modelling", 1, 20, vocabulary=21, per_step=True)
    dense = LanguageModel(
        layers.LSTM(16, 16, batch_first=True), 20, None, Embedding(spec, 16), tied=True, output_dropout=dropout
    ).eval()
    batch = Batch(torch.randint(1, 20, (2, 5, 1)), torch.zeros(2, 5, dtype=torch.long))
    torch.testing.assert_close(int8(dense).run(batch).values, dense.run(batch).values, atol=0.02, rtol=0)


@pytest.mark.parametrize(
    "backbone",
    [
        layers.RNN(3, 6, batch_first=True),
        layers.TCN(3, 6, batch_first=True),
        layers.LSTM(3, 6, batch_first=True, proj_size=2),
        layers.TorchLSTM(3, 6, batch_first=True, proj_size=2),
        layers.GRU(3, 6, batch_first=True, bias=False),
    ],
)
def test_what_has_no_form_in_int8_says_so(backbone):
    with pytest.raises(UserError, match="no form in int8"):
        int8(model(backbone))


def test_time_is_a_median_over_sequences_of_one(monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    split = Sequences(torch.zeros(3, 2, 1), torch.zeros(3))
    slow = SimpleNamespace(run=lambda batch: [next(clock) for _ in range(4)])
    fast = SimpleNamespace(run=lambda batch: None)
    assert milliseconds([slow, fast], split) == [5000.0, 1000.0]


def test_the_command_prints_a_table_and_keeps_its_numbers(finished, capsys):
    run = finished("model=gru", "dataset=sentences", "task/encoder=embedding")
    capsys.readouterr()
    assert main(["shrink", str(run), "--int8", "--prune", "0.5,0.9", "--global"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in said[:6]] == [
        "network",
        "---",
        "as trained",
        "int8",
        "pruned 50 % of all",
        "pruned 90 % of all",
    ]
    assert any("test split was read once for each row" in line for line in said)
    kept = json.loads((run / "shrunk.json").read_text())
    record = json.loads((run / "result.json").read_text())
    first, small, *_ = kept["variants"]
    assert first["test"] == pytest.approx(record["metrics"]["test"])
    assert first["valid"] == pytest.approx(record["metrics"]["valid"])
    assert first["weights"] == sum(record["parameters"].values())
    assert small["test"]["nll"] == pytest.approx(first["test"]["nll"], abs=0.05)
    assert kept["notes"] == []


def test_a_cell_without_int8_is_pruned_and_noted_or_refused(finished, capsys):
    run = str(finished("model=mgu", "dataset=sentences"))
    capsys.readouterr()
    assert main(["shrink", run, "--int8"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "mgu: its recurrence has no form in int8" in line
    assert main(["shrink", run]) == 0
    said = capsys.readouterr().out
    assert "int8: mgu: its recurrence has no form" in said
    assert "pruned 80 % of each matrix" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prune", "1.5"], "'1.5' is not numbers between 0 and 1"),
        (["--prune", "half"], "'half' is not numbers between 0 and 1"),
        ([], "not the directory of a finished run"),
    ],
)
def test_mistakes_are_one_line(words, message, tmp_path, capsys):
    assert main(["shrink", str(tmp_path), *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_linear_layers_of_a_transformer_are_quantised():
    small = int8(model(layers.Transformer(3, 6, batch_first=True)))
    assert not any(type(layer) is nn.Linear for layer in small.modules())
