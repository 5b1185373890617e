import pytest
import torch

from rnnbench import cells
from rnnbench.cells import LSTM, LSTMCIFG, LSTMFGR, LSTMNP, OriginalLSTM, PeepholeLSTM
from rnnbench.layers import Recurrent
from tests.cells.parity import against_torchrecurrent, count

I, H = 4, 5


def layer(cell, **options):
    torch.manual_seed(0)
    return Recurrent(lambda **sizes: cell(**sizes, **options), I, H, dtype=torch.float64)


def data():
    return torch.randn(6, 2, I, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "gates", "peepholes"),
    [
        ("PeepholeLSTM", 4, 3),
        ("LSTMNIG", 3, 2),
        ("LSTMNFG", 3, 2),
        ("LSTMNOG", 3, 2),
        ("LSTMNIAF", 4, 3),
        ("LSTMNOAF", 4, 3),
        ("LSTMCIFG", 3, 2),
        ("LSTMNP", 4, 0),
        ("LSTMf", 3, 0),
        ("LSTMi", 3, 0),
        ("LSTMo", 3, 0),
    ],
)
def test_parameter_count(name, gates, peepholes):
    assert count(getattr(cells, name)(88, 36)) == gates * 36 * (88 + 36 + 1) + peepholes * 36


def test_parameter_count_of_full_gate_recurrence():
    """Greff et al. add nine matrices."""
    assert count(LSTMFGR(88, 36)) == count(PeepholeLSTM(88, 36)) + 9 * 36**2


@pytest.mark.parametrize("name", ["LSTMNIG", "LSTMNFG", "LSTMNOG", "LSTMi", "LSTMf", "LSTMo"])
def test_without_a_gate_is_with_the_gate_open(name):
    """A gate whose bias is large and whose weights are 0 is 1."""
    full = layer(PeepholeLSTM if name.isupper() else LSTMNP)
    less = layer(getattr(cells, name))
    gates = less.cells[0].gates
    (missing,) = set("ifgo") - set(gates)
    for k, gate in enumerate("ifgo"):
        for theirs in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"):
            block = getattr(full, theirs).data[k * H : (k + 1) * H]
            if gate == missing:
                block.fill_(100.0 if "bias" in theirs else 0.0)
            else:
                at = gates.index(gate) * H
                getattr(less, theirs).data[at : at + H] = block
    for vector in full.cells[0].vectors:
        if vector in less.cells[0].vectors:
            getattr(less, f"{vector}_l0").data.copy_(getattr(full, f"{vector}_l0"))
        else:
            getattr(full, f"{vector}_l0").data.zero_()
    torch.testing.assert_close(less(data())[0], full(data())[0], rtol=1e-12, atol=1e-14)


def test_without_peepholes_it_is_the_lstm_of_torch():
    ours = layer(LSTMNP)
    torchs = torch.nn.LSTM(I, H, dtype=torch.float64)
    torchs.load_state_dict({**ours.state_dict(), "bias_hh_l0": torch.zeros(4 * H)})
    torch.testing.assert_close(ours(data())[0], torchs(data())[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("cell", [PeepholeLSTM, LSTMFGR])
def test_with_zero_peepholes_and_no_gate_recurrence_it_is_the_lstm(cell):
    ours, plain = layer(cell), layer(LSTMNP)
    plain.load_state_dict({name: ours.get_parameter(name) for name, _ in plain.named_parameters()})
    assert not torch.allclose(ours(data())[0], plain(data())[0])
    for name in ("weight_ci_l0", "weight_cf_l0", "weight_co_l0", "weight_qq_l0"):
        if hasattr(ours, name):
            ours.get_parameter(name).data.zero_()
    torch.testing.assert_close(ours(data())[0], plain(data())[0], rtol=1e-12, atol=1e-14)


def test_coupled_gates_keep_the_memory_between_minus_one_and_one():
    """c' = (1 - i) c + i tanh(g): a mean of two numbers in -1..1, where LSTM's memory may grow."""
    ours = layer(LSTMCIFG)
    ours.bias_ih_l0.data[H : 2 * H] = 50.0
    _, (_, c) = ours(data().repeat(20, 1, 1))
    assert 0.99 < c.abs().max() <= 1


def peepholes(p):
    return torch.cat((p["weight_ci"], p["weight_cf"], p["weight_co"]))


def test_equals_torchrecurrent():
    def weights(p):
        return {name: p[name] for name in ("weight_ih", "weight_hh", "bias_ih")} | {"weight_ph": peepholes(p)}

    assert against_torchrecurrent(PeepholeLSTM, "PeepholeLSTM", weights) < 1e-12


def test_lstm_f_is_the_original_one_of_torchrecurrent_and_ours_with_tanh():
    """Their OriginalLSTM squashes with tanh; the paper of 1997 has 4 sigmoid(x) - 2 and 2 sigmoid(x) - 1."""
    for cell in (cells.LSTMf, lambda **sizes: OriginalLSTM(**sizes, squash="tanh")):
        assert against_torchrecurrent(cell, "OriginalLSTM", dict) < 1e-12
    assert against_torchrecurrent(OriginalLSTM, "OriginalLSTM", dict) > 1e-3


def test_forget_bias():
    assert (layer(PeepholeLSTM, forget_bias=2.0).bias_ih_l0[H : 2 * H] == 2).all()
    assert not (layer(LSTM).bias_ih_l0[H : 2 * H] == 2).any()
    with pytest.raises(ValueError, match=r"^forget_bias=1.0: needs bias=True$"):
        PeepholeLSTM(3, 5, bias=False, forget_bias=1.0)
