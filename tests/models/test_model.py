from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from rnnbench.data.spec import Batch, DataSpec
from rnnbench.layers import TorchGRU, TorchLSTM
from rnnbench.models import Embedding, LinearChain, build_model, count_parameters
from rnnbench.models.model import Attention, pool
from rnnbench.tasks import Classification, Regression, Tagging

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


def sized(backbone, seeds=(0, 0, 0), per_step=False):
    spec = DataSpec("regression", input_size=2, target_size=3, per_step=per_step)

    def make(input_size, batch_first):
        return backbone(input_size, 4, batch_first=batch_first)

    return build_model(make, spec, Regression(), seeds)


def test_shapes_and_parameters():
    x = torch.zeros(5, 6, 2)
    assert sized(TorchGRU)(x).shape == (5, 3)
    assert sized(TorchGRU, per_step=True)(x).shape == (5, 6, 3)
    counted = count_parameters(sized(TorchGRU))
    assert counted == {"backbone": 3 * 4 * (2 + 4) + 6 * 4, "encoder": 0, "head": 4 * 3 + 3}


@pytest.mark.parametrize("per_step", [False, True])
def test_a_second_input_is_read_by_the_head_beside_the_backbone(per_step):
    spec = DataSpec("regression", input_size=2, target_size=3, per_step=per_step, side_size=2)
    model = build_model(lambda **sizes: TorchGRU(hidden_size=4, **sizes), spec, Regression())
    x, side = torch.randn(5, 6, 2), torch.randn(5, 2)
    y, _ = model.backbone(x)
    weight, bias = model.head.weight, model.head.bias
    rows = y if per_step else y[:, -1]
    more = side @ weight[:, 4:].T
    expected = rows @ weight[:, :4].T + (more[:, None] if per_step else more) + bias
    torch.testing.assert_close(model.run(Batch(x, x, side_BS=side)).values, expected)
    assert count_parameters(model)["head"] == (4 + 2) * 3 + 3


def test_attention_is_a_weighted_mean_of_the_steps_within_length():
    torch.manual_seed(0)
    attention = Attention(2).double()
    y = Y.double()
    weights = attention.weights(y, LENGTHS)
    W, b, v = (p.detach().numpy() for p in attention.parameters())
    for row, length in enumerate(LENGTHS.tolist()):
        steps = y[row, :length].numpy()
        scores = np.exp(np.tanh(steps @ W.T + b) @ v[0])
        expected = scores / scores.sum()
        assert weights[row, :length].tolist() == pytest.approx(expected.tolist(), rel=1e-12)
        assert weights[row, length:].tolist() == [0.0] * (3 - length)
        pooled = attention(y, LENGTHS)[row]
        assert pooled.tolist() == pytest.approx((expected[:, None] * steps).sum(0).tolist(), rel=1e-12)


def tokens(carries_state=False, bidirectional=False, task=None, per_step=False):
    spec = DataSpec("classification", 1, 3, per_step, carries_state, vocabulary=5)

    def make(input_size, batch_first):
        return TorchGRU(input_size, 4, batch_first=batch_first, bidirectional=bidirectional)

    task = task or Classification(encoder=partial(Embedding, size=6), pooling="attention")
    return build_model(make, spec, task, (1, 2, 3))


def test_tokens_are_embedded_and_every_part_is_counted():
    model = tokens()
    out = model(torch.tensor([[[1], [4], [0]], [[2], [3], [1]]]), LENGTHS)
    assert out.shape == (2, 3)
    counted = count_parameters(model)
    assert counted["encoder"] == 5 * 6
    assert counted["backbone"] == 3 * 4 * (6 + 4) + 6 * 4
    assert counted["head"] == (4 * 3 + 3) + (4 * 4 + 4) + 4  # and the attention


def test_parts_that_do_not_fit_are_told_in_one_line():
    with pytest.raises(ValueError, match="ids of tokens: the task needs an encoder"):
        tokens(task=Classification())
    with pytest.raises(ValueError, match="bidirectional=True: the state is carried"):
        tokens(carries_state=True, bidirectional=True)
    with pytest.raises(ValueError, match="pooling=attention: every step has a target here"):
        tokens(per_step=True)
    ahead = DataSpec("polyphonic", 2, 2, per_step=True, looks_ahead=True)
    with pytest.raises(ValueError, match="bidirectional=True: targets are inputs to come"):
        build_model(lambda **sizes: TorchGRU(hidden_size=4, bidirectional=True, **sizes), ahead, Regression())
    side = DataSpec("tagging", 2, 2, per_step=True, side_size=1)
    with pytest.raises(ValueError, match="composition: takes no second input"):
        build_model(lambda **sizes: TorchGRU(hidden_size=4, **sizes), side, Tagging(composition=LinearChain))


def test_a_run_from_a_state_goes_on_where_the_last_one_ended():
    model = tokens(carries_state=True, per_step=True, task=Classification(encoder=partial(Embedding, size=6)))
    ids = torch.tensor([[[1], [4], [2], [3]], [[2], [3], [1], [1]]])
    whole = model.run(Batch(ids, ids)).values
    first = model.run(Batch(ids[:, :3], ids[:, :3]))
    second = model.run(Batch(ids[:, 3:], ids[:, 3:]), first.state)
    torch.testing.assert_close(torch.cat([first.values, second.values], 1), whole)


def test_frozen_weights_do_not_count():
    model = sized(TorchGRU)
    model.backbone.requires_grad_(False)
    assert count_parameters(model)["backbone"] == 0


def test_seeds_are_apart_and_the_callers_generator_stays():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, other = sized(TorchGRU, (1, 2, 0)), sized(TorchLSTM, (3, 2, 0))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.head.weight, other.head.weight)  # the same start of the head whatever stands before it
    again = sized(TorchGRU, (1, 9, 0))
    assert all(torch.equal(a, b) for a, b in zip(one.backbone.parameters(), again.backbone.parameters()))
    assert not torch.equal(one.head.weight, again.head.weight)


def test_counting_allocates_nothing():
    spec = DataSpec("regression", 2, 3)
    model = build_model(lambda input_size, batch_first: TorchGRU(input_size, 10**5), spec, Regression(), device="meta")
    assert {p.device.type for p in model.parameters()} == {"meta"}
    assert isinstance(model.head, nn.Linear)
