import math

import pytest
import torch

from rnnbench.cells import GRU
from rnnbench.layers import Recurrent


def count(cell):
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("update", ["keep", "write"])
def test_parameter_count(reset, update):
    I, H = 88, 46
    assert count(GRU(I, H, reset=reset, update=update)) == 3 * H * (I + H + 2)
    assert count(GRU(I, H, reset=reset, update=update, recurrent_bias=False)) == 3 * H * (I + H + 1)
    assert count(GRU(I, H, reset=reset, update=update, bias=False)) == 3 * H * (I + H)


def test_parameter_count_of_the_sum():
    """Two gates on x and h, and one matrix for the candidate."""
    H = 7
    cell = GRU(H, H, reset="before", candidate="sum", recurrent_bias=False)
    assert count(cell) == 2 * H * (H + H + 1) + H * (H + 1)


def layer(**options):
    torch.manual_seed(0)
    sizes = (5, 5) if options.get("candidate") == "sum" else (3, 5)
    built = Recurrent(lambda **sizes: GRU(**sizes, **options), *sizes, dtype=torch.float64)
    return built, torch.randn(6, 2, sizes[0], dtype=torch.float64)


@pytest.mark.parametrize(
    "options", [{}, {"reset": "before"}, {"reset": "before", "candidate": "sum"}, {"recurrent_bias": False}], ids=str
)
def test_the_two_updates_are_mirrors(options):
    """1 - sigmoid(a) = sigmoid(-a): negating the update gate's rows turns one convention into the other."""
    keep, x = layer(update="keep", **options)
    write, _ = layer(update="write", **options)
    assert not torch.allclose(keep(x)[0], write(x)[0])
    with torch.no_grad():
        for name, parameter in write.named_parameters():
            if not name.startswith(("weight_n", "bias_n")):
                parameter[5:10] *= -1
    torch.testing.assert_close(keep(x)[0], write(x)[0], rtol=1e-12, atol=1e-14)


def test_the_two_resets_agree_where_the_reset_gate_is_open():
    """With r = 1 it does not matter when it multiplies."""
    layers = [layer(reset=reset)[0] for reset in ("after", "before")]
    x = layer()[1]
    assert not torch.allclose(layers[0](x)[0], layers[1](x)[0])
    for one in layers:
        one.bias_ih_l0.data[:5] = 100.0
    torch.testing.assert_close(layers[0](x)[0], layers[1](x)[0], rtol=1e-12, atol=1e-14)


def test_without_the_second_bias_it_equals_torch_with_a_zero_one():
    ours, x = layer(recurrent_bias=False)
    torchs = torch.nn.GRU(3, 5, dtype=torch.float64)
    torchs.load_state_dict({**ours.state_dict(), "bias_hh_l0": torch.zeros(15)})
    torch.testing.assert_close(ours(x)[0], torchs(x)[0], rtol=1e-12, atol=1e-14)


def test_the_sum_lets_the_input_through_where_the_reset_gate_is_shut():
    """r = 0 and a shut keep gate: h' = tanh(W x + b)."""
    sum_layer, x = layer(reset="before", candidate="sum")
    sum_layer.bias_ih_l0.data[:] = -100.0
    expected = torch.tanh(x @ sum_layer.weight_n_l0.T + sum_layer.bias_n_l0)
    torch.testing.assert_close(sum_layer(x)[0], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ((5, 5), {}, "candidate='sum' resets before its product: set reset='before' (got 'after')"),
        (
            (3, 5),
            {"reset": "before"},
            "candidate='sum' adds input and state: input_size=3, hidden_size=5 must be equal",
        ),
    ],
)
def test_refused_options(sizes, options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        GRU(*sizes, candidate="sum", **options)
    assert str(error.value) == message
