import math

import torch

from rnnbench.cells import LSTM, MILSTM, MIRNN, NAS, RNN, WMCLSTM
from rnnbench.layers import CellModule
from tests.cells.parity import against_torchrecurrent

I, H = 4, 5


def count(cell):
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


def test_parameter_count():
    assert count(MIRNN(88, 36)) == 36 * (88 + 36 + 3 + 1)
    assert count(MILSTM(88, 36)) == 4 * 36 * (88 + 36 + 3 + 1)
    assert count(WMCLSTM(88, 36)) == 4 * 36 * (88 + 36 + 1) + 3 * 36 * 36
    assert count(NAS(88, 36)) == 8 * 36 * (88 + 36 + 1)


def plain(step, cell):
    """The cell that the ``step`` of another becomes without its connections."""
    other = CellModule(cell)
    p = dict(step.named_parameters())
    bias = p.get("bias_mi", p.get("bias_ih"))
    other.load_state_dict(
        {"weight_ih": p["weight_ih"], "weight_hh": p["weight_hh"], "bias_ih": bias, "bias_hh": 0 * bias}
    )
    return other


def test_multiplicative_integration_without_the_product_is_none():
    """alpha = 0, both beta = 1."""
    x, h, c = torch.randn(3, I), torch.randn(3, H), torch.randn(3, H)
    step = CellModule(MIRNN(I, H, alpha=0.0, beta=1.0))
    torch.testing.assert_close(step(x, h), plain(step, RNN(I, H))(x, h))
    step = CellModule(MILSTM(I, H, alpha=0.0, beta=1.0))
    step.bias_mi.data.normal_()
    torch.testing.assert_close(step(x, (h, c)), plain(step, LSTM(I, H))(x, (h, c)))


def test_multiplicative_integration_weighs_input_and_state_apart():
    """alpha = 0: beta_x alone leaves tanh(W x + b), beta_h alone tanh(U h + b)."""
    step, x, h = CellModule(MIRNN(I, H, alpha=0.0)), torch.randn(3, I), torch.randn(3, H)
    for kept, shut, weight, value in (("beta_x", "beta_h", "weight_ih", x), ("beta_h", "beta_x", "weight_hh", h)):
        getattr(step, kept).data.fill_(1)
        getattr(step, shut).data.fill_(0)
        torch.testing.assert_close(step(x, h), torch.tanh(value @ getattr(step, weight).T))


def test_multiplicative_integration_is_symmetric_in_its_simple_form():
    """tanh(W x * U h): input and state may change places."""
    step = CellModule(MIRNN(H, H, alpha=1.0, beta=0.0))
    step.weight_ih.data.copy_(step.weight_hh.data)
    x, h = torch.randn(3, H), torch.randn(3, H)
    torch.testing.assert_close(step(x, h), step(h, x))


def test_working_memory_without_memory_weights_is_the_lstm():
    step = CellModule(WMCLSTM(I, H))
    step.weight_ch.data.zero_()
    x, states = torch.randn(3, I), (torch.randn(3, H), torch.randn(3, H))
    torch.testing.assert_close(step(x, states), plain(step, LSTM(I, H))(x, states))


def test_working_memory_equals_torchrecurrent():
    def weights(p):
        return {"weight_mh" if name == "weight_ch" else name: value for name, value in p.items()}

    assert against_torchrecurrent(WMCLSTM, "WMCLSTM", weights) < 1e-12


def test_nas_equals_torchrecurrent_where_block_3_is_silent():
    def weights(p):
        for value in p.values():
            value[3 * H : 4 * H] = 0
        return p

    assert against_torchrecurrent(NAS, "NAS", weights) < 1e-12


def test_nas_multiplies_in_block_3_unlike_torchrecurrent():
    """The authors' code has relu(x3 * u3); torchrecurrent 0.2.5 adds."""
    assert against_torchrecurrent(NAS, "NAS", dict) > 1e-3
