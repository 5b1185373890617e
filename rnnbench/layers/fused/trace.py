"""Running a cell's stages on rows of leaves, and cutting the step into kernels at its matrix products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

from rnnbench.cells import Cell, Product, Stage
from rnnbench.layers.fused.expr import Expr, Unsupported, leaf, walk
from rnnbench.layers.fused.vector import Vector

#: For a leaf, the columns at which its parts begin and end.
Edges = dict[str, set[int]]


@dataclass(frozen=True)
class Place:
    """Columns of a buffer.

    Attributes:
        buffer: its name.
        column: the first.
    """

    buffer: str
    column: int


@dataclass(frozen=True)
class Store:
    """An expression and where it goes.

    Attributes:
        place: the first column.
        width: columns; a narrower value fills them all.
        value: the expression.
        add: whether it is added to what is there.
    """

    place: Place
    width: int
    value: Expr
    add: bool = False


@dataclass
class Kernel:
    """What is computed between two matrix products.

    Attributes:
        product: the product it begins with.
        operand: name of the value that is multiplied.
        sum: name of the leaf that the product, or share plus product, is read as.
        forward: stores of the forward pass.
        backward: stores of the backward pass.
        carried: values that later kernels read but do not multiply, whose place is found with the kept ones.
        operand_first: whether the gradient of the operand is written rather than added to; None for no gradient.
    """

    product: Product | None = None
    operand: str = ""
    sum: str = ""
    forward: list[Store] = field(default_factory=list)
    backward: list[Store] = field(default_factory=list)
    carried: dict[str, Expr] = field(default_factory=dict)
    operand_first: bool | None = None
    written: dict[str, Vector] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """Kernels with what they write, the names that products multiply, and the output's."""

    kernels: list[Kernel]
    multiplied: set[str]
    output: str


def trace(cell: Cell, shapes: Mapping[str, tuple[int, ...]]) -> Trace:
    """The kernels of ``cell``; leaves are cut so that no two of one name overlap.

    Raises:
        Unsupported: its pointwise functions cannot be expressed; the message says what.
    """
    edges: Edges = {}
    while True:
        found = _trace(cell, shapes, edges)
        if all(_disjoint(found.kernels, name) for name in _edges(found.kernels)):
            return found
        edges = _edges(found.kernels)


def leaves(kernels: Iterable[Kernel]) -> list[Expr]:
    """Every leaf that the kernels read."""
    roots = [part for kernel in kernels for vector in kernel.written.values() for part in vector.parts]
    return [node for node in walk(roots) if node.op == "leaf"]


def _edges(kernels: list[Kernel]) -> Edges:
    found: Edges = {}
    for node in leaves(kernels):
        found.setdefault(node.name, set()).update((node.start, node.start + node.width))
    return found


def _disjoint(kernels: list[Kernel], name: str) -> bool:
    spans = sorted((node.start, node.width) for node in leaves(kernels) if node.name == name)
    return all(a + width <= b for (a, width), (b, _) in pairwise(spans))


def _row(name: str, width: int, edges: Edges) -> Vector:
    """All columns of a leaf, in parts cut at its edges."""
    cuts = sorted({0, width} | edges.get(name, set()))
    return Vector(*(leaf(name, a, b - a) for a, b in pairwise(cuts)))


def _trace(cell: Cell, shapes: Mapping[str, tuple[int, ...]], edges: Edges) -> Trace:
    """Run the stages on rows of leaves."""
    stages, kernels, multiplied = cell.stages(), [Kernel()], set()
    last = {name: index for index, stage in enumerate(stages) for name in stage.writes}
    versions = {name: f"old:{name}" for name in cell.state} | {"x": "x"}
    rows = {f"old:{name}": size for name, size in cell.state.items()} | {"x": cell.input_size}
    for kind, given in (("stream", cell.streams), ("constant", cell.constants)):
        versions |= {name: f"{kind}:{name}" for name in given}
        rows |= {f"{kind}:{name}": size for name, size in given.items()}
    for name, shape in shapes.items():
        if len(shape) < 2:
            versions[name] = f"param:{name}"
            rows[versions[name]] = shape[0] if shape else 1
    for index, stage in enumerate(stages):
        if stage.product:
            if stage.product.value in (*cell.streams, *cell.constants):
                raise Unsupported(f"{stage.product.value}: noise in a product")
            kernels.append(Kernel(stage.product, versions[stage.product.value]))
            multiplied.add(versions[stage.product.value])
        kernel = kernels[-1]
        arguments = [_row(name, width, edges) for name, width in leading(stage, index, shapes)]
        if stage.product:
            kernel.sum = f"sum@{index}" if stage.joint else f"product@{index}"
        for name in stage.inputs:
            value = versions.get(name)
            if value is None:
                raise Unsupported(f"{name}: a matrix outside a product")
            arguments.append(kernel.written[value] if value in kernel.written else _row(value, rows[value], edges))
        results = _results(stage, arguments)
        for name, vector in zip(stage.writes, results):
            final = name in cell.state and last[name] == index
            versions[name] = f"new:{name}" if final else f"{name}@{index}"
            if final and vector.width != cell.state[name]:
                raise Unsupported(f"{name}: a state of {cell.state[name]} numbers is written with {vector.width}")
            kernel.written[versions[name]] = vector
            rows[versions[name]] = vector.width
    return Trace([k for k in kernels if k.product or k.written], multiplied, versions[cell.output])


def _results(stage: Stage, arguments: list[Vector]) -> tuple[Vector, ...]:
    """What the stage writes. Whatever fails here runs, or fails with its own message, in the loop engine."""
    try:
        results = cast(tuple[Vector, ...], stage.step(*cast(list[Any], arguments)))
        if all(isinstance(result, Vector) for result in results):
            return results
    except Unsupported:
        raise
    except Exception as error:
        raise Unsupported(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}") from error
    raise Unsupported(f"{', '.join(stage.writes)}: not computed from the arguments of the stage")


def leading(stage: Stage, index: int, shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[str, int]]:
    """Names and widths of what a stage receives before its reads."""
    found = []
    if stage.share and not stage.joint:
        found.append((f"share@{index}", stage.share[1] - stage.share[0]))
    if stage.product:
        start, stop = stage.product.rows or (0, shapes[stage.product.weight][0])
        found.append((f"sum@{index}" if stage.joint else f"product@{index}", stop - start))
    return found
