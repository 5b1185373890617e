import math

import torch

from rnnbench.cells import LEM, CoRNN, UnICORNN
from rnnbench.layers import CellModule
from tests.cells.parity import against_torchrecurrent


def count(cell):
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


def silent(cell):
    """The cell with all weights 0 but UnICORNN's control."""
    step = CellModule(cell, dtype=torch.float64)
    for name, parameter in step.named_parameters():
        if name != "control":
            parameter.data.zero_()
    return step


def test_parameter_count():
    I, H = 88, 36
    assert count(CoRNN(I, H)) == H * (I + 2 * H + 1)
    assert count(UnICORNN(I, H)) == H * (I + 3)
    assert count(LEM(I, H)) == 4 * H * (I + H + 1)


def test_cornn_rings_at_its_frequency():
    """Without force and damping, y'' = -gamma y: after half a period of 2 pi / sqrt(gamma), y has changed sign."""
    step, x = silent(CoRNN(3, 5, dt=1e-3, gamma=4.0, epsilon=0.0)), torch.zeros(1, 3, dtype=torch.float64)
    y, z = torch.ones(1, 5, dtype=torch.float64), torch.zeros(1, 5, dtype=torch.float64)
    for _ in range(round(math.pi / 2 / 1e-3)):
        y, z = step(x, (y, z))
    torch.testing.assert_close(y.detach(), -torch.ones(1, 5, dtype=torch.float64), rtol=0, atol=3e-3)


def test_cornn_dampings_agree_for_small_steps_alone():
    x, states = torch.randn(4, 3, dtype=torch.float64), [torch.randn(4, 5, dtype=torch.float64) for _ in range(2)]

    def difference(dt, epsilon):
        steps = []
        for damping in ("explicit", "implicit"):
            torch.manual_seed(0)
            steps.append(CellModule(CoRNN(3, 5, damping=damping, dt=dt, epsilon=epsilon), dtype=torch.float64))
        return (steps[0](x, tuple(states))[1] - steps[1](x, tuple(states))[1]).abs().max()

    assert difference(0.1, 0.0) < 1e-15
    assert 90 < difference(1e-3, 4.0) / difference(1e-4, 4.0) < 110


def test_unicornn_keeps_its_energy():
    """The symplectic step of an unforced oscillator keeps z^2 + alpha y^2 - s alpha y z."""
    step, x = silent(UnICORNN(3, 5, alpha=2.0, dt=0.3)), torch.zeros(1, 3, dtype=torch.float64)
    y, z = (torch.randn(1, 5, dtype=torch.float64) for _ in range(2))
    s = 0.3 * torch.sigmoid(step.control.detach())

    def energy(y, z):
        return (z * z + 2.0 * y * y - s * 2.0 * y * z).detach()

    before = energy(y, z)
    for _ in range(100):
        y, z = step(x, (y, z))
    torch.testing.assert_close(energy(y, z), before)


def test_unicornn_draws_as_the_paper():
    step = CellModule(UnICORNN(3, 1000))
    assert 0 <= step.vector_hh.min() < 0.01
    assert 0.99 < step.vector_hh.max() <= 1
    assert 0.09 < step.control.abs().max() <= 0.1


def test_cornn_equals_torchrecurrent():
    options = {"dt": 0.3, "gamma": 0.7, "epsilon": 0.4}

    def weights(p):
        W_y, W_z = p["weight_hh"].chunk(2, 1)
        return {"weight_ih": p["weight_ih"], "bias_ih": p["bias_ih"], "weight_hh": W_y, "weight_ch": W_z}

    assert against_torchrecurrent(lambda **sizes: CoRNN(**sizes, **options), "coRNN", weights, **options) < 1e-12


def test_unicornn_equals_torchrecurrent():
    options = {"dt": 0.3, "alpha": 0.7}

    def weights(p):
        own = {"weight_hh": p["vector_hh"], "weight_ch": p["control"]}
        return own | {"weight_ih": p["weight_ih"], "bias_ih": p["bias_ih"]}

    assert against_torchrecurrent(lambda **sizes: UnICORNN(**sizes, **options), "UnICORNN", weights, **options) < 1e-12


def lem_for_torchrecurrent(p, d_bias=None):
    """Theirs calls the first block the step of y, the second that of z."""
    if d_bias is not None:
        p["bias_ih"][:5] = d_bias

    def swapped(t):
        d, e, *others = t.split(5)
        return torch.cat((e, d, *others))

    given = {name: swapped(p[name]) for name in ("weight_ih", "weight_hh", "bias_ih")}
    return given | {"weight_ch": p["weight_zy"]}


def test_lem_equals_torchrecurrent_where_z_stands_still():
    assert against_torchrecurrent(LEM, "LEM", lambda p: lem_for_torchrecurrent(p, d_bias=-1e3)) < 1e-12


def test_lem_sees_the_new_z_unlike_torchrecurrent():
    """The paper's y_n is made of z_n; theirs, in version 0.2.5, of z_(n-1), against its own documentation."""
    assert against_torchrecurrent(LEM, "LEM", lem_for_torchrecurrent) > 1e-3
