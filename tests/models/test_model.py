import pytest
import torch
from torch import nn

from rnnbench.data.spec import DataSpec
from rnnbench.layers import TorchGRU, TorchLSTM
from rnnbench.models import build_model, count_parameters
from rnnbench.models.model import pool

Y = torch.tensor([[[1.0, 10], [2, 20], [9, 90]], [[3, 30], [8, 80], [5, 50]]])  # B=2, T=3, H=2
LENGTHS = torch.tensor([2, 3])


@pytest.mark.parametrize(
    ("how", "bidirectional", "expected"),
    [
        ("last", False, [[2, 20], [5, 50]]),
        ("last", True, [[2, 10], [5, 30]]),
        ("mean", False, [[1.5, 15], [16 / 3, 160 / 3]]),
        ("max", False, [[2, 20], [8, 80]]),
    ],
)
def test_pool_by_hand(how, bidirectional, expected):
    assert pool(Y, LENGTHS, how, bidirectional).tolist() == [pytest.approx(row) for row in expected]


def test_pool_of_negative_numbers_is_not_the_padding():
    assert pool(-Y, LENGTHS, "max", False).tolist() == [[-1, -10], [-3, -30]]
    assert pool(Y, None, "last", False).tolist() == [[9, 90], [5, 50]]


def sized(backbone, seeds=(0, 0), per_step=False):
    spec = DataSpec("regression", input_size=2, target_size=3, per_step=per_step)

    def make(input_size, batch_first):
        return backbone(input_size, 4, batch_first=batch_first)

    return build_model(make, spec, 3, "last", seeds)


def test_shapes_and_parameters():
    x = torch.zeros(5, 6, 2)
    assert sized(TorchGRU)(x).shape == (5, 3)
    assert sized(TorchGRU, per_step=True)(x).shape == (5, 6, 3)
    counted = count_parameters(sized(TorchGRU))
    assert counted == {"backbone": 3 * 4 * (2 + 4) + 6 * 4, "encoder": 0, "head": 4 * 3 + 3}


def test_frozen_weights_do_not_count():
    model = sized(TorchGRU)
    model.backbone.requires_grad_(False)
    assert count_parameters(model)["backbone"] == 0


def test_seeds_are_apart_and_the_callers_generator_stays():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, other = sized(TorchGRU, (1, 2)), sized(TorchLSTM, (3, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.head.weight, other.head.weight)  # the same start of the head whatever stands before it
    again = sized(TorchGRU, (1, 9))
    assert all(torch.equal(a, b) for a, b in zip(one.backbone.parameters(), again.backbone.parameters()))
    assert not torch.equal(one.head.weight, again.head.weight)


def test_counting_allocates_nothing():
    spec = DataSpec("regression", 2, 3)
    model = build_model(lambda input_size, batch_first: TorchGRU(input_size, 10**5), spec, 3, "last", device="meta")
    assert {p.device.type for p in model.parameters()} == {"meta"}
    assert isinstance(model.head, nn.Linear)
