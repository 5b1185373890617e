"""Expressions: what a pointwise function computes, one node an operation.

A node stands for a row of numbers of some width; width 1 is one number a row, and meets every width. Nodes are
shared: equal operations on equal nodes are one node. Splitting happens at the leaves, so that inside an
expression every node is element-wise or a sum over the row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

#: Operations whose result is worth keeping for the backward pass instead of computing it twice.
COSTLY = frozenset(
    ("exp", "log", "log1p", "expm1", "sigmoid", "tanh", "softplus", "sqrt", "rsqrt", "sin", "cos", "erf", "div", "pow")
) | {"sum", "amax", "remainder"}
#: Operations that yield a mask, used by ``where`` alone.
COMPARISONS = frozenset(("lt", "le", "gt", "ge", "eq", "ne"))


class Unsupported(TypeError):
    """A pointwise function does something that has no expression; the message names it."""


@dataclass(frozen=True, eq=False)
class Expr:
    """A node. Made by ``leaf``, ``constant`` and ``apply``, which share equal nodes.

    Attributes:
        op: name of the operation, ``leaf`` or ``const``.
        args: operands.
        width: numbers a row.
        name: of a leaf, what it reads.
        start: of a leaf, the first column.
        value: of a constant.
    """

    op: str
    args: tuple[Expr, ...]
    width: int
    name: str = ""
    start: int = 0
    value: float = 0.0

    def __repr__(self) -> str:
        if self.op == "leaf":
            return f"{self.name}[{self.start}:{self.start + self.width}]"
        return repr(self.value) if self.op == "const" else f"{self.op}({', '.join(map(repr, self.args))})"


@cache
def _shared(op: str, args: tuple[Expr, ...], width: int, name: str, start: int, value: str) -> Expr:
    return Expr(op, args, width, name, start, float.fromhex(value))


def leaf(name: str, start: int, width: int) -> Expr:
    """Columns ``start`` to ``start + width`` of what is called ``name``."""
    return _shared("leaf", (), width, name, start, "0x0p+0")


def constant(value: float) -> Expr:
    """A number."""
    return _shared("const", (), 1, "", 0, float(value).hex())


def apply(op: str, *args: Expr) -> Expr:
    """The operation, simplified where it costs nothing to see: by 0 and 1, of constants, double negation."""
    simpler = _simplify(op, args)
    if simpler is not None:
        return simpler
    width = 1 if op in ("sum", "amax") else max(arg.width for arg in args)
    return _shared(op, args, width, "", 0, "0x0p+0")


def _is(node: Expr, value: float) -> bool:
    return node.op == "const" and node.value == value


def _simplify(op: str, args: tuple[Expr, ...]) -> Expr | None:
    if op in _FOLD and all(arg.op == "const" for arg in args):
        return constant(_FOLD[op](*(arg.value for arg in args)))
    if op == "neg" and args[0].op == "neg":
        return args[0].args[0]
    if op in ("sum", "amax") and args[0].width == 1:
        return args[0]
    if len(args) != 2:
        return None
    a, b = args
    if op == "add":
        return b if _is(a, 0) and b.width >= a.width else a if _is(b, 0) else _fold_negation("sub", a, b)
    if op == "sub":
        if b.op == "neg":
            return apply("add", a, b.args[0])
        return a if _is(b, 0) and a.width >= b.width else apply("neg", b) if _is(a, 0) else None
    if op == "mul":
        return _simplify_product(a, b)
    if op == "div" and _is(b, 1):
        return a
    if op == "div" and b.width == 1 < a.width:  # one division a row, and nothing to keep for the backward pass
        return apply("mul", a, apply("div", constant(1), b))
    return None


def _fold_negation(other: str, a: Expr, b: Expr) -> Expr | None:
    if b.op == "neg":
        return apply(other, a, b.args[0])
    return apply(other, b, a.args[0]) if a.op == "neg" else None


def _simplify_product(a: Expr, b: Expr) -> Expr | None:
    for one, other in ((a, b), (b, a)):
        if _is(one, 0) and other.width == 1:
            return constant(0)
        if _is(one, 1):
            return other
        if _is(one, -1):
            return apply("neg", other)
        if one.op == "neg":
            return apply("neg", apply("mul", one.args[0], other))
    return None


_FOLD = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b if b else math.nan,
    "neg": lambda a: -a,
}


@cache
def narrow(node: Expr, start: int, width: int) -> Expr:
    """Columns of a node: the same operations on columns of its leaves."""
    if node.width == 1 or (start == 0 and width == node.width):
        return node
    if node.op == "leaf":
        return leaf(node.name, node.start + start, width)
    return apply(node.op, *(narrow(arg, start, width) for arg in node.args))


def walk(roots: Iterable[Expr]) -> Iterator[Expr]:
    """Every node under ``roots`` once, operands before what uses them."""
    seen: set[Expr] = set()
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args))
