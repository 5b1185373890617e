import math

import pytest
import torch

from rnnbench import cells
from tests.cells.parity import against_torchrecurrent


@pytest.mark.parametrize(
    ("name", "expected"),
    [("TRNN", 2 * 36 * 88 + 36), ("TGRU", 3 * 36 * (2 * 88 + 1)), ("TLSTM", 3 * 36 * (2 * 88 + 1))],
)
def test_parameter_count(name, expected):
    shapes = getattr(cells, name)(88, 36).parameter_shapes()
    assert sum(math.prod(shape) for shape in shapes.values()) == expected


def test_state_sizes():
    assert cells.TGRU(3, 5).state == {"h": 5, "p": 3}
    assert cells.TLSTM(3, 5).state == {"c": 5, "p": 3}
    assert cells.TLSTM(3, 5).output_size == 5


def test_equal_torchrecurrent():
    """Their TRNN has a bias in z too, which the paper has not."""
    assert against_torchrecurrent(cells.TGRU, "TGRU", dict) < 1e-12
    assert against_torchrecurrent(cells.TLSTM, "TLSTM", dict) < 1e-12

    def weights(p):
        return {**p, "bias_ih": torch.cat((torch.zeros(5, dtype=torch.float64), p["bias_ih"]))}

    assert against_torchrecurrent(cells.TRNN, "TRNN", weights) < 1e-12
