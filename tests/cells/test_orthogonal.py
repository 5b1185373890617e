import math

import pytest
import torch

from rnnbench.cells import URNN, ExpRNN, ScoRNN
from rnnbench.layers import CellModule


def count(cell):
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


def matrix(cell, scale=1.0):
    """weight_hh of random parameters."""
    step = CellModule(cell, dtype=torch.float64)
    params = {name: scale * torch.randn_like(p) for name, p in step.named_parameters()}
    return cell.prepare(params)["weight_hh"]


def test_parameter_count():
    I, H = 7, 12
    for cell in (ExpRNN(I, H), ScoRNN(I, H)):
        assert count(cell) == H * I + H * (H - 1) // 2 + H
    assert count(URNN(I, H)) == 2 * H * I + 7 * H + H


@pytest.mark.parametrize(
    ("cell", "determinant"),
    [(ExpRNN(3, 6), 1), (ScoRNN(3, 6, negative=0.5), -1), (ScoRNN(3, 6, negative=0.0), 1), (URNN(3, 6), 1)],
    ids=str,
)
def test_matrix_is_orthogonal(cell, determinant):
    Q = matrix(cell)
    torch.testing.assert_close(Q @ Q.T, torch.eye(len(Q), dtype=Q.dtype))
    assert torch.det(Q).item() == pytest.approx(determinant)


def test_the_unitary_matrix_is_one_of_complex_numbers():
    """It commutes with the multiplication by i."""
    U, one = matrix(URNN(3, 6)), torch.eye(6, dtype=torch.float64)
    i = torch.cat((torch.cat((0 * one, -one), 1), torch.cat((one, 0 * one), 1)))
    torch.testing.assert_close(U @ i, i @ U)


def test_a_rotation_of_the_plane():
    """Two units: exp turns by the angle, Cayley by -2 arctan of it."""
    for cell, angle in ((ExpRNN(1, 2), 0.7), (ScoRNN(1, 2, negative=0.0), -2 * math.atan(0.7))):
        Q = cell.prepare({"skew_hh": torch.tensor([0.7]), "weight_ih": torch.zeros(2, 1)})["weight_hh"]
        expected = [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        torch.testing.assert_close(Q, torch.tensor(expected))


@pytest.mark.parametrize("cell", [ExpRNN(3, 7), ScoRNN(3, 7)], ids=str)
def test_starts_as_rotations_in_planes(cell):
    A_entries = CellModule(cell).skew_hh.detach()
    pairs = {sum(6 - row for row in range(i)) for i in (0, 2, 4)}
    assert {int(i) for i in A_entries.nonzero()} == pairs


def test_modrelu_is_dead_inside_the_threshold_and_keeps_the_sign_outside():
    step = CellModule(ExpRNN(3, 3))
    step.weight_ih.data, step.threshold.data = torch.eye(3), torch.tensor([-1.0, -1.0, 0.5])
    assert step(torch.tensor([0.9, -3.0, -2.0])).tolist() == [0, -2, -2.5]
    unitary = CellModule(URNN(4, 2))
    unitary.weight_ih.data, unitary.threshold.data = torch.eye(4), torch.tensor([-6.0, -2.5])
    # 3 + 4i and 0 + 5i in halves
    torch.testing.assert_close(unitary(torch.tensor([3.0, 0.0, 4.0, 5.0])), torch.tensor([0.0, 0.0, 0.0, 2.5]))


def test_the_derivative_is_finite_at_zero():
    step = CellModule(URNN(3, 5))
    step.threshold.data.fill_(0.1)
    step(torch.zeros(2, 3)).sum().backward()
    assert all(p.grad.isfinite().all() for p in step.parameters())


@pytest.mark.parametrize("negative", [-0.1, 1.1])
def test_refused_negative(negative):
    with pytest.raises(ValueError, match=rf"^negative={negative}: must be in 0..1$"):
        ScoRNN(3, 5, negative=negative)
