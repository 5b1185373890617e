"""Reverse-mode differentiation of expressions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rnnbench.layers.fused.expr import COMPARISONS, Expr, Unsupported, apply, constant, walk

_ONE, _ZERO = constant(1), constant(0)


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
    if y.op in COMPARISONS or y.op in ("detach", "floor", "sign"):
        return (None,) * len(y.args)
    if y.op == "amax":  # which number was the largest is not kept
        raise Unsupported("the derivative of amax: detach it, as softmax does")
    if len(y.args) == 1:
        return (_mul(g, slope) if (slope := _slope(y)) is not _ONE else g,)
    if y.op == "where":
        mask, _, _ = y.args
        return None, apply("where", mask, g, _ZERO), apply("where", mask, _ZERO, g)
    a, b = y.args
    if y.op in ("max", "min"):
        half = apply("where", apply("eq", a, b), _mul(g, constant(0.5)), _ZERO)
        first, second = ("gt", "lt") if y.op == "max" else ("lt", "gt")
        return apply("where", apply(first, a, b), g, half), apply("where", apply(second, a, b), g, half)
    if y.op == "add":
        return g, g
    if y.op == "sub":
        return g, apply("neg", g)
    if y.op == "mul":
        return _mul(g, b), _mul(g, a)
    if y.op == "div":
        share = apply("div", g, b)
        return share, apply("neg", _mul(share, y))
    if y.op == "remainder":
        return g, apply("neg", _mul(g, apply("floor", apply("div", a, b))))
    if y.op == "pow":
        base = _mul(g, _mul(b, apply("pow", a, apply("sub", b, _ONE))))
        # 0 ** b is constant in b, though log(0) is not finite.
        exponent = apply("where", apply("eq", a, _ZERO), _ZERO, _mul(g, _mul(y, apply("log", a))))
        return base, exponent
    raise Unsupported(f"no derivative of {y.op}")


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
        return apply("where", apply("gt", y, _ZERO), _ONE, _ZERO)
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
    raise Unsupported(f"no derivative of {y.op}")
