"""What the tests of the fused engine share: functions of every operation, and a slow evaluator of expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnbench.cells.base import Cell, Stage
from rnnbench.layers.fused.expr import Expr, leaf, walk
from rnnbench.layers.fused.vector import Vector

#: Functions of rows a, b, c of equal width, a vector v and a single number s: every operation at least once.
OPERATIONS: dict[str, Callable] = {
    "add": lambda a, b, c, v, s: a + b,
    "add a number": lambda a, b, c, v, s: 2 + a + 1,
    "sub": lambda a, b, c, v, s: a - b,
    "rsub": lambda a, b, c, v, s: torch.rsub(a, b) + (1 - c),
    "mul": lambda a, b, c, v, s: a * b * 3,
    "div": lambda a, b, c, v, s: a / (2 + b * b) + 1 / (3 + c * c),
    "neg": lambda a, b, c, v, s: -(a - b) * -c,
    "pow 2": lambda a, b, c, v, s: a**2 + b.pow(2) + a.square(),
    "pow 5": lambda a, b, c, v, s: a**5,
    "pow 1": lambda a, b, c, v, s: a**1 * b,
    "pow 0.5": lambda a, b, c, v, s: (1 + a * a) ** 0.5,
    "pow -1.7": lambda a, b, c, v, s: (1 + a * a) ** -1.7,
    "pow of rows": lambda a, b, c, v, s: (1 + a * a) ** b,
    "pow of a number": lambda a, b, c, v, s: 2**a,
    "pow of zero": lambda a, b, c, v, s: torch.relu(a - 100) ** (2 + b * b) + a,
    "reciprocal": lambda a, b, c, v, s: (2 + a * a).reciprocal(),
    "exp": lambda a, b, c, v, s: torch.exp(a),
    "expm1": lambda a, b, c, v, s: torch.expm1(a),
    "log": lambda a, b, c, v, s: torch.log(0.1 + a * a),
    "log1p": lambda a, b, c, v, s: torch.log1p(a * a),
    "sigmoid": lambda a, b, c, v, s: torch.sigmoid(a) * F.sigmoid(b) * c.sigmoid(),
    "tanh": lambda a, b, c, v, s: torch.tanh(a) * F.tanh(b),
    "relu": lambda a, b, c, v, s: torch.relu(a) * F.relu(b),
    "leaky_relu": lambda a, b, c, v, s: F.leaky_relu(a, 0.1),
    "softplus": lambda a, b, c, v, s: F.softplus(a) + F.softplus(5 * b),
    "logsigmoid": lambda a, b, c, v, s: F.logsigmoid(a),
    "silu": lambda a, b, c, v, s: F.silu(a),
    "gelu": lambda a, b, c, v, s: F.gelu(a),
    "erf": lambda a, b, c, v, s: torch.erf(a),
    "abs": lambda a, b, c, v, s: a.abs() * abs(b),
    "sign": lambda a, b, c, v, s: torch.sign(a) * b,
    "floor": lambda a, b, c, v, s: torch.floor(3 * a) * b,
    "sqrt": lambda a, b, c, v, s: torch.sqrt(1 + a * a),
    "rsqrt": lambda a, b, c, v, s: torch.rsqrt(1 + a * a),
    "sin": lambda a, b, c, v, s: torch.sin(a),
    "cos": lambda a, b, c, v, s: torch.cos(a),
    "remainder": lambda a, b, c, v, s: a % 0.7 + torch.remainder(b, 2),
    "remainder of rows": lambda a, b, c, v, s: torch.remainder(a, 1 + b * b),
    "maximum": lambda a, b, c, v, s: torch.maximum(a, b),
    "minimum": lambda a, b, c, v, s: torch.minimum(a, b) * torch.minimum(b, c),
    "maximum of equals": lambda a, b, c, v, s: torch.maximum(torch.relu(a), torch.relu(b)) * c,
    "clamp": lambda a, b, c, v, s: a.clamp(-0.5, 0.8) * b.clamp(min=0) * torch.clamp(c, max=0.3),
    "clamp at the bound": lambda a, b, c, v, s: torch.relu(a).clamp(min=0.0) * b,
    "where": lambda a, b, c, v, s: torch.where(a > b, a * c, b - 1),
    "where of a number": lambda a, b, c, v, s: torch.where(a <= 0.2, 0.5, b),
    "comparisons": lambda a, b, c, v, s: (a > 0) * b + (b < c) * c + (a >= c) * a + (c != 1) * a + (a == b) * c,
    "lerp": lambda a, b, c, v, s: torch.lerp(a, b, torch.sigmoid(c)),
    "addcmul": lambda a, b, c, v, s: torch.addcmul(a, b, c, value=0.5),
    "logaddexp": lambda a, b, c, v, s: torch.logaddexp(a, b),
    "detach": lambda a, b, c, v, s: a.detach() * b + a,
    "split": lambda a, b, c, v, s: torch.cat((*reversed(a.split([4, a.shape[-1] - 4], -1)),), -1) * b,
    "chunk": lambda a, b, c, v, s: torch.cat((a, b * c), -1).chunk(2, -1)[1] * a.chunk(3, -1)[2].sum(-1, True),
    "slice": lambda a, b, c, v, s: torch.cat((a[..., 3:], b[..., :3]), -1) * c,
    "slice of a function": lambda a, b, c, v, s: torch.cat((torch.tanh(a * b)[..., 5:], (b * v)[..., :5]), -1),
    "vector": lambda a, b, c, v, s: a * v + v,
    "function of a vector": lambda a, b, c, v, s: torch.tanh(v) * a + torch.softmax(v, -1),
    "single number": lambda a, b, c, v, s: a * s + torch.exp(s),
    "sum": lambda a, b, c, v, s: (a * b).sum(-1, keepdim=True) * c,
    "mean": lambda a, b, c, v, s: a - a.mean(-1, keepdim=True),
    "sum of a slice": lambda a, b, c, v, s: (
        a[..., 2:7].sum(-1, keepdim=True) * torch.cat((a, b), -1).mean(-1, True) * c
    ),
    "var": lambda a, b, c, v, s: a / (1 + a.var(-1, keepdim=True)) + torch.var(b, -1, correction=0, keepdim=True) * c,
    "amax": lambda a, b, c, v, s: a.amax(-1, keepdim=True).detach() * b,
    "softmax": lambda a, b, c, v, s: torch.softmax(a, -1) * b.softmax(-1),
    "layer_norm": lambda a, b, c, v, s: F.layer_norm(a, a.shape[-1:], v, s * v, 1e-3) * c,
    "plain layer_norm": lambda a, b, c, v, s: F.layer_norm(a, a.shape[-1:]) * b,
    "sums of sums": lambda a, b, c, v, s: ((a - a.mean(-1, True)) * b).mean(-1, True) * c * (c * a).sum(-1, True),
}


def draw(rows: int, width: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    """a, b, c ``(rows, width)``, v ``(width,)`` and s ``(1,)``, always the same, to be differentiated."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(rows, width)] * 3 + [(width,), (1,)]
    return tuple(torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes)


