import sys

import pytest
import torch

from rnnbench import cells
from rnnbench.bench.contenders import NAMESAKES, Size, matrix, multiplications, namesake, own, twin
from rnnbench.catalogue.entries import models

SIZE = Size(2, 3, 4, 5)


def config(name):
    return models()[name][1]


def test_a_model_has_a_contender_for_every_engine_that_can_run_it():
    cell, found = own(config("min_gru"), SIZE)
    assert cell == cells.MinGRU(4, 5)
    assert {"loop", "scan"} <= {contender.name for contender in found}
    assert [contender.name for contender in own(config("gru"), SIZE, ("loop", "scan"))[1]] == ["loop"]


def test_all_engines_do_the_same_work():
    _, found = own(config("min_gru"), SIZE)
    outputs = [contender.forward() for contender in found]
    gradients = [contender.training() for contender in found]
    for output, gradient in zip(outputs[1:], gradients[1:]):
        torch.testing.assert_close(output, outputs[0])
        torch.testing.assert_close(gradient, gradients[0])


def test_forward_keeps_nothing_and_training_gives_the_gradient_of_every_weight():
    for contender in (*own(config("lstm"), SIZE)[1], twin("lstm", SIZE)):
        output = contender.forward()
        assert output.shape == (3, 2, 5)
        assert not output.requires_grad
        assert [g.shape for g in contender.training()] == [p.shape for p in torch.nn.LSTM(4, 5).parameters()]


def test_twins_are_those_of_torch_alone():
    assert twin("rnn_relu", SIZE).forward().min() == 0
    assert twin("gru_cho", SIZE) is None


def test_namesakes():
    pytest.importorskip("torchrecurrent")
    assert namesake(cells.MGU, SIZE).forward().shape == (3, 2, 5)
    assert namesake(cells.CoRNN, SIZE) is not None
    assert namesake(cells.QRNN, SIZE) is None
    assert [name for name in NAMESAKES if not hasattr(cells, name)] == []


def test_without_torchrecurrent_there_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchrecurrent", None)
    with pytest.raises(ImportError):
        namesake(cells.MGU, SIZE)


@pytest.mark.parametrize(("name", "size"), [("gru_sum", SIZE), ("mlstm", Size(64, 200, 2, 256))])
def test_what_cannot_be_built_or_is_too_large_is_a_line(name, size):
    with pytest.raises(ValueError, match=r"equal|numbers of state"):
        own(config(name), size)


@pytest.mark.parametrize(
    ("cell", "counts"),
    [
        (cells.LSTM(3, 5), (4 * 5 * 3, 4 * 5 * 5)),
        (cells.LSTM(3, 5, proj_size=2), (4 * 5 * 3, 4 * 5 * 2 + 2 * 5)),
        (cells.GRU(3, 5), (3 * 5 * 3, 3 * 5 * 5)),
        (cells.GRU(3, 5, reset="before"), (3 * 5 * 3, 3 * 5 * 5)),
        (cells.MinGRU(3, 5), (2 * 5 * 3, 0)),
    ],
)
def test_multiplications_of_a_step(cell, counts):
    assert multiplications(cell) == counts


def test_the_matrix_product():
    assert matrix().forward().shape == (1024, 1024)
