import math

import pytest
import torch
import torchrecurrent

from rnnbench.cells import RNN, SCRN, ClockworkRNN, TauGRU
from rnnbench.layers import CellModule, Recurrent
from tests.cells.parity import against_torchrecurrent


def count(cell):
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


def test_parameter_count():
    """The paper's SCRN of 100 hidden and 40 context units; the triangle of the Clockwork RNN."""
    assert count(SCRN(88, 100, context_size=40, bias=False)) == 88 * (100 + 40) + 100 * (100 + 40)
    assert count(SCRN(88, 100, context_size=40, learned=True)) == (88 + 1) * 140 + 100 * 140 + 40
    assert count(ClockworkRNN(3, 12)) == 12 * (3 + 1) + 3 * (12 + 9 + 6 + 3)
    assert count(TauGRU(88, 36)) == 4 * 36 * (88 + 36 + 1)


def test_state_and_output_sizes():
    assert (SCRN(3, 5, context_size=2).state, SCRN(3, 5, context_size=2).output_size) == ({"h": 5, "s": 2}, 7)
    assert ClockworkRNN(3, 6).sizes == (2, 2, 1, 1)
    assert TauGRU(3, 5, delay=4).state == {"h": 5, "past": 20}


def test_scrn_context_is_a_moving_average():
    """For a constant input s_t = (1 - alpha^t) B x."""
    torch.manual_seed(0)
    layer = Recurrent(lambda **sizes: SCRN(**sizes, alpha=0.8, context_size=2), 3, 5, bias=False, dtype=torch.float64)
    x_TBI = torch.randn(1, 4, 3, dtype=torch.float64).expand(7, 4, 3)
    out, (h, s) = layer(x_TBI)
    torch.testing.assert_close(s[0], (1 - 0.8**7) * x_TBI[0] @ layer.weight_ih_l0[:2].T)
    assert torch.equal(out[-1], torch.cat((h[0], s[0]), -1))


def test_scrn_learned_decay_starts_at_alpha():
    steps = [CellModule(SCRN(3, 5, alpha=0.9, learned=learned)) for learned in (False, True)]
    steps[1].load_state_dict(steps[0].state_dict(), strict=False)
    for one, other in zip(*(step(torch.ones(3), (torch.ones(5), torch.ones(5))) for step in steps)):
        torch.testing.assert_close(one, other)


def test_scrn_beside_torchrecurrent():
    """Theirs feeds back tanh(U h + V s), an output, for h. From zero, with U = 1 and V = 0, one step agrees."""
    torch.manual_seed(0)
    ours = Recurrent(lambda **sizes: SCRN(**sizes, alpha=0.7), 3, 5, dtype=torch.float64)
    theirs = torchrecurrent.SCRN(3, 5, alpha=0.7, dtype=torch.float64)
    known = dict(theirs.named_parameters())
    R, P = ours.weight_hh_l0.detach().chunk(2, 1)
    given = {"weight_hh": torch.cat((R, torch.eye(5))), "weight_ch": torch.cat((P, 0 * P))}
    given |= {"weight_ih": ours.weight_ih_l0.detach(), "bias_ih": ours.bias_ih_l0.detach()}
    for name, value in given.items():
        known["cells.0." + name].data = value.double()
    x_TBI = torch.randn(2, 4, 3, dtype=torch.float64)
    out, expected = ours(x_TBI)[0][..., :5].detach(), theirs(x_TBI)[0].detach()
    torch.testing.assert_close(out[0].tanh(), expected[0], rtol=1e-7, atol=1e-7)
    assert (out[1].tanh() - expected[1]).abs().max() > 1e-3


def test_clockwork_of_one_period_is_elman():
    torch.manual_seed(0)
    clock = CellModule(ClockworkRNN(3, 5, periods=(1,)))
    elman = CellModule(RNN(3, 5))
    own = {"weight_ih": clock.weight_ih, "weight_hh": clock.weight_hh_0, "bias_ih": clock.bias_ih}
    elman.load_state_dict(own | {"bias_hh": torch.zeros(5)})
    x, h = torch.randn(4, 3), torch.randn(4, 5)
    torch.testing.assert_close(clock(x, (h, torch.full((4, 1), 7.0)))[0], elman(x, h))


def test_clockwork_modules_keep_time():
    """Modules of 1, 2 and 4 steps change at the steps that these divide, and nowhere else."""
    layer = Recurrent(lambda **sizes: ClockworkRNN(**sizes, periods=(1, 2, 4)), 3, 6)
    out_TBH, (_, t) = layer(torch.randn(9, 1, 3))
    before = torch.cat((torch.zeros(1, 1, 6), out_TBH[:-1]))
    changed = (out_TBH != before)[:, 0, ::2].tolist()
    assert changed == [[True, step % 2 == 0, step % 4 == 0] for step in range(9)]
    assert t.item() == 9 % 4


def test_clockwork_slow_modules_do_not_see_fast_ones():
    step = CellModule(ClockworkRNN(3, 6, periods=(1, 2, 4)))
    x, t = torch.randn(3), torch.zeros(1)
    jacobian = torch.autograd.functional.jacobian(lambda h: step(x, (h, t))[0], torch.randn(6))
    assert (jacobian[2:, :2] == 0).all()
    assert (jacobian[4:, :4] == 0).all()
    assert (jacobian[:2] != 0).all()


def test_taugru_equals_torchrecurrent():
    def weights(p):
        def ordered(t):
            z, u, g, a = t.split(5)
            return torch.cat((u, z, g, a))

        return {name: ordered(value) for name, value in p.items()}

    assert against_torchrecurrent(lambda **sizes: TauGRU(**sizes, delay=3), "tauGRU", weights, delay=3) < 1e-12


@pytest.mark.parametrize(
    ("cell", "options", "message"),
    [
        (SCRN, {"alpha": 1.0}, "alpha=1.0: must be between 0 and 1"),
        (SCRN, {"context_size": 0}, "context_size=0: must be at least 1, or None"),
        (ClockworkRNN, {"periods": [2, 1]}, "periods=[2, 1]: must be 1 to hidden_size=5 rising integers of at least 1"),
        (ClockworkRNN, {"periods": []}, "periods=[]: must be 1 to hidden_size=5 rising integers of at least 1"),
        (TauGRU, {"delay": 0}, "delay=0: must be at least 1"),
    ],
)
def test_refused_options(cell, options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        cell(3, 5, **options)
    assert str(error.value) == message
