import math

import pytest
import torch

from rnnbench.cells import LSTM
from rnnbench.layers import CellModule


def count(cell):
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


@pytest.mark.parametrize(("I", "H"), [(3, 5), (88, 36)])
def test_parameter_count(I, H):
    assert count(LSTM(I, H)) == 4 * H * (I + H + 2)
    assert count(LSTM(I, H, bias=False)) == 4 * H * (I + H)
    assert count(LSTM(I, H, proj_size=2)) == 4 * H * (I + 2 + 2) + 2 * H


def test_state_sizes():
    assert LSTM(3, 5).state == {"h": 5, "c": 5}
    projected = LSTM(3, 5, proj_size=2)
    assert (projected.state, projected.state_size, projected.output_size) == ({"h": 2, "c": 5}, 7, 2)


def test_forget_bias_is_the_whole_bias_and_draws_nothing():
    def drawn(cell):
        params = {name: torch.empty(shape) for name, shape in cell.parameter_shapes().items()}
        torch.manual_seed(0)
        cell.reset_parameters(params)
        return params

    plain, raised = drawn(LSTM(3, 5)), drawn(LSTM(3, 5, forget_bias=1.5))
    total = raised["bias_ih"] + raised["bias_hh"]
    assert (total[5:10] == 1.5).all()
    for name, values in plain.items():
        others = torch.ones(len(values), dtype=torch.bool)
        others[5:10] = "weight" in name
        assert torch.equal(values[others], raised[name][others])


def test_forget_gate_opens_with_its_bias():
    """With all else zero: c' = sigmoid(b) c and h' = tanh(c') / 2."""
    step = CellModule(LSTM(3, 5, forget_bias=2.0))
    with torch.no_grad():
        for name, parameter in step.named_parameters():
            parameter.copy_(parameter * 0 if "weight" in name else parameter.where(parameter == 2.0, 0))
    h, c = step(torch.randn(4, 3), (torch.randn(4, 5), torch.full((4, 5), 0.7)))
    assert torch.allclose(c, torch.full((4, 5), 0.7 / (1 + math.exp(-2.0))))
    assert torch.allclose(h, 0.5 * torch.tanh(c))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proj_size": 5}, "proj_size=5: must be in 0..hidden_size-1=4"),
        ({"proj_size": -1}, "proj_size=-1: must be in 0..hidden_size-1=4"),
        ({"forget_bias": 1.0, "bias": False}, "forget_bias=1.0: needs bias=True"),
    ],
)
def test_refused_options(options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        LSTM(3, 5, **options)
    assert str(error.value) == message
