import math

import pytest
import torch

from rnnbench.cells import JANET, LSTMNP, LayerNormLSTM, MogrifierLSTM, MultiplicativeLSTM, PeepholeLSTM, ResidualLSTM
from rnnbench.layers import Recurrent
from tests.cells.parity import against_torchrecurrent, count

I, H = 4, 5


def layer(cell, **options):
    torch.manual_seed(0)
    return Recurrent(lambda **sizes: cell(**sizes, **options), I, H, dtype=torch.float64)


def data():
    return torch.randn(6, 2, I, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (JANET(88, 36), 2 * 36 * (88 + 36 + 1)),
        (LayerNormLSTM(88, 36), 4 * 36 * (88 + 36 + 3) + 2 * 36),
        (LayerNormLSTM(88, 36, bias=False), 4 * 36 * (88 + 36 + 2) + 36),
        (MultiplicativeLSTM(88, 36), 5 * 36 * (88 + 36) + 4 * 36),
        (MogrifierLSTM(88, 36, rounds=5), 4 * 36 * (88 + 36 + 1) + 5 * 88 * 36),
        (ResidualLSTM(88, 36), 4 * 36 * (88 + 36 + 1) + 3 * 36 + 36 * 36 + 36 * 88),
    ],
    ids=repr,
)
def test_parameter_count(cell, expected):
    assert count(cell) == expected


def test_layer_norm_does_not_see_what_all_units_share():
    """The same vector added to every row of a weight moves all sums alike, and the norm takes it away."""
    ours = layer(LayerNormLSTM)
    before = ours(data())[0]
    for weight in (ours.weight_ih_l0, ours.weight_hh_l0):
        weight.data += torch.randn(weight.shape[1], dtype=torch.float64)
    torch.testing.assert_close(ours(data())[0], before, rtol=1e-10, atol=1e-12)


def test_layer_norm_starts_with_gain_one_and_no_shift():
    ours = layer(LayerNormLSTM)
    assert all((p == name.startswith("gain")).all() for name, p in ours.named_parameters() if "weight" not in name)


def test_janet_equals_torchrecurrent():
    def weights(p):
        return p | {"beta": torch.tensor(0.7, dtype=torch.float64)}

    assert against_torchrecurrent(lambda **sizes: JANET(**sizes, beta=0.7), "JANET", weights) < 1e-12


def test_janet_chrono_start():
    """b_f = log(u), u uniform in 1..t_max-1: the mean of exp(b_f) is t_max / 2."""
    torch.manual_seed(0)
    ours = Recurrent(lambda **sizes: JANET(**sizes, t_max=100), 1, 4000)
    f, g = ours.bias_ih_l0.detach().chunk(2)
    assert f.exp().min() >= 1 - 1e-6
    assert f.exp().max() <= 99 + 1e-4
    assert abs(f.exp().mean() - 50) < 5 * 98 / math.sqrt(12 * 4000)
    assert (g == 0).all()


@pytest.mark.parametrize("options", [{"t_max": 2}, {"t_max": 10, "bias": False}])
def test_janet_refuses(options):
    with pytest.raises(ValueError, match=rf"^t_max={options['t_max']}: must be at least 3, with bias=True$"):
        JANET(3, 5, **options)


def test_multiplicative_equals_torchrecurrent():
    """Theirs has biases inside the product of input and state, which the paper has not."""

    def weights(p):
        bias = torch.cat((torch.zeros(H, dtype=torch.float64), p["bias_ih"]))
        return {"bias_ih": bias, **{name: p[name] for name in ("weight_ih", "weight_hh", "weight_mh")}}

    assert against_torchrecurrent(MultiplicativeLSTM, "MultiplicativeLSTM", weights) < 1e-12


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_mogrifier_with_zero_matrices_is_the_lstm(rounds):
    """2 sigmoid(0) = 1."""
    ours, plain = layer(MogrifierLSTM, rounds=rounds), layer(LSTMNP)
    plain.load_state_dict({name: ours.get_parameter(name) for name, _ in plain.named_parameters()})
    assert not torch.allclose(ours(data())[0], plain(data())[0])
    for name, parameter in ours.named_parameters():
        if name.startswith(("weight_q", "weight_r")):
            parameter.data.zero_()
    torch.testing.assert_close(ours(data())[0], plain(data())[0], rtol=1e-12, atol=1e-14)


def test_mogrifier_refuses_no_rounds():
    with pytest.raises(ValueError, match=r"^rounds=0: must be at least 1$"):
        MogrifierLSTM(3, 5, rounds=0)


def test_residual_with_the_identity_and_no_way_past_is_the_peephole_lstm():
    ours, plain = layer(ResidualLSTM), layer(PeepholeLSTM)
    ours.weight_p_l0.data.copy_(torch.eye(H))
    ours.weight_ih_l0.data[4 * H :] = 0
    rows = {name: ours.get_parameter(name)[: 4 * H] for name, _ in plain.named_parameters()}
    plain.load_state_dict(rows)
    torch.testing.assert_close(ours(data())[0], plain(data())[0], rtol=1e-12, atol=1e-14)


def test_residual_equals_torchrecurrent():
    def weights(p):
        given = {"weight_ih": p["weight_ih"][: 4 * H], "weight_res": p["weight_ih"][4 * H :]}
        given |= {"weight_proj": p["weight_p"], "weight_hh": p["weight_hh"], "bias_ih": p["bias_ih"]}
        return given | {"weight_ph": torch.cat([p[f"weight_c{gate}"] for gate in "ifo"])}

    assert against_torchrecurrent(ResidualLSTM, "ResLSTM", weights) < 1e-12
