import math

import pytest
import torch

from rnnbench import cells
from rnnbench.cells import GRU, JANET, MGU, MGU1, MUT1, MUT2, UGRNN, LayerNormGRU, LiGRU, MinimalRNN
from rnnbench.layers import Recurrent
from tests.cells.parity import against_torchrecurrent

I, H = 4, 5


def count(cell):
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


def layer(cell, size=I, **options):
    torch.manual_seed(0)
    return Recurrent(lambda **sizes: cell(**sizes, **options), size, H, dtype=torch.float64)


def data(size=I):
    return torch.randn(6, 2, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MGU", 2 * 36 * (88 + 36 + 1)),
        ("MGU1", 36 * (88 + 36 + 1) + 36 * (36 + 1)),
        ("MGU2", 36 * (88 + 36 + 1) + 36 * 36),
        ("MGU3", 36 * (88 + 36 + 1) + 36),
        ("MUT1", 3 * 36 * (88 + 1) + 2 * 36 * 36),
        ("MUT2", 3 * 36 * (88 + 36 + 1)),
        ("MUT3", 3 * 36 * (88 + 36 + 1)),
        ("UGRNN", 2 * 36 * (88 + 36 + 1)),
        ("LiGRU", 2 * 36 * (88 + 36 + 1)),
        ("MinimalRNN", 36 * (88 + 1) + 36 * (36 + 36 + 1)),
        ("LayerNormGRU", 3 * 36 * (88 + 36) + 6 * 36 + 4 * 36),
    ],
)
def test_parameter_count(name, expected):
    assert count(getattr(cells, name)(88, 36)) == expected


def test_parameter_count_with_the_input_as_printed():
    """One matrix less than with W x."""
    for cell in (MUT1, MUT2):
        assert count(cell(36, 36)) - count(cell(36, 36, raw_input=True)) == 36 * 36
        with pytest.raises(ValueError, match=r"^raw_input=True adds input and state: input_size=3, hidden_size=5 must"):
            cell(3, 5, raw_input=True)


@pytest.mark.parametrize("name", ["MGU", "MUT3", "LiGRU"])
def test_equals_torchrecurrent(name):
    assert against_torchrecurrent(getattr(cells, name), name, dict) < 1e-12


def test_ugrnn_equals_torchrecurrent_and_janet_without_lag():
    assert against_torchrecurrent(UGRNN, "UGRNN", dict) < 1e-12
    ugrnn, janet = layer(UGRNN), layer(JANET, beta=0.0)
    for name, parameter in janet.named_parameters():
        n, g = ugrnn.get_parameter(name).chunk(2)
        parameter.data.copy_(torch.cat((g, n)))
    torch.testing.assert_close(ugrnn(data())[0], janet(data())[0], rtol=1e-12, atol=1e-14)


def test_minimal_rnn_equals_torchrecurrent():
    assert against_torchrecurrent(MinimalRNN, "MinimalRNN", lambda p: p_without(p, "weight_vh", "weight_mm")) < 1e-12


def p_without(p, ours, theirs):
    return {theirs if name == ours else name: value for name, value in p.items()}


def test_mut1_equals_torchrecurrent_only_with_a_matrix_in_front_of_the_input():
    """The paper prints tanh(x); theirs has tanh(W x) alone, and a further bias inside it."""

    def weights(p):
        bias = torch.cat((p["bias_ih"], torch.zeros(2 * H, dtype=torch.float64)))
        return {**p, "bias_ih": bias}

    assert against_torchrecurrent(MUT1, "MUT1", weights) < 1e-12

    def printed(p):
        weight = torch.cat((p["weight_ih"], torch.eye(H, dtype=torch.float64)))
        return weights({**p, "weight_ih": weight})

    assert against_torchrecurrent(lambda **s: MUT1(**s, raw_input=True), "MUT1", printed, I=H) < 1e-12


def test_mut2_equals_torchrecurrent_only_with_a_matrix_in_front_of_the_input():
    """The paper prints sigmoid(x + W h + b) for r; theirs has sigmoid(W x + W h + b) alone."""
    assert against_torchrecurrent(MUT2, "MUT2", dict) < 1e-12

    def printed(p):
        z, n = p["weight_ih"].chunk(2)
        return {**p, "weight_ih": torch.cat((z, torch.eye(H, dtype=torch.float64), n))}

    assert against_torchrecurrent(lambda **s: MUT2(**s, raw_input=True), "MUT2", printed, I=H) < 1e-12


def test_mut2_with_a_matrix_is_the_gru_of_chung():
    """Rows z r n against r z n."""
    mut, gru = layer(MUT2), layer(GRU, reset="before", update="write", recurrent_bias=False)
    for name, parameter in gru.named_parameters():
        z, r, n = mut.get_parameter(name).chunk(3)
        parameter.data.copy_(torch.cat((r, z, n)))
    torch.testing.assert_close(mut(data())[0], gru(data())[0], rtol=1e-12, atol=1e-14)


def test_mgu1_is_mgu_whose_gate_has_no_weights_on_the_input():
    full, less = layer(MGU), layer(MGU1)
    full.weight_ih_l0.data[:H] = 0
    less.weight_ih_l0.data.copy_(full.weight_ih_l0[H:])
    less.weight_hh_l0.data.copy_(full.weight_hh_l0)
    less.bias_f_l0.data.copy_(full.bias_ih_l0[:H])
    less.bias_ih_l0.data.copy_(full.bias_ih_l0[H:])
    torch.testing.assert_close(less(data())[0], full(data())[0], rtol=1e-12, atol=1e-14)


def test_layer_norm_does_not_see_what_all_units_of_a_norm_share():
    """Gates and candidate have norms of their own: each may be moved by another vector."""
    ours = layer(LayerNormGRU)
    before = ours(data())[0]
    for weight in (ours.weight_ih_l0, ours.weight_hh_l0):
        for rows in (slice(0, 2 * H), slice(2 * H, None)):
            weight.data[rows] += torch.randn(weight.shape[1], dtype=torch.float64)
    torch.testing.assert_close(ours(data())[0], before, rtol=1e-10, atol=1e-12)


def test_li_gru_is_not_bounded():
    """ReLU candidate: with an open gate and no recurrence h' = relu(W x + b)."""
    ours = layer(LiGRU)
    ours.weight_hh_l0.data.zero_()
    ours.bias_ih_l0.data[:H] = -100.0
    x = 50 * data()
    expected = torch.relu(x @ ours.weight_ih_l0[H:].T + ours.bias_ih_l0[H:])
    torch.testing.assert_close(ours(x)[0], expected, rtol=1e-12, atol=1e-14)
    assert expected.max() > 1
