import math

import pytest
import torch

from rnnbench.cells import AntisymmetricRNN, GatedAntisymmetricRNN, LipschitzRNN
from rnnbench.cells.antisymmetric import skew
from rnnbench.layers import CellModule
from tests.cells.parity import against_torchrecurrent


def count(cell):
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


def prepared(step):
    return step.cell.prepare(dict(step.named_parameters()))["weight_hh"].detach()


def test_parameter_count():
    """The paper's network of 128 units on one pixel a step: 10,000 parameters with its head of 10 classes."""
    assert count(AntisymmetricRNN(1, 128)) == 128 * 127 // 2 + 128 + 128
    assert round((count(AntisymmetricRNN(1, 128)) + 129 * 10) / 1000) == 10
    assert count(GatedAntisymmetricRNN(1, 128)) == 128 * 127 // 2 + 2 * (128 + 128)
    assert count(LipschitzRNN(7, 11)) == 11 * (7 + 2 * 11 + 1)


def test_skew_is_row_by_row():
    expected = [[0, 1, 2, 3], [-1, 0, 4, 5], [-2, -4, 0, 6], [-3, -5, -6, 0]]
    assert skew(torch.arange(1.0, 7), 4).tolist() == expected
    assert skew(torch.ones(0), 1).tolist() == [[0]]


def test_eigenvalues_lie_on_the_line_of_gamma():
    step = CellModule(AntisymmetricRNN(3, 6, gamma=0.3), dtype=torch.float64)
    eigenvalues = torch.linalg.eigvals(prepared(step))
    torch.testing.assert_close(eigenvalues.real, torch.full((6,), -0.3, dtype=torch.float64))
    assert eigenvalues.imag.abs().max() > 0.1


@pytest.mark.parametrize("cell", [AntisymmetricRNN, GatedAntisymmetricRNN])
def test_equals_torchrecurrent(cell):
    """Theirs subtracts its own transpose from a full matrix."""
    options = {"epsilon": 0.4, "gamma": 0.2}

    def weights(p):
        return {"weight_ih": p["weight_ih"], "bias_ih": p["bias_ih"], "weight_hh": skew(p["skew_hh"], 5).triu()}

    assert against_torchrecurrent(lambda **sizes: cell(**sizes, **options), cell.__name__, weights, **options) < 1e-12


def test_lipschitz_without_linear_part_is_antisymmetric():
    """A = 0, beta = 1."""
    ours = CellModule(LipschitzRNN(3, 5, epsilon=0.4, beta=1.0, gamma_A=0.0, gamma_W=0.2), dtype=torch.float64)
    other = CellModule(AntisymmetricRNN(3, 5, epsilon=0.4, gamma=0.2), dtype=torch.float64)
    W = skew(other.skew_hh.detach(), 5).triu()
    given = {"weight_ih": other.weight_ih, "bias_ih": other.bias_ih, "weight_hh": torch.cat((torch.zeros_like(W), W))}
    ours.load_state_dict(given)
    x, h = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    torch.testing.assert_close(ours(x, h), other(x, h))


def test_lipschitz_of_half_beta_is_free():
    step = CellModule(LipschitzRNN(3, 4, beta=0.5, gamma_A=0.0, gamma_W=0.0))
    assert torch.equal(prepared(step), step.weight_hh)


@pytest.mark.parametrize("beta", [0.4, 1.1])
def test_refused_beta(beta):
    with pytest.raises(ValueError, match=rf"^beta={beta}: must be in 0.5..1$"):
        LipschitzRNN(3, 5, beta=beta)
