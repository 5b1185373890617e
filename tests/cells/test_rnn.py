import math

import pytest
import torch

from rnnbench.cells import IRNN, RNN, IndRNN, LeakyRNN
from rnnbench.layers import CellModule
from tests.cells.parity import against_torchrecurrent


def count(cell):
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


@pytest.mark.parametrize(("bias", "expected"), [(True, 100 * (88 + 100 + 2)), (False, 100 * (88 + 100))])
def test_parameter_count(bias, expected):
    for cell in (RNN, IRNN, LeakyRNN):
        assert count(cell(88, 100, bias=bias)) == expected
    assert count(IndRNN(88, 100, bias=bias)) == 100 * (88 + 1 + bias)


def test_relu_is_piecewise_linear_and_tanh_is_bounded():
    x, steps = 50 * torch.randn(20, 3), {}
    for nonlinearity in ("tanh", "relu"):
        torch.manual_seed(0)
        steps[nonlinearity] = CellModule(RNN(3, 5, nonlinearity=nonlinearity))(x)
    assert (steps["relu"] >= 0).all()
    assert steps["relu"].max() > 1
    torch.testing.assert_close(torch.tanh(steps["relu"]), steps["tanh"].clamp_min(0))


def test_irnn_starts_as_the_scaled_identity():
    for scale in (1.0, 0.5):
        step, h = CellModule(IRNN(3, 5, scale=scale)), torch.randn(4, 5)
        assert torch.equal(step(torch.zeros(4, 3), h), (scale * h).clamp_min(0))


def test_irnn_draws_small_input_weights():
    weight = CellModule(IRNN(300, 300)).weight_ih
    assert 0.00098 < weight.std() < 0.00102


def test_a_leak_of_one_is_elman_and_a_small_one_keeps():
    x, h = torch.randn(4, 3), torch.randn(4, 5)
    steps = [CellModule(cell) for cell in (RNN(3, 5), LeakyRNN(3, 5, leak=1.0), LeakyRNN(3, 5, leak=1e-9))]
    for step in steps:
        step.load_state_dict(steps[0].state_dict())
    assert torch.equal(steps[0](x, h), steps[1](x, h))
    torch.testing.assert_close(steps[2](x, h), h)


def test_indrnn_units_do_not_see_each_other():
    step, x = CellModule(IndRNN(3, 5, nonlinearity="tanh")), torch.randn(3)
    jacobian = torch.autograd.functional.jacobian(lambda h: step(x, h), torch.randn(5))
    assert torch.equal(jacobian, torch.diag(jacobian.diagonal()))
    assert (jacobian.diagonal() != 0).all()


def test_indrnn_draws_up_to_the_largest():
    u = CellModule(IndRNN(3, 1000, largest=1.02)).vector_hh
    assert u.min() >= 0
    assert 1.0 < u.max() <= 1.02


def test_indrnn_equals_torchrecurrent():
    def weights(p):
        return {"weight_ih": p["weight_ih"], "bias_ih": p["bias_ih"], "vector_u": p["vector_hh"]}

    assert against_torchrecurrent(lambda **sizes: IndRNN(**sizes, nonlinearity="tanh"), "IndRNN", weights) < 1e-12


@pytest.mark.parametrize("leak", [0.0, 1.5])
def test_refused_leak(leak):
    with pytest.raises(ValueError, match=rf"^leak={leak}: must be greater than 0 and at most 1$"):
        LeakyRNN(3, 5, leak=leak)
