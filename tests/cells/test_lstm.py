import math
import re
from functools import partial

import pytest
import torch

from rnnbench.cells import LSTM, OriginalLSTM, TruncatedLSTM
from rnnbench.layers import CellModule, Recurrent


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


def test_parameter_count_of_1997():
    assert count(OriginalLSTM(88, 36)) == 3 * 36 * (88 + 36 + 1)
    # experiment 1: 264 weights with 4 blocks, of which 7 x 4 are the output's; the paper has no bias of the candidate
    assert count(OriginalLSTM(7, 4, gates_seen=True)) == 264 - 7 * 4 + 4


def test_gates_of_1997_open_one_after_another():
    torch.manual_seed(0)
    cell = OriginalLSTM(3, 4, init_range=0.1, input_bias=[-1, -3], output_bias=(-2.0, -4.0, -6.0, -8.0))
    assert hash(cell)
    params = dict(CellModule(cell).named_parameters())
    i, g, o = params["bias_ih"].detach().chunk(3)
    assert (i.tolist(), o.tolist()) == ([-1, -3, -1, -3], [-2, -4, -6, -8])
    drawn = torch.cat([g, *(params[name].detach().flatten() for name in ("weight_ih", "weight_hh"))])
    assert 0.08 < float(drawn.abs().max()) <= 0.1
    for options, message in (
        ({"init_range": 0.0}, "init_range=0.0: must be above 0"),
        ({"input_bias": [-1.0], "bias": False}, "input_bias=[-1.0]: needs bias=True and at least one value"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            OriginalLSTM(3, 4, **options)


def test_the_squashing_of_1997_reaches_twice_as_far():
    """With open gates and a large candidate: c' = c + 2 and h' = 2 sigmoid(c') - 1."""
    step = CellModule(OriginalLSTM(3, 5))
    for name, parameter in step.named_parameters():
        parameter.data.fill_(0.0 if "weight" in name else 100.0)
    h, c = step(torch.zeros(1, 3), (torch.zeros(1, 5), torch.full((1, 5), -0.5)))
    assert torch.allclose(c, torch.tensor(1.5))
    assert torch.allclose(h, 2 * torch.sigmoid(torch.tensor(1.5)) - 1)


def test_the_truncated_gradient_is_that_of_the_memory_with_every_old_output_held_fixed():
    """Outputs as without truncation; the gradient as if the old h of every step were data."""
    torch.manual_seed(0)
    truncated = Recurrent(TruncatedLSTM, 3, 5, dtype=torch.float64)
    whole = Recurrent(OriginalLSTM, 3, 5, dtype=torch.float64)
    whole.load_state_dict(truncated.state_dict())
    x_TBI = torch.randn(6, 2, 3, dtype=torch.float64, requires_grad=True)
    out_TBH, _ = truncated(x_TBI)
    torch.testing.assert_close(out_TBH, whole(x_TBI)[0], rtol=1e-12, atol=1e-14)

    weight = torch.cat((truncated.weight_ih_l0, truncated.weight_hh_l0), 1)
    old_TBH = torch.cat((torch.zeros(1, 2, 5), out_TBH[:-1])).detach()
    i, g, o = (torch.cat((x_TBI, old_TBH), -1) @ weight.T + truncated.bias_ih_l0).chunk(3, -1)
    memory_TBH = (torch.sigmoid(i) * (4 * torch.sigmoid(g) - 2)).cumsum(0)
    expected_TBH = torch.sigmoid(o) * (2 * torch.sigmoid(memory_TBH) - 1)
    torch.testing.assert_close(out_TBH, expected_TBH, rtol=1e-12, atol=1e-14)
    inputs = (x_TBI, truncated.weight_ih_l0, truncated.weight_hh_l0, truncated.bias_ih_l0)
    seen = torch.autograd.grad(out_TBH.square().sum(), inputs)
    expected = torch.autograd.grad(expected_TBH.square().sum(), inputs)
    for a, b in zip(seen, expected):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-13)
    assert not torch.allclose(seen[0], torch.autograd.grad(whole(x_TBI)[0].square().sum(), x_TBI)[0])


def test_gates_of_before_are_data_to_the_truncated_gradient():
    torch.manual_seed(0)
    layer = Recurrent(partial(TruncatedLSTM, gates_seen=True), 3, 5, dtype=torch.float64)
    x_TBI = torch.randn(6, 2, 3, dtype=torch.float64)
    out_TBH, _ = layer(x_TBI)
    weight = torch.cat((layer.weight_ih_l0, layer.weight_hh_l0, layer.weight_qh_l0), 1)
    h_BH, c_BH, q_BQ, expected = torch.zeros(2, 5).double(), torch.zeros(2, 5).double(), torch.zeros(2, 10).double(), []
    for x_BI in x_TBI:
        sums_BG = torch.cat((x_BI, h_BH.detach(), q_BQ.detach()), -1) @ weight.T + layer.bias_ih_l0
        i, g, o = sums_BG.chunk(3, -1)
        i, o = torch.sigmoid(i), torch.sigmoid(o)
        c_BH = c_BH + i * (4 * torch.sigmoid(g) - 2)
        h_BH, q_BQ = o * (2 * torch.sigmoid(c_BH) - 1), torch.cat((i, o), -1)
        expected.append(h_BH)
    torch.testing.assert_close(out_TBH, torch.stack(expected), rtol=1e-12, atol=1e-14)
    wanted = torch.autograd.grad(torch.stack(expected).square().sum(), list(layer.parameters()))
    for a, b in zip(torch.autograd.grad(out_TBH.square().sum(), list(layer.parameters())), wanted):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-13)
