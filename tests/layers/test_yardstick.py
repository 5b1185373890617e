"""What both yardsticks keep: causality, lengths, the call of a recurrent layer."""

from functools import partial

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from rnnbench.layers import TCN, Transformer

LAYERS = {
    "tcn": partial(TCN, kernel_size=3, levels=2),
    "tcn_same_width": lambda input_size, hidden_size, **more: TCN(hidden_size, hidden_size, 2, 2, **more),
    "sinusoidal": partial(Transformer, heads=3),
    "learned": partial(Transformer, positions="learned", max_steps=9),
}


def build(name, **more):
    torch.manual_seed(0)
    layer = LAYERS[name](input_size=4, hidden_size=6, dtype=torch.float64, **{"batch_first": True, **more})
    return layer, torch.randn(3, 9, layer.input_size, dtype=torch.float64)


@pytest.mark.parametrize("name", LAYERS)
def test_no_output_depends_on_a_later_input(name):
    layer, x = build(name)
    before, _ = layer(x)
    changed = x.clone()
    changed[:, 5:] += 1
    after, _ = layer(changed)
    assert torch.equal(before[:, :5], after[:, :5])
    assert (before[:, 5:] != after[:, 5:]).any(-1).all()


@pytest.mark.parametrize("name", LAYERS)
def test_a_padded_batch_equals_its_sequences_one_by_one(name):
    layer, x = build(name)
    lengths = torch.tensor([9, 1, 4])
    beyond = torch.arange(9) >= lengths[:, None]
    x[beyond] = float("nan")
    x.requires_grad_()
    out, state = layer(x, lengths=lengths)
    assert state is None
    assert (out[beyond] == 0).all()
    gradients = torch.autograd.grad(out.square().sum(), (x, *layer.parameters()), allow_unused=True)
    assert (gradients[0][beyond] == 0).all()
    loss = 0
    for b, length in enumerate(lengths):
        alone, _ = layer(x[b : b + 1, :length])
        torch.testing.assert_close(out[b, :length], alone[0], rtol=1e-10, atol=1e-12)
        loss = loss + alone.square().sum()
    apart = torch.autograd.grad(loss, (x, *layer.parameters()), allow_unused=True)
    for one, other in zip(gradients, apart):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_rows_do_not_touch_each_other(name):
    layer, x = build(name)
    x.requires_grad_()
    gradient = torch.autograd.grad(layer(x)[0][1].sum(), x)[0]
    assert (gradient[[0, 2]] == 0).all()
    assert (gradient[1] != 0).any()


@pytest.mark.parametrize("name", LAYERS)
def test_time_first_is_the_same_turned(name):
    first, x = build(name)
    second, _ = build(name, batch_first=False)
    out, _ = second(x.transpose(0, 1), lengths=torch.tensor([9, 2, 5]))
    torch.testing.assert_close(out.transpose(0, 1), first(x, lengths=torch.tensor([9, 2, 5]))[0])
    assert first.output_size == out.shape[-1] == 6


@pytest.mark.parametrize("name", LAYERS)
def test_dropout_acts_in_training_alone(name):
    layer, x = build(name, dropout=0.5)
    layer.train()
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda layer, x: layer(x, x), "hx: TCN has no state to begin from; leave it out"),
        (lambda layer, x: layer(x[..., :3]), "input: must be a padded batch with input_size=4 last"),
        (lambda layer, x: layer(x[0]), "input: must be a padded batch with input_size=4 last"),
        (lambda layer, x: layer(pack_sequence([x[0]])), "got a PackedSequence"),
        (lambda layer, x: layer(x, lengths=torch.tensor([0, 1, 9])), "lengths: must be in 1..9"),
    ],
)
def test_wrong_calls(call, message):
    layer, x = build("tcn")
    with pytest.raises(ValueError, match=message):
        call(layer, x)


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        (TCN, {"input_size": 0}, "input_size=0: must be an integer of at least 1"),
        (TCN, {"levels": 0}, "levels=0: must be an integer of at least 1"),
        (TCN, {"kernel_size": 2.5}, "kernel_size=2.5: must be an integer of at least 1"),
        (TCN, {"dropout": 1.0}, "dropout=1.0: must be in 0..1, below 1"),
        (Transformer, {"heads": 4}, "heads=4: must divide hidden_size=6"),
        (Transformer, {"positions": "none"}, "positions='none': must be one of 'sinusoidal', 'learned'"),
    ],
)
def test_wrong_options(layer, options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        layer(**{"input_size": 4, "hidden_size": 6, **options})
    assert str(error.value) == message
