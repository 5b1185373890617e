import math

import pytest
import torch

from rnnbench.cells import RHN, SGRN, IntersectionRNN
from rnnbench.layers import CellModule, Recurrent
from tests.cells.parity import against_torchrecurrent


def count(cell):
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


def test_parameter_count():
    I, H = 88, 36
    for depth in (1, 5):
        assert count(RHN(I, H, depth=depth)) == 2 * H * I + depth * 2 * H * (H + 1)
        assert count(RHN(I, H, depth=depth, coupled=False)) == 3 * H * I + depth * 3 * H * (H + 1)
    assert count(IntersectionRNN(H, H)) == 4 * H * (H + H + 1)
    assert count(SGRN(I, H)) == H * (I + H + 1)


def test_rhn_carries_where_nothing_is_transformed():
    x, h = torch.randn(4, 3), torch.randn(4, 5)
    step = CellModule(RHN(3, 5, depth=4, transform_bias=-1e3))
    assert torch.equal(step(x, h), h)
    assert not torch.allclose(CellModule(RHN(3, 5, depth=4))(x, h), h)


def test_rhn_transform_bias_is_that_of_t_alone():
    bias = CellModule(RHN(3, 5, depth=2, coupled=False, transform_bias=-2.0)).bias_hh.view(2, 3, 5)
    assert (bias[:, 1] == -2).all()
    assert (bias[:, [0, 2]].abs() < 1).all()


def test_rhn_uncoupled_equals_coupled_where_the_gates_are_complements():
    """sigmoid(-a) = 1 - sigmoid(a)."""
    coupled, free = CellModule(RHN(3, 5, depth=2)), CellModule(RHN(3, 5, depth=2, coupled=False))

    def with_carry(t, layers):
        return torch.cat([torch.cat((n, t, -t)) for n, t in (one.chunk(2) for one in t.chunk(layers))])

    own = dict(coupled.named_parameters())
    layers = {"weight_ih": 1, "weight_hh": 2, "bias_hh": 2}
    free.load_state_dict({name: with_carry(own[name], layers[name]) for name in own})
    x, h = torch.randn(4, 3), torch.randn(4, 5)
    torch.testing.assert_close(coupled(x, h), free(x, h))


def test_intersection_passes_input_and_state_on_where_its_gates_are_open():
    layer = Recurrent(lambda **sizes: IntersectionRNN(**sizes, gate_bias=1e3), 5, 5)
    x, h = torch.randn(6, 2, 5), torch.randn(1, 2, 5)
    out, final = layer(x, h)
    torch.testing.assert_close(out, x)
    torch.testing.assert_close(final, h)


def test_intersection_equals_torchrecurrent():
    assert against_torchrecurrent(IntersectionRNN, "IntersectionRNN", dict, I=5) < 1e-12


def test_sgrn_equals_torchrecurrent():
    assert against_torchrecurrent(SGRN, "SGRN", dict) < 1e-12


@pytest.mark.parametrize(
    ("cell", "options", "message"),
    [
        (RHN, {"depth": 0}, "depth=0: must be at least 1"),
        (RHN, {"transform_bias": 1.0, "bias": False}, "transform_bias=1.0: needs bias=True"),
        (IntersectionRNN, {"input_size": 5, "gate_bias": 1.0, "bias": False}, "gate_bias=1.0: needs bias=True"),
        (IntersectionRNN, {}, "IntersectionRNN passes its input on: input_size=3, hidden_size=5 must be equal"),
    ],
)
def test_refused_options(cell, options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        cell(**{"input_size": 3, "hidden_size": 5} | options)
    assert str(error.value) == message
