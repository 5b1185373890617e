"""Other forms of a layer give its numbers: those of ``torch.nn``, and one scan over time."""

from functools import partial

import pytest
import torch
from torch import nn

from rnnbench import cells, layers
from rnnbench.layers import Recurrent
from rnnbench.layers.exported import Stepwise, own_twin, torch_twin


def layer_of(cell, **options):
    torch.manual_seed(0)
    return Recurrent(cell, 3, 4, batch_first=True, **options).eval()


def test_a_stack_whose_layers_have_states_of_different_size():
    layer = layer_of(cells.QRNN, num_layers=2, bidirectional=True)
    x = torch.randn(2, 5, 3)
    same(Stepwise(layer)(x), layer(x))


def same(found, wanted):
    torch.testing.assert_close(found[0], wanted[0])
    torch.testing.assert_close(found[1], wanted[1])


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        (cells.LSTM, nn.LSTM),
        (partial(cells.LSTM, proj_size=2), nn.LSTM),
        (cells.GRU, nn.GRU),
        (partial(cells.RNN, nonlinearity="relu"), nn.RNN),
    ],
)
@pytest.mark.parametrize("depth", [{}, {"num_layers": 2, "bidirectional": True, "bias": False, "dropout": 0.5}])
@torch.no_grad()
def test_there_and_back_between_torch_nn_and_ours(cell, kind, depth):
    layer, x = layer_of(cell, **depth), torch.randn(2, 5, 3)
    twin = torch_twin(layer)
    assert isinstance(twin, kind)
    same(twin(x), layer(x))
    back = own_twin(twin)
    assert type(back) in (layers.LSTM, layers.GRU, layers.RNN)
    same(back(x, lengths=torch.tensor([5, 3])), layer(x, lengths=torch.tensor([5, 3])))


def test_what_torch_nn_does_not_compute_has_no_twin_there():
    for cell, options in (
        (partial(cells.GRU, reset="before"), {}),
        (partial(cells.GRU, recurrent_bias=False), {}),
        (cells.IRNN, {}),
        (cells.MGU, {}),
        (cells.LSTM, {"layer_norm": True}),
        (cells.LSTM, {"zoneout": 0.1}),
        (cells.LSTM, {"learned_state": True}),
        (cells.LSTM, {"num_layers": 2, "connection": "residual"}),
    ):
        assert torch_twin(layer_of(cell, **options)) is None
    assert torch_twin(layer_of(cells.LSTM, variational_dropout=0.5, weight_dropout=0.5)) is not None
    assert own_twin(nn.LSTM(2, 2)) is None  # its call is another one
    assert own_twin(layers.TCN(2, 2)) is None


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        (
            cells.LSTM,
            {"num_layers": 2, "bidirectional": True, "connection": "highway", "zoneout": {"h": 0.1, "c": 0.5}},
        ),
        (partial(cells.GRU, reset="before"), {"learned_state": True, "layer_norm": True}),
        (cells.ExpRNN, {"variational_dropout": 0.3, "num_layers": 3, "share_layers": True}),
        (cells.LRU, {}),
    ],
)
@torch.no_grad()
def test_a_scan_over_steps_is_the_layer(cell, options):
    layer, x = layer_of(cell, **options), torch.randn(2, 5, 3)
    if options.get("learned_state"):
        layer.initial_h_l0.normal_()
    same(Stepwise(layer)(x), layer(x))
    if not options:
        _, state = layer(x)
        same(Stepwise(layer)(x, state), layer(x, state))
