import pytest
import torch
from torch.nn import functional as F

from rnnbench.data.spec import DataSpec
from rnnbench.models import Convolution

SPEC = DataSpec("classification", 3, 2)


def make(**options):
    torch.manual_seed(0)
    return Convolution(SPEC, **{"channels": 4, **options}).double()


def inputs(*lengths):
    torch.manual_seed(1)
    return torch.randn(len(lengths), max(lengths), 3).double(), torch.tensor(lengths)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (5, 1), (4, 1), (3, 2), (2, 2), (3, 3), (5, 3)])
def test_each_output_is_the_filter_over_its_steps(kernel, stride, causal):
    encoder = make(kernel=kernel, stride=stride, causal=causal)
    x, _ = inputs(7)
    out, lengths = encoder(x, None)
    assert lengths is None
    assert out.shape == (1, -(-7 // stride), 4)
    weight, bias = encoder.filters[0].weight, encoder.filters[0].bias
    seen = set()
    for t in range(out.shape[1]):
        newest = t * stride + (stride - 1 if causal else max(kernel // 2, stride - 1))
        steps = range(newest - kernel + 1, newest + 1)
        seen |= set(steps)
        rows = [x[0, i] if 0 <= i < 7 else torch.zeros(3).double() for i in steps]
        expected = (torch.einsum("ock,kc->o", weight, torch.stack(rows)) + bias).relu()
        torch.testing.assert_close(out[0, t], expected)
    assert set(range(7)) <= seen  # no step is left out


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_says_nothing_and_lengths_are_those_of_each_by_itself(stride, causal):
    encoder = make(kernel=3, stride=stride, layers=2, causal=causal)
    x, lengths = inputs(9, 4, 1)
    dirty = x.clone().requires_grad_()
    with torch.no_grad():
        for row, length in enumerate(lengths.tolist()):
            dirty[row, length:] = float("nan")
    out, shorter = encoder(dirty, lengths)
    assert shorter.tolist() == [-(-length // stride**2) for length in lengths.tolist()]
    for row, length in enumerate(lengths.tolist()):
        alone, _ = encoder(x[row : row + 1, :length], None)
        torch.testing.assert_close(out[row, : int(shorter[row])], alone[0])
        assert not out[row, int(shorter[row]) :].any()
    (gradient,) = torch.autograd.grad(out.square().sum(), dirty)
    assert bool(gradient.isfinite().all())
    assert not gradient[1, 4:].any()


def test_a_causal_one_sees_nothing_to_come():
    encoder = make(kernel=3, layers=2, causal=True)
    x, _ = inputs(8)
    moved = x.clone()
    moved[0, 5:] += 1
    before, after = encoder(x, None)[0], encoder(moved, None)[0]
    assert torch.equal(before[0, :5], after[0, :5])
    assert not torch.equal(before[0, 5], after[0, 5])


def test_layers_and_sizes():
    encoder = make(layers=2, kernel=3)
    x, _ = inputs(5)
    first, second = encoder.filters
    expected = F.relu(second(F.pad(F.relu(first(F.pad(x.transpose(1, 2), (1, 1)))), (1, 1)))).transpose(1, 2)
    torch.testing.assert_close(encoder(x, None)[0], expected)
    assert encoder.output_size == 4
    dropped = make(dropout=0.5)(x, None)[0]
    assert 0 < int((dropped == 0).sum()) < dropped.numel()


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        (SPEC, {"channels": 0}, "encoder.channels=0: must be at least 1"),
        (SPEC, {"layers": 0}, "encoder.layers=0"),
        (SPEC, {"dropout": 1.0}, "encoder.dropout=1.0"),
        (SPEC, {"kernel": 2, "stride": 3}, "encoder.kernel=2: must be at least encoder.stride=3"),
        (DataSpec("classification", 1, 2, vocabulary=9), {}, "are ids of tokens"),
        (
            DataSpec("classification", 3, 2, per_step=True),
            {"stride": 2},
            "encoder.stride=2: every step .* has a target",
        ),
        (DataSpec("polyphonic", 3, 3, per_step=True, looks_ahead=True), {}, "encoder.causal=False: .* inputs to come"),
    ],
)
def test_options_that_do_not_fit(spec, options, message):
    with pytest.raises(ValueError, match=message):
        Convolution(spec, **options)
