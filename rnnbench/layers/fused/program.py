"""The plan of one fused time step: which expressions are computed when, and where every value is kept.

A step is cut into kernels: a kernel begins with a matrix product, if any, and computes all that follows up to the
next product row by row. Within a kernel values stay in registers; between kernels, and for the backward pass,
they are kept in buffers. What the backward pass needs is either read from a buffer or, where that is cheap,
computed again.

Values are named once: ``old:h`` and ``new:h`` are a state before and after the step, ``h@1`` what stage 1 wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from rnnbench.cells import Cell
from rnnbench.layers.fused.expr import Expr, apply, constant, leaf
from rnnbench.layers.fused.gradient import gradients
from rnnbench.layers.fused.keep import Cut
from rnnbench.layers.fused.trace import Kernel, Place, Store, Trace, leading, leaves, trace
from rnnbench.layers.fused.vector import Vector


@dataclass
class Program:
    """The plan of a step.

    Attributes:
        kernels: in forward order.
        places: where the value of each leaf is read.
        widths: numbers a row of every buffer.
        states: names and sizes.
        output: name of the value that is the output.
        zeroed: states whose old value receives no gradient.
        vectors: names and sizes of the parameters that are read outside products.
        extras: buffers of the streams and constants, and the names that the cell gives them.
    """

    kernels: list[Kernel]
    places: dict[str, Place]
    widths: dict[str, int]
    states: dict[str, int]
    output: str
    zeroed: list[str]
    vectors: dict[str, int]
    extras: dict[str, str]


def plan(cell: Cell, shapes: Mapping[str, tuple[int, ...]]) -> Program:
    """The plan for ``cell``, whose prepared parameters have ``shapes``.

    Raises:
        Unsupported: its pointwise functions cannot be expressed; the message says what.
    """
    return _Planner(cell, shapes, trace(cell, shapes)).program()


class _Planner:
    """Fills in the stores of traced kernels and decides where values are kept."""

    def __init__(self, cell: Cell, shapes: Mapping[str, tuple[int, ...]], traced: Trace) -> None:
        self.cell, self.kernels, self.output = cell, traced.kernels, traced.output
        self.multiplied = traced.multiplied
        kernels = traced.kernels
        self.widths: dict[str, int] = {"keep": 0, "x": cell.input_size, "dx": cell.input_size}
        self.widths["dout"] = cell.output_size
        self.places: dict[str, Place] = {"x": Place("x", 0), "dout": Place("dout", 0)}
        self.vectors: dict[str, int] = {}
        self._place_leading(shapes)
        for name, size in cell.state.items():
            self.places |= {f"{age}:{name}": Place(f"{age}:{name}", 0) for age in ("old", "new")}
            self.widths |= {f"{age}:{name}": size for age in ("old", "new", "grad:old", "grad:new")}
        self.extras = {f"stream:{name}": name for name in cell.streams}
        self.extras |= {f"constant:{name}": name for name in cell.constants}
        for buffer, name in self.extras.items():
            self.places[buffer] = Place(buffer, 0)
            self.widths[buffer] = (cell.streams | cell.constants)[name]
        used = {node.name: node for node in leaves(kernels)}
        for name, shape in shapes.items():
            if f"param:{name}" in used:
                self.vectors[name] = shape[0] if shape else 1
                self.widths |= {f"param:{name}": 0, f"dparam:{name}": self.vectors[name]}
                self.places[f"param:{name}"] = Place(f"param:{name}", 0)
        # The next step has always written the gradient of the new states.
        self.received = {f"new:{name}" for name in cell.state}

    def _place_leading(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        stages = self.cell.stages()
        self.widths["share"] = max((stage.share[1] for stage in stages if stage.share), default=0)
        for index, stage in enumerate(stages):
            if stage.share:
                self.places[f"{'sum' if stage.joint else 'share'}@{index}"] = Place("share", stage.share[0])
            if stage.product and not (stage.joint and stage.share):
                name = f"sum@{index}" if stage.joint else f"product@{index}"
                self.widths[name] = leading(stage, index, shapes)[-1][1]
                self.places[name] = Place(name, 0)

    def program(self) -> Program:
        """The finished plan."""
        needed_later = self._read_across()
        for kernel in self.kernels:
            self._store_written(kernel, needed_later)
        for kernel in reversed(self.kernels):
            self._differentiate(kernel)
        zeroed = [name for name in self.cell.state if f"old:{name}" not in self.received]
        states = dict(self.cell.state)
        sizes = self.places, self.widths, states
        return Program(self.kernels, *sizes, self.output, zeroed, self.vectors, self.extras)

    def _read_across(self) -> set[str]:
        """Values that another kernel reads or multiplies."""
        return self.multiplied | {node.name for node in leaves(self.kernels)}

    def _store_written(self, kernel: Kernel, needed: set[str]) -> None:
        for name, vector in kernel.written.items():
            if name == self.output and name not in self.places:
                self.places[name] = Place("out", 0)
                self.widths |= {"out": vector.width, f"grad:{name}": vector.width}
            elif not name.startswith("new:"):
                if name not in needed:
                    continue
                self.widths[f"grad:{name}"] = vector.width
                if name not in self.multiplied and len(vector.parts) == 1:
                    kernel.carried[name] = vector.parts[0]
                    continue
                self.places[name] = self.room(vector.width)
            place = self.places[name]
            for part, column in zip(vector.parts, _starts(vector)):
                kernel.forward.append(Store(Place(place.buffer, place.column + column), part.width, part))

    def room(self, width: int) -> Place:
        """New columns that last until the backward pass."""
        self.widths["keep"] += width
        return Place("keep", self.widths["keep"] - width)

    def _differentiate(self, kernel: Kernel) -> None:
        cotangents: dict[Expr, Expr] = {}
        for name, vector in kernel.written.items():
            for part, column in zip(vector.parts, _starts(vector)):
                total = self._cotangent(name, column, part.width)
                if total is not None:
                    cotangents[part] = apply("add", cotangents[part], total) if part in cotangents else total
        cut = Cut(kernel, self)
        found = gradients(cotangents)
        wanted = {node: cut(value) for node, value in found.items() if node.name not in self.extras}
        cut.keep()
        for name in dict.fromkeys(node.name for node in wanted):
            parts = {node: value for node, value in wanted.items() if node.name == name}
            self._store_gradient(kernel, name, parts)
        self._clear_unused(kernel, {node.name for node in wanted})
        if kernel.product and not kernel.product.detach:
            kernel.operand_first = kernel.operand not in self.received
            self.received.add(kernel.operand)

    def _cotangent(self, name: str, column: int, width: int) -> Expr | None:
        shares = []
        if name in self.received:
            shares.append(leaf(f"grad:{name}", column, width))
            self.places[f"grad:{name}"] = Place(f"grad:{name}", 0)
        if name == self.output:
            shares.append(leaf("dout", column, width))
        if not shares:
            return None
        return shares[0] if len(shares) == 1 else apply("add", *shares)

    def _store_gradient(self, kernel: Kernel, name: str, parts: dict[Expr, Expr]) -> None:
        base, add = 0, name in self.received
        if name.startswith("param:"):
            target, add = "d" + name, True
        elif name in self._leading_widths():
            target, base = self.places[name].buffer, self.places[name].column
        else:
            target = "dx" if name == "x" else f"grad:{name}"
        for node, value in parts.items():
            kernel.backward.append(Store(Place(target, base + node.start), node.width, value, add))
        if not add:
            self._fill(kernel, target, base, self._width(name), parts)
        self.received.add(name)

    def _width(self, name: str) -> int:
        if name.startswith(("old:", "new:")):
            return self.cell.state[name[4:]]
        if name == "x":
            return self.cell.input_size
        for kernel in self.kernels:
            if name in kernel.written:
                return kernel.written[name].width
        return self._leading_widths()[name]

    def _leading_widths(self) -> dict[str, int]:
        found = {}
        for index, stage in enumerate(self.cell.stages()):
            if stage.share:
                found[f"{'sum' if stage.joint else 'share'}@{index}"] = stage.share[1] - stage.share[0]
            if stage.product and not (stage.joint and stage.share):
                name = f"sum@{index}" if stage.joint else f"product@{index}"
                found[name] = self.widths[name]
        return found

    def _fill(self, kernel: Kernel, target: str, base: int, width: int, parts: Iterable[Expr]) -> None:
        """Zeros in the columns that no part covers."""
        position = 0
        for start, stop in [*sorted((node.start, node.start + node.width) for node in parts), (width, width)]:
            if start > position:
                kernel.backward.append(Store(Place(target, base + position), start - position, constant(0)))
            position = max(position, stop)

    def _clear_unused(self, kernel: Kernel, found: set[str]) -> None:
        """A share or product without influence has a gradient of zero all the same."""
        for name, width in self._leading_widths().items():
            index = int(name.split("@")[1])
            mine = self._kernel_of(index) is kernel
            if mine and name not in found:
                place = self.places[name]
                kernel.backward.append(Store(place, width, constant(0)))

    def _kernel_of(self, index: int) -> Kernel:
        """The kernel that holds a stage."""
        stages = self.cell.stages()
        position = sum(1 for stage in stages[: index + 1] if stage.product)
        leading = 1 if not stages[0].product else 0
        return self.kernels[position - 1 + leading]


def _starts(vector: Vector) -> list[int]:
    return [0, *accumulate(part.width for part in vector.parts)][:-1]
