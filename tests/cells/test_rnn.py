import math

import pytest
import torch

from rnnbench.cells import RNN
from rnnbench.layers import CellModule


@pytest.mark.parametrize(("bias", "expected"), [(True, 100 * (88 + 100 + 2)), (False, 100 * (88 + 100))])
def test_parameter_count(bias, expected):
    shapes = RNN(88, 100, bias=bias).parameter_shapes()
    assert sum(math.prod(shape) for shape in shapes.values()) == expected


def test_relu_is_piecewise_linear_and_tanh_is_bounded():
    x, steps = 50 * torch.randn(20, 3), {}
    for nonlinearity in ("tanh", "relu"):
        torch.manual_seed(0)
        steps[nonlinearity] = CellModule(RNN(3, 5, nonlinearity=nonlinearity))(x)
    assert (steps["relu"] >= 0).all()
    assert steps["relu"].max() > 1
    torch.testing.assert_close(torch.tanh(steps["relu"]), steps["tanh"].clamp_min(0))
