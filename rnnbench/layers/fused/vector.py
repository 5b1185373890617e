"""Stand-ins for tensors: a cell's pointwise function, called with them, yields expressions.

A ``Vector`` is a row of numbers in parts; it answers to operators, to ``torch`` functions (through
``__torch_function__``) and to their methods. What it does not know raises ``Unsupported``: such a cell runs in
the loop engine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import accumulate
from typing import Any, cast

import torch
from torch.nn import functional as F

from rnnbench.layers.fused.expr import COMPARISONS, Expr, Unsupported, apply, constant, narrow

_UNARY = ("exp", "log", "log1p", "expm1", "sigmoid", "tanh", "relu", "abs", "sqrt", "rsqrt", "sin", "cos", "erf")
_UNARY = (*_UNARY, "floor", "sign", "detach", "neg", "softplus")


class Vector:
    """A row of numbers: its parts, side by side."""

    #: So that ``.to(h.dtype)``, which autocast needs in the loop, means nothing here.
    dtype = None
    requires_grad = False

    def __init__(self, *parts: Expr) -> None:
        self.parts = parts

    @property
    def width(self) -> int:
        """Numbers a row."""
        return sum(part.width for part in self.parts)

    def size(self, dim: int) -> int:
        """The width, the one size that is known."""
        if dim != -1:
            raise Unsupported(f"size({dim}): only the last dimension has a known size")
        return self.width

    @property
    def shape(self) -> _Shape:
        """Known in its last entry alone."""
        return _Shape(self)

    def __getitem__(self, key: Any) -> Vector:
        if not (isinstance(key, tuple) and len(key) == 2 and key[0] is Ellipsis and isinstance(key[1], slice)):
            raise Unsupported(f"indexing with {key!r}: only [..., a:b]")
        start, stop, step = key[1].indices(self.width)
        if step != 1:
            raise Unsupported(f"indexing with step {step}")
        return _columns(self, start, stop - start)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in _METHODS:
            raise Unsupported(f"{name} has no expression")
        return partial(_METHODS[name], self)

    def __bool__(self) -> bool:
        raise Unsupported("branching on values")

    @classmethod
    def __torch_function__(cls, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        found = _FUNCTIONS.get(func)
        if found is None:
            raise Unsupported(f"{getattr(func, '__name__', func)} has no expression")
        return found(*args, **(kwargs or {}))


class _Shape:
    def __init__(self, vector: Vector) -> None:
        self.vector = vector

    def __getitem__(self, index: int | slice) -> int | tuple[int]:
        return (self.vector.width,) if index == slice(-1, None) else self.vector.size(cast(int, index))


def _columns(vector: Vector, start: int, width: int) -> Vector:
    parts, position = [], 0
    for part in vector.parts:
        low, high = max(start, position), min(start + width, position + part.width)
        if low < high:
            parts.append(narrow(part, low - position, high - low))
        position += part.width
    return Vector(*parts)


def _vector(value: Any) -> Vector:
    if isinstance(value, Vector):
        return value
    if isinstance(value, (int, float, bool)):
        return Vector(constant(float(value)))
    raise Unsupported(f"{type(value).__name__} beside a row of numbers")


def _elementwise(op: str) -> Callable[..., Vector]:
    operands = 1 if op in _UNARY else 3 if op == "where" else 2

    def function(*values: Any, **options: Any) -> Vector:
        if options or len(values) != operands:
            raise Unsupported(f"{op} with {', '.join(options) or f'{len(values)} arguments'}")
        vectors = [_vector(value) for value in values]
        width = max(vector.width for vector in vectors)
        if any(vector.width not in (1, width) for vector in vectors):
            raise Unsupported(f"{op} of widths {[vector.width for vector in vectors]}")
        edges = sorted({e for v in vectors if v.width == width for e in accumulate(p.width for p in v.parts)})
        parts, start = [], 0
        for edge in edges:
            cut = [v if v.width == 1 else _columns(v, start, edge - start) for v in vectors]
            parts.append(apply(op, *(v.parts[0] for v in cut)))
            start = edge
        return Vector(*parts)

    return function


def _last(dim: Any) -> None:
    if dim not in (-1, (-1,), [-1]):
        raise Unsupported(f"dim={dim}: only the last dimension, -1")


def _sum(vector: Vector, dim: Any = None, keepdim: bool = False) -> Vector:
    _last(dim)
    if not keepdim:
        raise Unsupported("sum without keepdim=True")
    total = constant(0)
    for part in vector.parts:
        total = apply("add", total, apply("sum", part))
    return Vector(total)


def _mean(vector: Vector, dim: Any = None, keepdim: bool = False) -> Vector:
    return _mul(_sum(vector, dim, keepdim), 1 / vector.width)


def _amax(vector: Vector, dim: Any = None, keepdim: bool = False) -> Vector:
    _last(dim)
    if not keepdim:
        raise Unsupported("amax without keepdim=True")
    parts = [apply("amax", part) for part in vector.parts]
    found = parts[0]
    for part in parts[1:]:
        found = apply("max", found, part)
    return Vector(found)


def _chunk(vector: Vector, chunks: int, dim: int = 0) -> tuple[Vector, ...]:
    return _split(vector, -(-vector.width // chunks), dim)


def _split(vector: Vector, sizes: int | list[int], dim: int = 0) -> tuple[Vector, ...]:
    _last(dim)
    if isinstance(sizes, int):
        sizes = [min(sizes, vector.width - start) for start in range(0, vector.width, sizes)]
    starts = [0, *accumulate(sizes)]
    return tuple(_columns(vector, start, size) for start, size in zip(starts, sizes))


def _cat(vectors: Any, dim: int = 0) -> Vector:
    _last(dim)
    return Vector(*(part for vector in vectors for part in vector.parts))


def _lerp(start: Any, end: Any, weight: Any) -> Vector:
    return _add(start, _mul(weight, _sub(end, start)))


def _pow(base: Any, exponent: Any) -> Vector:
    if isinstance(exponent, (int, float)):
        if exponent == 0.5:
            return _sqrt(base)
        if exponent in range(1, 9):
            return _vector(base) if exponent == 1 else _mul(_pow(base, exponent - 1), base)
    return _elementwise("pow")(base, exponent)


def _clamp(value: Any, min: Any = None, max: Any = None) -> Vector:
    # Not by maximum, whose gradient is shared between equal operands.
    low = value if min is None else _where(_elementwise("lt")(value, min), min, value)
    return low if max is None else _where(_elementwise("gt")(low, max), max, low)


def _var(vector: Vector, dim: Any = None, *, correction: int = 1, keepdim: bool = False) -> Vector:
    centred = _sub(vector, _mean(vector, dim, keepdim))
    return _mul(_sum(_mul(centred, centred), dim, keepdim), 1 / (vector.width - correction))


def _layer_norm(
    vector: Vector, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Vector:
    centred = _sub(vector, _mean(vector, -1, True))
    scaled = _mul(centred, _elementwise("rsqrt")(_add(_mean(_mul(centred, centred), -1, True), eps)))
    scaled = scaled if weight is None else _mul(scaled, weight)
    return scaled if bias is None else _add(scaled, bias)


def _softmax(vector: Vector, dim: Any = None) -> Vector:
    powers = _elementwise("exp")(_sub(vector, _elementwise("detach")(_amax(vector, dim, True))))
    return _div(powers, _sum(powers, dim, True))


def _logaddexp(a: Any, b: Any) -> Vector:
    return _add(_maximum(a, b), _elementwise("log1p")(_elementwise("exp")(_neg(_elementwise("abs")(_sub(a, b))))))


def _addcmul(base: Any, a: Any, b: Any, *, value: float = 1) -> Vector:
    return _add(base, _mul(_mul(a, b), value))


def _leaky_relu(value: Any, negative_slope: float = 0.01) -> Vector:
    return _where(_elementwise("gt")(value, 0), value, _mul(value, negative_slope))


def _gelu(value: Any, approximate: str = "none") -> Vector:
    if approximate != "none":
        raise Unsupported(f"gelu with approximate={approximate!r}")
    return _mul(_mul(value, 0.5), _add(_elementwise("erf")(_mul(value, 0.5**0.5)), 1))


def _apart(function: Callable[..., Vector]) -> Callable[..., Vector]:
    """``function`` with the argument ``inplace`` of torch's, which must be false."""

    def checked(*args: Any, inplace: bool = False, **kwargs: Any) -> Vector:
        if inplace:
            raise Unsupported("inplace=True")
        return function(*args, **kwargs)

    return checked


