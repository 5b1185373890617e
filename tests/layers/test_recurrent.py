import copy
from functools import partial

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from rnnbench.cells import GRU, LSTM, RNN
from rnnbench.layers import Recurrent
from rnnbench.layers.engines import resolve_engine

I, H, B, T = 4, 5, 3, 6


def test_sizes():
    layer = Recurrent(partial(LSTM, proj_size=2), I, H, num_layers=3, bidirectional=True)
    assert layer.output_size == 4
    assert layer.state_size == 3 * 2 * (2 + 5)
    out, (h, c) = layer(torch.zeros(T, B, I))
    assert (out.shape, h.shape, c.shape) == ((T, B, 4), (6, B, 2), (6, B, 5))
    assert layer.engine == resolve_engine("auto", layer.cells[0])


def test_lengths_that_are_all_full_change_nothing():
    layer = Recurrent(GRU, I, H, batch_first=True)
    x = torch.randn(B, T, I)
    assert torch.equal(layer(x)[0], layer(x, lengths=torch.full((B,), T))[0])


def test_lengths_of_a_bidirectional_stack_do_not_see_the_padding():
    layer = Recurrent(GRU, I, H, num_layers=2, bidirectional=True, batch_first=True, dtype=torch.float64)
    x, lengths = torch.randn(B, T, I, dtype=torch.float64), torch.tensor([4, 1, 6])
    out, h = layer(x, lengths=lengths)
    for b, length in enumerate(lengths.tolist()):
        alone, h_alone = layer(x[b, :length])
        torch.testing.assert_close(out[b, :length], alone, rtol=1e-10, atol=1e-13)
        torch.testing.assert_close(h[:, b], h_alone, rtol=1e-10, atol=1e-13)
        assert (out[b, length:] == 0).all()


def test_a_copy_and_a_meta_device():
    layer = Recurrent(LSTM, I, H)
    other = copy.deepcopy(layer)
    x = torch.randn(T, B, I)
    assert torch.equal(layer(x)[0], other(x)[0])
    with torch.device("meta"):
        meta = Recurrent(partial(LSTM, forget_bias=1.0), I, H)
    assert sum(p.numel() for p in meta.parameters()) == 4 * H * (I + H + 2)
    assert meta.weight_ih_l0.is_meta


def test_bfloat16_autocast_runs_and_is_near():
    layer = Recurrent(LSTM, I, H)
    x = torch.randn(T, B, I)
    with torch.autocast("cpu", torch.bfloat16):
        out, _ = layer(x)
    out.float().sum().backward()
    torch.testing.assert_close(out.float(), layer(x)[0], rtol=0.1, atol=0.05)


def test_repr_names_the_cell_and_what_is_not_default():
    layer = Recurrent(partial(GRU, reset="before"), I, H, num_layers=2, batch_first=True)
    assert repr(layer) == "Recurrent(4, 5, cell=GRU(reset='before'), num_layers=2, batch_first=True)"
    assert repr(Recurrent(RNN, I, H)) == "Recurrent(4, 5, cell=RNN())"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_layers": 0}, "num_layers=0: must be an integer of at least 1"),
        ({"num_layers": 1.5}, "num_layers=1.5: must be an integer of at least 1"),
        ({"dropout": 1.5, "num_layers": 2}, "dropout=1.5: must be in 0..1"),
        ({"dropout": -0.1}, "dropout=-0.1: must be in 0..1"),
        ({"engine": "fast"}, "engine='fast': must be one of 'auto', 'loop', 'fused', 'scan'"),
        ({"hidden_size": 0}, "hidden_size=0: must be an integer of at least 1"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        Recurrent(GRU, **{"input_size": I, "hidden_size": H, **arguments})
    assert str(error.value) == message


def test_dropout_on_one_layer_warns():
    with pytest.warns(UserWarning, match=r"dropout=0\.5 has no effect with num_layers=1"):
        Recurrent(GRU, I, H, dropout=0.5)


X = torch.zeros(B, T, I)
BAD_LENGTHS = "lengths: must be a tensor (3,) torch.int64 on the cpu, got "


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"input": torch.zeros(T, B, I + 1)}, "input: last dimension must be input_size=4, got 5"),
        ({"input": torch.zeros(I)}, "input: must have 2 or 3 dimensions, got shape (4,)"),
        ({"input": X[:, :0]}, "input: must have at least one step and one sequence, got shape (3, 0, 4)"),
        ({"input": X, "lengths": torch.tensor([0, 6, 6])}, "lengths: must be in 1..6 (steps of the input), got 0..6"),
        ({"input": X, "lengths": torch.tensor([1, 7, 6])}, "lengths: must be in 1..6 (steps of the input), got 1..7"),
        ({"input": X, "lengths": torch.tensor([1, 6])}, BAD_LENGTHS + "(2,) torch.int64 on cpu"),
        ({"input": X, "lengths": torch.ones(3)}, BAD_LENGTHS + "(3,) torch.float32 on cpu"),
        (
            {"input": X[0], "lengths": torch.tensor([1])},
            "lengths: only for a padded batch, not with a PackedSequence or a single sequence",
        ),
        (
            {"input": pack_sequence([X[0]]), "lengths": torch.tensor([1])},
            "lengths: only for a padded batch, not with a PackedSequence or a single sequence",
        ),
        ({"input": X, "hx": torch.zeros(1, B, H)}, "hx: must be 2 tensor(s) (h, c), got 1"),
        (
            {"input": X, "hx": (torch.zeros(1, B, H), torch.zeros(1, B, H + 1))},
            "hx: c must have shape (1, 3, 5), got (1, 3, 6)",
        ),
        (
            {"input": X[0], "hx": (torch.zeros(1, 1, H), torch.zeros(1, H))},
            "hx: h must have shape (1, 5), got (1, 1, 5)",
        ),
    ],
)
def test_wrong_calls(call, message):
    layer = Recurrent(LSTM, I, H, batch_first=True)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        layer(call.pop("input"), **call)
    assert str(error.value) == message
