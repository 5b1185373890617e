from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from rnnbench.layers.fused import Unsupported
from rnnbench.layers.fused.expr import leaf
from rnnbench.layers.fused.vector import Vector
from tests.layers.fused.cases import OPERATIONS, draw, evaluate

WIDTH = 9


def row(name: str, width: int = WIDTH) -> Vector:
    """Cut in two, as columns read apart are."""
    return Vector(leaf(name, 0, 4), leaf(name, 4, width - 4)) if width > 4 else Vector(leaf(name, 0, width))


@pytest.mark.parametrize("name", OPERATIONS)
def test_expressions_have_the_values_of_the_function(name: str):
    function, values = OPERATIONS[name], [value.detach() for value in draw(5, WIDTH)]
    found = function(*map(row, "abcv"), row("s", 1))
    seen = torch.cat([evaluate(part, dict(zip("abcvs", values))).expand(5, part.width) for part in found.parts], -1)
    torch.testing.assert_close(seen, function(*values).double(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: a.cumsum(-1), "cumsum has no expression"),
        (lambda a: torch.cumsum(a, -1), "cumsum has no expression"),
        (lambda a: a.add_(1), "add_ has no expression"),
        (lambda a: a.unsqueeze(0), "unsqueeze has no expression"),
        (lambda a: a.sum(-1), "sum without keepdim=True"),
        (lambda a: a.sum(0, keepdim=True), "dim=0: only the last dimension, -1"),
        (lambda a: a.amax(-1), "amax without keepdim=True"),
        (lambda a: a.chunk(2), "dim=0: only the last dimension, -1"),
        (lambda a: a.size(0), r"size\(0\): only the last dimension has a known size"),
        (lambda a: a.shape[0], r"size\(0\): only the last dimension has a known size"),
        (lambda a: a[0], r"indexing with 0: only \[..., a:b\]"),
        (lambda a: a[..., ::2], "indexing with step 2"),
        (lambda a: a + torch.ones(3), "Tensor beside a row of numbers"),
        (lambda a: torch.ones(3) + a, "Tensor beside a row of numbers"),
        (lambda a: F.relu(a, inplace=True), "inplace=True"),
        (lambda a: a + a[..., :2], r"add of widths \[9, 2\]"),
        (lambda a: torch.add(a, a, alpha=2), "add with alpha"),
        (lambda a: F.softplus(a, 2), "softplus with 2 arguments"),
        (lambda a: torch.where(a > 0), "where with 1 arguments"),
        (lambda a: F.gelu(a, approximate="tanh"), "gelu with approximate='tanh'"),
        (lambda a: a if a.sum(-1, keepdim=True) > 0 else -a, "branching on values"),
        (lambda a: a if a == 0 else -a, "branching on values"),
        (lambda a: max(a, 0), "branching on values"),
        (lambda a: a and 1, "branching on values"),
    ],
)
def test_what_has_no_expression_is_named(function: Callable, message: str):
    with pytest.raises(Unsupported, match=f"{message}$"):
        function(row("a"))


def test_what_autocast_needs_in_the_loop_means_nothing_here():
    a = row("a")
    assert a.to(a.dtype).float().contiguous().parts == a.parts


def test_sizes():
    assert row("a").width == row("a").size(-1) == row("a").shape[-1] == WIDTH
    assert [part.width for part in row("a").chunk(2, -1)] == [part.shape[-1] for part in torch.ones(WIDTH).chunk(2, -1)]