def _same(value: Vector, *args: Any, **kwargs: Any) -> Vector:
    return value


_add, _sub, _mul, _div, _neg = map(_elementwise, ("add", "sub", "mul", "div", "neg"))
_maximum, _minimum, _where, _sqrt = map(_elementwise, ("max", "min", "where", "sqrt"))

_METHODS: dict[str, Callable] = {op: _elementwise(op) for op in (*_UNARY, *COMPARISONS)}
_METHODS |= {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "true_divide": _div,
    "maximum": _maximum,
    "minimum": _minimum,
}
_METHODS |= {
    "chunk": _chunk,
    "split": _split,
    "cat": _cat,
    "sum": _sum,
    "mean": _mean,
    "var": _var,
    "amax": _amax,
    "lerp": _lerp,
}
_METHODS |= {
    "pow": _pow,
    "square": lambda v: _mul(v, v),
    "reciprocal": lambda v: _div(1, v),
    "clamp": _clamp,
    "softmax": _softmax,
}
_METHODS |= {"addcmul": _addcmul, "logaddexp": _logaddexp, "remainder": _elementwise("remainder"), "where": _where}
_METHODS |= {"rsub": lambda a, b: _sub(b, a), "split_with_sizes": _split}

_FUNCTIONS: dict[Any, Callable] = {
    getattr(torch, name): function for name, function in _METHODS.items() if hasattr(torch, name)
}
_FUNCTIONS |= {
    F.sigmoid: _METHODS["sigmoid"],
    F.tanh: _METHODS["tanh"],
    F.relu: _apart(_METHODS["relu"]),
    F.softplus: _elementwise("softplus"),
    F.silu: _apart(lambda v: _mul(v, _METHODS["sigmoid"](v))),
    F.logsigmoid: lambda v: _neg(_elementwise("softplus")(_neg(v))),
    F.leaky_relu: _apart(_leaky_relu),
    F.layer_norm: _layer_norm,
    F.softmax: _softmax,
    F.gelu: _gelu,
}
_METHODS |= {"to": _same, "type_as": _same, "float": _same, "contiguous": _same, "clone": _same}

_OPERATORS = {"add": _add, "sub": _sub, "mul": _mul, "truediv": _div, "pow": _pow, "mod": _elementwise("remainder")}
for _name, _function in _OPERATORS.items():
    setattr(Vector, f"__{_name}__", _function)
    setattr(Vector, f"__r{_name}__", lambda a, b, f=_function: f(b, a))
for _name in ("neg", "abs", *COMPARISONS):
    setattr(Vector, f"__{_name}__", _METHODS[_name])