def traced(name: str, width: int) -> Vector:
    """The expressions of a function in rows of leaves that are cut where it cuts them."""
    edges = {0, width}
    while True:
        spans = list(pairwise(sorted(edges)))
        rows = [Vector(*(leaf(row, start, stop - start) for start, stop in spans)) for row in "abcv"]
        out = OPERATIONS[name](*rows, Vector(leaf("s", 0, 1)))
        seen = [node for node in walk(out.parts) if node.op == "leaf" and node.name != "s"]
        if all((node.start, node.start + node.width) in spans for node in seen):
            return out
        edges |= {edge for node in seen for edge in (node.start, node.start + node.width)}


_TORCH: dict[str, Callable] = {
    "max": torch.maximum,
    "min": torch.minimum,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "sum": lambda x: x.sum(-1, keepdim=True),
    "amax": lambda x: x.amax(-1, keepdim=True),
    "where": lambda mask, a, b: torch.where(mask != 0, a, b),
    "detach": lambda x: x,
}


def evaluate(node: Expr, leaves: Mapping[str, Tensor]) -> Tensor:
    """The value of an expression by torch, operation by operation; leaves are rows by name."""
    found: dict[Expr, Tensor] = {}
    for each in walk([node]):
        args = [found[arg] for arg in each.args]
        if each.op == "leaf":
            found[each] = leaves[each.name][..., each.start : each.start + each.width]
        elif each.op == "const":
            found[each] = torch.tensor([each.value], dtype=torch.float64)
        else:
            found[each] = _TORCH.get(each.op, getattr(torch, each.op, None))(*args).double()
    return found[node]


@dataclass(frozen=True)
class Operations(Cell):
    """Several operations at once, which saves builds: W columns of the output each, read from x ``(3 W,)``."""

    names: tuple[str, ...] = ()

    output: ClassVar[str] = "y"

    @property
    def state(self) -> dict[str, int]:
        return {"h": 1}

    @property
    def output_size(self) -> int:
        return self.hidden_size * len(self.names)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"v": (self.hidden_size,), "s": (1,)}

    def stages(self) -> tuple[Stage, ...]:
        return (Stage(self._step, ("y", "h"), ("x", "v", "s", "h")),)

    def _step(self, x: Tensor, v: Tensor, s: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        a, b, c = x.chunk(3, -1)
        return torch.cat([OPERATIONS[name](a, b, c, v, s) for name in self.names], -1), h + 1
