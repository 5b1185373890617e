"""Parity with torch.nn in float64: outputs, final states, gradients of input, initial state and every weight."""

import inspect
import itertools

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnnbench import layers

I, H, B, T = 4, 5, 3, 6
LENGTHS = torch.tensor([2, 6, 4])
KINDS = [("LSTM", {}), ("LSTM", {"proj_size": 2}), ("GRU", {}), ("RNN", {}), ("RNN", {"nonlinearity": "relu"})]
DEPTHS = list(itertools.product((1, 2), (False, True)))


def twins(kind, **arguments):
    """Our layer and torch's, each drawn from seed 0: equal weights without copying."""
    built = []
    for package in (layers, torch.nn):
        torch.manual_seed(0)
        built.append(getattr(package, kind)(I, H, dtype=torch.float64, **arguments))
    return built


def numbers(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def states(layer, *batch):
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    h = numbers(rows, *batch, getattr(layer, "proj_size", 0) or H)
    return (h, numbers(rows, *batch, H)) if type(layer).__name__ == "LSTM" else (h,)


def flat(out, final):
    out = out.data if isinstance(out, PackedSequence) else out
    return [out, *(final if isinstance(final, tuple) else (final,))]


def compare(ours, theirs, run, tensors):
    """``run(layer, *tensors)`` gives output and final state; all of them and all gradients agree."""
    results = []
    for layer in (ours, theirs):
        inputs = [t.detach().clone().requires_grad_() for t in tensors]
        outputs = flat(*run(layer, *inputs))
        torch.manual_seed(7)
        loss = sum((out * torch.randn_like(out)).sum() for out in outputs)
        results.append([*outputs, *torch.autograd.grad(loss, [*inputs, *layer.parameters()])])
    assert len(results[0]) == len(results[1])
    for a, b in zip(*results):
        assert a.shape == b.shape
        assert float((a - b).detach().abs().max()) <= 1e-10 * float(b.detach().abs().max())


def hidden(given):
    return given if len(given) > 1 else given[0]


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=str)
@pytest.mark.parametrize(("num_layers", "bidirectional"), DEPTHS)
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bias", [True, False])
def test_full_batch(kind, options, num_layers, bidirectional, batch_first, bias):
    depth = {"num_layers": num_layers, "bidirectional": bidirectional, "batch_first": batch_first, "bias": bias}
    ours, theirs = twins(kind, **options, **depth)
    x = numbers(B, T, I) if batch_first else numbers(T, B, I)
    compare(ours, theirs, lambda layer, x: layer(x), [x])
    compare(ours, theirs, lambda layer, x, *hx: layer(x, hidden(hx)), [x, *states(ours, B)])


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=str)
@pytest.mark.parametrize(("num_layers", "bidirectional"), DEPTHS)
def test_unbatched(kind, options, num_layers, bidirectional):
    ours, theirs = twins(kind, **options, num_layers=num_layers, bidirectional=bidirectional)
    compare(ours, theirs, lambda layer, x: layer(x), [numbers(T, I)])
    compare(ours, theirs, lambda layer, x, *hx: layer(x, hidden(hx)), [numbers(T, I), *states(ours)])


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=str)
@pytest.mark.parametrize(("num_layers", "bidirectional"), DEPTHS)
@pytest.mark.parametrize("enforce_sorted", [False, True])
def test_packed(kind, options, num_layers, bidirectional, enforce_sorted):
    ours, theirs = twins(kind, **options, num_layers=num_layers, bidirectional=bidirectional)
    lengths = LENGTHS.sort(descending=True).values if enforce_sorted else LENGTHS

    def run(layer, x, *hx):
        packed = pack_padded_sequence(x, lengths, enforce_sorted=enforce_sorted)
        out, final = layer(packed, hidden(hx) if hx else None)
        for field in ("batch_sizes", "sorted_indices", "unsorted_indices"):
            a, b = getattr(out, field), getattr(packed, field)
            assert a is b is None or torch.equal(a, b)
        return out, final

    compare(ours, theirs, run, [numbers(T, B, I)])
    compare(ours, theirs, run, [numbers(T, B, I), *states(ours, B)])


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=str)
@pytest.mark.parametrize(("num_layers", "bidirectional"), DEPTHS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_lengths(kind, options, num_layers, bidirectional, batch_first):
    depth = {"num_layers": num_layers, "bidirectional": bidirectional, "batch_first": batch_first}
    ours, theirs = twins(kind, **options, **depth)

    def run(layer, x, *hx):
        if layer is ours:
            return layer(x, hidden(hx), lengths=LENGTHS)
        out, final = layer(pack_padded_sequence(x, LENGTHS, batch_first, enforce_sorted=False), hidden(hx))
        return pad_packed_sequence(out, batch_first, total_length=T + 1)[0], final

    # One step that no sequence reaches.
    x = numbers(B, T + 1, I) if batch_first else numbers(T + 1, B, I)
    compare(ours, theirs, run, [x, *states(ours, B)])


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=str)
@pytest.mark.parametrize(("num_layers", "bidirectional"), DEPTHS)
def test_state_dict_and_repr(kind, options, num_layers, bidirectional):
    ours, theirs = twins(kind, **options, num_layers=num_layers, bidirectional=bidirectional)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters()))
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    # torch.nn.RNN does not print its nonlinearity.
    assert repr(ours).replace(", nonlinearity='relu'", "") == repr(theirs)


def test_dropout_drops_what_torch_drops():
    ours, theirs = twins("LSTM", num_layers=3, dropout=0.5, bidirectional=True)
    x, outputs = numbers(T, B, I), []
    for layer in (ours, theirs):
        torch.manual_seed(3)
        outputs.append(layer(x)[0])
    torch.testing.assert_close(*outputs, rtol=1e-10, atol=1e-12)
    assert not torch.allclose(ours(x)[0], outputs[0])
    torch.testing.assert_close(ours.eval()(x)[0], theirs.eval()(x)[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_positional_arguments_are_those_of_torch(kind):
    ours = inspect.signature(getattr(layers, kind).__init__)
    ours = [p.name for p in ours.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    middle = {"LSTM": ["bias", "batch_first", "dropout", "bidirectional", "proj_size"]}
    middle |= {"GRU": middle["LSTM"][:-1], "RNN": ["nonlinearity", *middle["LSTM"][:-1]]}
    sizes = ["self", "input_size", "hidden_size", "num_layers"]
    assert ours == [*sizes, *middle[kind], "device", "dtype"]


def test_own_options_reach_the_cell():
    assert layers.LSTM(3, 5, forget_bias=2.0).cells[0].forget_bias == 2.0
    gru = layers.GRU(5, 5, reset="before", update="write", candidate="sum", recurrent_bias=False)
    assert repr(gru) == "GRU(5, 5, reset='before', update='write', candidate='sum', recurrent_bias=False)"
