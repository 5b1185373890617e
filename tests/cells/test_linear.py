import math

import pytest
import torch

from rnnbench.cells import QRNN, SRU, MinGRU, MinLSTM
from rnnbench.layers import Recurrent


def count(cell):
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


def layer(cell, I, H, **options):
    torch.manual_seed(0)
    return Recurrent(lambda **sizes: cell(**sizes, **options), I, H, dtype=torch.float64)


def test_parameter_counts():
    I, H = 7, 9
    assert count(MinGRU(I, H)) == 2 * H * (I + 1)
    assert count(MinLSTM(I, H, bias=False)) == 3 * H * I
    assert count(SRU(H, H)) == 3 * H * H + 2 * H
    assert count(SRU(I, H)) == 4 * H * I + 2 * H
    assert count(SRU(H, H, peephole=True)) == 3 * H * H + 4 * H
    assert [count(QRNN(I, H, pooling=pooling)) for pooling in ("f", "fo", "ifo")] == [
        gates * H * (2 * I + 1) for gates in (2, 3, 4)
    ]


@pytest.mark.parametrize("recurrence", ["linear", "log"])
def test_min_gru_approaches_a_constant_candidate_geometrically(recurrence):
    """A constant input: h_T = (1 - (1 - z)^T) v from zero."""
    built = layer(MinGRU, 3, 5, recurrence=recurrence)
    x = torch.randn(3, dtype=torch.float64)
    z, v = (built.weight_ih_l0 @ x + built.bias_ih_l0).chunk(2)
    z = torch.sigmoid(z)
    if recurrence == "log":
        v = torch.where(v >= 0, v + 0.5, torch.sigmoid(v))
    out, _ = built(x.expand(30, 1, 3))
    expected = (1 - (1 - z) ** torch.arange(1, 31)[:, None]) * v
    torch.testing.assert_close(out[:, 0], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("recurrence", ["linear", "log"])
def test_min_lstm_with_equal_gates_is_the_running_half(recurrence):
    """f = i gives h' = (h + v) / 2, whatever the gates are."""
    built = layer(MinLSTM, 3, 5, recurrence=recurrence)
    with torch.no_grad():
        built.weight_ih_l0[:5] = built.weight_ih_l0[5:10]
        built.bias_ih_l0[:5] = built.bias_ih_l0[5:10]
    x, h = torch.randn(8, 1, 3, dtype=torch.float64), torch.zeros(1, 5, dtype=torch.float64)
    out, _ = built(x)
    for t in range(8):
        v = x[t] @ built.weight_ih_l0[10:].T + built.bias_ih_l0[10:]
        h = (h + (v if recurrence == "linear" else torch.where(v >= 0, v + 0.5, torch.sigmoid(v)))) / 2
        torch.testing.assert_close(out[t], h, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("cell", [MinGRU, MinLSTM])
def test_log_space_survives_any_gate(cell):
    """Gates shut or open beyond what exp can hold: outputs and gradients are finite, states not negative."""
    built = layer(cell, 3, 5, recurrence="log").float()
    x = 1000 * torch.randn(50, 4, 3)
    out, _ = built(x)
    out.sum().backward()
    assert (out >= 0).all()
    assert out.isfinite().all()
    assert all(p.grad.isfinite().all() for p in built.parameters())


def test_sru_with_a_shut_reset_gate_is_the_input():
    built = layer(SRU, 5, 5)
    with torch.no_grad():
        built.bias_ih_l0[5:] = -1000.0
    x = torch.randn(6, 2, 5, dtype=torch.float64)
    torch.testing.assert_close(built(x)[0], x)


def test_sru_draws_weights_of_variance_one_over_inputs():
    built = layer(SRU, 100, 100)
    assert built.weight_ih_l0.abs().max() <= (3 / 100) ** 0.5
    assert float(built.weight_ih_l0.var()) == pytest.approx(1 / 100, rel=0.05)
    assert (built.bias_ih_l0 == 0).all()


def test_qrnn_gates_are_a_convolution():
    """f-pooling with the forget gate shut leaves z: a masked convolution two steps wide, by torch's own."""
    built = layer(QRNN, 3, 5, pooling="f")
    with torch.no_grad():
        built.bias_ih_l0[5:] = -1000.0
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    kernel = torch.stack((built.weight_ph_l0[:5], built.weight_ih_l0[:5]), -1)
    padded = torch.nn.functional.pad(x.permute(1, 2, 0), (1, 0))
    expected = torch.tanh(torch.nn.functional.conv1d(padded, kernel, built.bias_ih_l0[:5])).permute(2, 0, 1)
    torch.testing.assert_close(built(x)[0], expected, rtol=1e-10, atol=1e-12)
