"""Reverse-mode differentiation of expressions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rnnbench.layers.fused.expr import COMPARISONS, Expr, apply, constant, walk

_ONE = constant(1)


def gradients(outputs: Mapping[Expr, Expr]) -> dict[Expr, Expr]:
    """The vector-Jacobian product: from outputs and their cotangents to every leaf's.

    Args:
        outputs: the cotangent of each output; of equal outputs, the sum of theirs.
    """
    found: dict[Expr, Expr] = dict(outputs)
    for node in reversed(list(walk(outputs))):
        if node in found and node.args:
            for arg, share in zip(node.args, _shares(node, found[node])):
                if share is not None and arg.op != "const":
                    if arg.width < node.width:  # arg met every number of the row
                        share = apply("sum", share) if share.width > 1 else _mul(share, constant(node.width))
                    found[arg] = apply("add", found[arg], share) if arg in found else share
    return {node: cotangent for node, cotangent in found.items() if node.op == "leaf"}


def _shares(y: Expr, g: Expr) -> tuple[Expr | None, ...]:
    """What each operand of ``y`` receives of its cotangent ``g``; None for nothing."""
    if y.op in COMPARISONS or y.op in ("detach", "floor", "sign", "amax"):
        return (None,) * len(y.args)
    if len(y.args) == 1:
        return (_mul(g, slope) if (slope := _slope(y)) is not _ONE else g,)
    if y.op == "where":
        mask, _, _ = y.args
        return None, apply("where", mask, g, constant(0)), apply("where", mask, constant(0), g)
    a, b = y.args
    if y.op in ("max", "min"):
        mask = apply("ge" if y.op == "max" else "le", a, b)
        return apply("where", mask, g, constant(0)), apply("where", mask, constant(0), g)
    if y.op == "add":
        return g, g
    if y.op == "sub":
        return g, apply("neg", g)
    if y.op == "mul":
        return _mul(g, b), _mul(g, a)
    if y.op == "div":
        share = apply("div", g, b)
        return share, apply("neg", _mul(share, y))
    if y.op == "remainder" and b.op == "const":
        return g, None
    if y.op == "pow" and b.op == "const":
        return _mul(g, _mul(b, apply("pow", a, constant(b.value - 1)))), None
    raise NotImplementedError(f"no derivative for {y.op}")


def _mul(a: Expr, b: Expr) -> Expr:
    return apply("mul", a, b)


def _slope(y: Expr) -> Expr:
    """dy/dx of a function of one operand, from y where that saves work."""
    (x,) = y.args
    if y.op == "sum":
        return _ONE
    if y.op == "neg":
        return constant(-1)
    if y.op == "exp":
        return y
    if y.op == "expm1":
        return apply("add", y, _ONE)
    if y.op == "sigmoid":
        return _mul(y, apply("sub", _ONE, y))
    if y.op == "tanh":
        return apply("sub", _ONE, _mul(y, y))
    if y.op == "relu":
        return apply("where", apply("gt", y, constant(0)), _ONE, constant(0))
    if y.op == "softplus":
        return apply("sigmoid", x)
    if y.op == "abs":
        return apply("sign", x)
    if y.op == "sqrt":
        return apply("div", constant(0.5), y)
    if y.op == "rsqrt":
        return _mul(constant(-0.5), _mul(y, _mul(y, y)))
    if y.op == "log":
        return apply("div", _ONE, x)
    if y.op == "log1p":
        return apply("div", _ONE, apply("add", x, _ONE))
    if y.op == "sin":
        return apply("cos", x)
    if y.op == "cos":
        return apply("neg", apply("sin", x))
    if y.op == "erf":
        return _mul(constant(2 / math.sqrt(math.pi)), apply("exp", apply("neg", _mul(x, x))))
    raise NotImplementedError(f"no derivative for {y.op}")
