import math

import pytest
import torch

from rnnbench import cells
from rnnbench.cells import ATR, BRC, CFN, DSGU, NBRC, RAN, SGU, FastGRNN, FastRNN
from rnnbench.layers import Recurrent
from tests.cells.parity import against_torchrecurrent, count

I, H = 4, 5


def layer(cell, **options):
    torch.manual_seed(0)
    return Recurrent(lambda **sizes: cell(**sizes, **options), I, H, dtype=torch.float64)


def data(steps=6):
    return torch.randn(steps, 2, I, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def zeros(size):
    return torch.zeros(size, dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("RAN", 3 * 36 * 88 + 2 * 36 * (36 + 1)),
        ("CFN", 3 * 36 * 88 + 2 * 36 * (36 + 1)),
        ("ATR", 36 * (88 + 36 + 2)),
        ("LightRU", 2 * 36 * (88 + 1) + 36 * 36),
        ("STAR", 2 * 36 * (88 + 1) + 36 * 36),
        ("SGU", 2 * 36 * (88 + 36 + 1)),
        ("DSGU", 2 * 36 * (88 + 36 + 1) + 36 * 36),
        ("FastRNN", 36 * (88 + 36 + 1) + 2),
        ("FastGRNN", 36 * (88 + 36 + 2) + 2),
        ("BRC", 3 * 36 * (88 + 1) + 2 * 36),
        ("NBRC", 3 * 36 * (88 + 1) + 2 * 36 * 36),
    ],
)
def test_parameter_count(name, expected):
    assert count(getattr(cells, name)(88, 36)) == expected


@pytest.mark.parametrize("name", ["ATR", "LightRU", "STAR", "FastRNN"])
def test_equals_torchrecurrent(name):
    assert against_torchrecurrent(getattr(cells, name), name, dict) < 1e-12


def test_ran_equals_torchrecurrent():
    """Theirs orders the rows c i f."""

    def weights(p):
        i, f, c = p["weight_ih"].chunk(3)
        return {**p, "weight_ih": torch.cat((c, i, f))}

    assert against_torchrecurrent(RAN, "RAN", weights) < 1e-12


def test_cfn_equals_torchrecurrent():
    """Theirs has a bias inside tanh(W x + b), which the paper has not."""
    assert against_torchrecurrent(CFN, "CFN", lambda p: {**p, "bias_ih": torch.cat((p["bias_ih"], zeros(H)))}) < 1e-12


def test_fast_grnn_against_torchrecurrent():
    """Their gate is tanh by default, where the paper has a sigmoid."""

    def weights(p):
        given = {name: value for name, value in p.items() if name not in ("bias_z", "bias_n")}
        return {**given, "bias_ih": torch.cat((p["bias_z"], p["bias_n"]))}

    assert against_torchrecurrent(FastGRNN, "FastGRNN", weights, nonlinearity="sigmoid") < 1e-12
    assert against_torchrecurrent(FastGRNN, "FastGRNN", weights) > 1e-3


@pytest.mark.parametrize("cell", [SGU, DSGU])
def test_sgu_against_torchrecurrent(cell):
    """Their hard sigmoid has the slope 1/6, ours the 1/5 of the libraries of 2016: scaling z's sum by 5/6 tells."""

    def weights(p):
        given = {"weight_ho" if name == "weight_oh" else name: value.clone() for name, value in p.items()}
        for name in ("weight_ih", "weight_hh", "bias_ih"):
            given[name][H:] *= 6 / 5
        return given

    assert against_torchrecurrent(cell, cell.__name__, weights) < 1e-12


@pytest.mark.parametrize(("cell", "name"), [(BRC, "BR"), (NBRC, "NBR")])
def test_bistable_equals_torchrecurrent(cell, name):
    def weights(p):
        given = {key: value for key, value in p.items() if key not in ("weight_a", "weight_c")}
        return given if cell is NBRC else {**given, "weight_hh": torch.cat((p["weight_a"], p["weight_c"]))}

    assert against_torchrecurrent(cell, name, weights) < 1e-12


def test_a_bistable_unit_keeps_its_sign_without_input():
    """With a > 1 there are two stable fixed points h = tanh(a h), one on each side of 0."""
    ours = layer(BRC)
    for parameter in ours.parameters():
        parameter.data.zero_()
    ours.bias_ih_l0.data[:H] = 0.5
    start = torch.tensor([0.1, -0.1, 0.3, -0.3, 0.0], dtype=torch.float64).expand(1, 2, H).contiguous()
    _, h = ours(torch.zeros(400, 2, I, dtype=torch.float64), start)
    assert torch.equal(h.sign(), start.sign())
    torch.testing.assert_close(h, torch.tanh((1 + math.tanh(0.5)) * h), rtol=1e-9, atol=1e-12)
    assert h[0, 0, :4].abs().min() > 0.5


def test_cfn_forgets_without_input():
    """Laurent and von Brecht: with x = 0 every state goes to 0."""
    ours = layer(CFN)
    _, h = ours(torch.zeros(2000, 2, I, dtype=torch.float64), torch.ones(1, 2, H, dtype=torch.float64))
    assert h.abs().max() < 1e-3


def test_ran_without_tanh_is_a_weighted_sum_of_inputs():
    """Open gates: the memory is the plain sum of W x."""
    ours = layer(RAN, output_map="identity")
    ours.bias_ih_l0.data.fill_(100.0)
    out, _ = ours(data())
    torch.testing.assert_close(out, (data() @ ours.weight_ih_l0[2 * H :].T).cumsum(0), rtol=1e-12, atol=1e-13)


def test_fast_rnn_starts_close_to_the_identity():
    ours = layer(FastRNN)
    sigmoid = 1 / (1 + math.exp(3.0))
    expected = sigmoid * torch.tanh(data(1) @ ours.weight_ih_l0.T + ours.bias_ih_l0)
    torch.testing.assert_close(ours(data(1))[0], expected, rtol=1e-12, atol=1e-14)


def test_twin_gates_agree_where_the_state_says_nothing():
    """q = 0: both gates are sigmoid(p)."""
    ours = layer(ATR)
    ours.weight_hh_l0.data.zero_()
    ours.bias_hh_l0.data.zero_()
    p = data(1) @ ours.weight_ih_l0.T + ours.bias_ih_l0
    start = torch.ones(1, 2, H, dtype=torch.float64)
    torch.testing.assert_close(ours(data(1), start)[0], torch.sigmoid(p) * (p + 1), rtol=1e-12, atol=1e-14)
