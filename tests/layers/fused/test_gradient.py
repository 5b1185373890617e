import pytest
import torch

from rnnbench.layers.fused import Unsupported
from rnnbench.layers.fused.expr import Expr, apply, leaf
from rnnbench.layers.fused.gradient import gradients
from tests.layers.fused.cases import OPERATIONS, draw, evaluate, traced

ROWS, WIDTH = 6, 9


@pytest.mark.parametrize("name", OPERATIONS)
def test_derivatives_are_those_of_autograd(name: str):
    """Every operation in float64, by expressions alone: nothing is compiled."""
    values = draw(ROWS, WIDTH)
    cotangent = torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    out = OPERATIONS[name](*values)
    expected = torch.autograd.grad(out, values, cotangent, allow_unused=True, materialize_grads=True)

    cotangents: dict[Expr, Expr] = {}
    column = 0
    for part in traced(name, WIDTH).parts:
        share = leaf("g", column, part.width)
        cotangents[part] = apply("add", cotangents[part], share) if part in cotangents else share
        column += part.width
    rows = {name: value.detach() for name, value in zip("abcvs", values)} | {"g": cotangent}
    seen = {name: torch.zeros(ROWS, value.shape[-1], dtype=torch.float64) for name, value in rows.items()}
    for node, share in gradients(cotangents).items():
        seen[node.name][:, node.start : node.start + node.width] += evaluate(share, rows)
    for name, exact in zip("abcvs", expected):
        found = seen[name] if exact.dim() > 1 else seen[name].sum(0)
        torch.testing.assert_close(found, exact, rtol=1e-10, atol=1e-12)


def test_nothing_flows_through_a_detached_value():
    node = apply("mul", apply("detach", leaf("a", 0, 4)), leaf("b", 0, 4))
    assert set(gradients({node: leaf("g", 0, 4)})) == {leaf("b", 0, 4)}


def test_the_derivative_of_a_largest_number_is_refused():
    """Never silently zero."""
    with pytest.raises(Unsupported, match=r"^the derivative of amax: detach it"):
        gradients({apply("mul", apply("amax", leaf("a", 0, 4)), leaf("b", 0, 4)): leaf("g", 0, 4)})
