"""Against the one step of ``cells.base.recur``, repeated, in plain autograd."""

import pytest
import torch

from rnnbench.cells.base import recur
from rnnbench.layers.recurrences import NEUTRAL, run


def draw(kind, T, rows=2):
    generator = torch.Generator().manual_seed(T)
    dtype = torch.complex128 if kind == "complex" else torch.float64
    shapes = ((T, rows, 3), (T, rows, 3), (rows, 3))
    return [torch.randn(*shape, generator=generator, dtype=dtype).mul(0.7).requires_grad_() for shape in shapes]


def step_by_step(kind, a, b, s, reverse):
    single = "linear" if kind == "complex" else kind  # complex tensors here, not halves
    outs = []
    for t in range(len(b) - 1, -1, -1) if reverse else range(len(b)):
        s = recur(single, a[t], b[t], s)
        outs.append(s)
    return torch.stack(outs[::-1] if reverse else outs)


@pytest.mark.parametrize("kind", NEUTRAL)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("T", [1, 2, 5, 40])
@pytest.mark.parametrize("create_graph", [False, True])
def test_values_and_gradients(kind, reverse, T, create_graph):
    inputs = draw(kind, T)
    found = []
    for function in (run, step_by_step):
        out = function(kind, *inputs, reverse)
        weighted = out * torch.arange(1, out.numel() + 1).view_as(out)
        found.append((out, *torch.autograd.grad(weighted.abs().square().sum(), inputs, create_graph=create_graph)))
    for seen, expected in zip(*found):
        torch.testing.assert_close(seen, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", NEUTRAL)
@pytest.mark.parametrize("reverse", [False, True])
def test_second_derivatives(kind, reverse):
    assert torch.autograd.gradgradcheck(lambda *inputs: run(kind, *inputs, reverse), draw(kind, 4))


@pytest.mark.parametrize("kind", NEUTRAL)
def test_where_both_are_equal_the_gradient_is_torchs(kind):
    inputs = [torch.zeros_like(v).requires_grad_() for v in draw(kind, 6)]
    seen, expected = (
        torch.autograd.grad(f(kind, *inputs, False).abs().square().sum() + f(kind, *inputs, False).real.sum(), inputs)
        for f in (run, step_by_step)
    )
    for one, other in zip(seen, expected):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kind", NEUTRAL)
def test_neutral_coefficients_leave_the_state(kind):
    a, b, s = draw(kind, 5)
    fill_a, fill_b = NEUTRAL[kind]
    out = run(kind, torch.full_like(a, fill_a), torch.full_like(b, fill_b), s)
    assert torch.equal(out, s.expand(5, *s.shape))


@pytest.mark.parametrize("kind", NEUTRAL)
def test_vmap_over_some_of_the_arguments(kind):
    a, b, s = (v.detach() for v in draw(kind, 20))
    many = torch.stack((b, b * 0.5, b + 1), 2)
    together = torch.func.vmap(lambda b: run(kind, a, b, s, True), in_dims=2)(many)
    for model in range(3):
        torch.testing.assert_close(together[model], run(kind, a, many[:, :, model], s, True))
