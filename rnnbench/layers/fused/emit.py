"""From the plan of a step to C++: the loop over time with its products and row-by-row kernels.

The text is complete but for ``kernel.hpp`` (vectors, functions), which it includes. Sizes are constants
in it, so that the compiler sees them.
"""

from __future__ import annotations

from collections.abc import Iterable

from rnnbench.layers.fused.expr import COMPARISONS, Expr, walk
from rnnbench.layers.fused.program import Program
from rnnbench.layers.fused.trace import Kernel, Place, Store

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_MASKS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


def buffers(program: Program) -> list[str]:
    """Names of the buffers that a caller passes, in order."""
    moving = [name for name in program.widths if not name.startswith(("old:", "new:", "grad:"))]
    states = [f"{kind}:{name}" for name in program.states for kind in ("hist", "initial", "dfinal", "dinitial")]
    weights = [f"weight:{index}" for index, kernel in enumerate(program.kernels) if kernel.product]
    return moving + states + weights + [f"bias:{name[7:]}" for name in weights]


def source(program: Program, shapes: dict[str, tuple[int, ...]]) -> str:
    """The C++ text of ``forward`` and ``backward``."""
    return "\n".join(
        [
            '#include "kernel.hpp"',
            _function(program, shapes, "forward"),
            _function(program, shapes, "backward"),
            "",
        ]
    )


def work_size(program: Program, shapes: dict[str, tuple[int, ...]], rows: int, lanes: int) -> int:
    """Numbers of scratch memory that one worker needs for ``rows`` rows."""
    packed = sum(max(_packed(G, K, lanes), _packed(K, G, lanes)) for G, K in _products(program, shapes))
    return packed + rows * sum(width for name, width in program.widths.items() if name.startswith("grad:")) + 64


def _products(program: Program, shapes: dict[str, tuple[int, ...]]) -> list[tuple[int, int]]:
    return [product_size(kernel, shapes) for kernel in program.kernels if kernel.product]


def product_size(kernel: Kernel, shapes: dict[str, tuple[int, ...]]) -> tuple[int, int]:
    """Rows and columns of a kernel's weight."""
    assert kernel.product
    rows, columns = shapes[kernel.product.weight]
    start, stop = kernel.product.rows or (0, rows)
    return stop - start, columns


def _packed(rows: int, columns: int, lanes: int) -> int:
    return -(-rows // (2 * lanes)) * 2 * lanes * columns


def _id(name: str) -> str:
    return name.replace(":", "_").replace("@", "_")


def _function(program: Program, shapes: dict[str, tuple[int, ...]], name: str) -> str:
    forward = name == "forward"
    lines = [f'extern "C" void {name}(const Job& q, T* const* b, int64 unit, int64 r0, int64 r1, T* work) {{']
    lines += [f"  T* const {_id(buffer)}_0 = b[{index}];" for index, buffer in enumerate(buffers(program))]
    lines += _vectors(program) + _packs(program, shapes, forward)
    if not forward:
        lines += _gradient_buffers(program)
    lines += ["  int64 before = 0;", "  for (int64 k = 0; k < q.steps; ++k) {"]
    lines += [f"    const int64 t = q.reverse == {int(forward)} ? q.steps - 1 - k : k;"]
    lines += ["    const int64 n = (q.rows[t] < r1 ? q.rows[t] : r1) - r0;"]
    if forward:
        lines += ["    if (n <= 0) continue;"]
    lines += ["    const int64 at = q.offset[t] + r0;"]
    lines += ["    const int64 old = (t + q.reverse) * q.batch + r0, now = (t + 1 - q.reverse) * q.batch + r0;"]
    lines += ["    const int64 kept = q.kept ? at : r0;"]
    lines += [*_arriving(program, forward), "    before = n > 0 ? n : 0;"]
    if not forward:
        lines += ["    if (n <= 0) continue;"]
    lines += _pointers(program)
    kernels = list(enumerate(program.kernels))
    for index, kernel in kernels if forward else reversed(kernels):
        lines += _forward(program, kernel, index, shapes) if forward else _backward(program, kernel, index, shapes)
    if not forward:
        for state, size in program.states.items():
            if state in program.zeroed:
                lines += [f"    clear(grad_old_{state}, n * {size});"]
            lines += [f"    swap(grad_old_{state}, grad_new_{state});"]
    lines += ["  }"]
    if not forward:
        lines += [f"  copy(grad_new_{s}, before * {w}, dinitial_{s}_0 + r0 * {w});" for s, w in program.states.items()]
    return "\n".join([*lines, "}"])


def _vectors(program: Program) -> list[str]:
    found = []
    for name, size in program.vectors.items():
        found += [f"  T* const param_{name} = param_{name}_0;"]
        found += [f"  T* const dparam_{name} = dparam_{name}_0 + unit * {size};"]
    return found


def _packs(program: Program, shapes: dict[str, tuple[int, ...]], forward: bool) -> list[str]:
    lines = []
    for index, kernel in enumerate(program.kernels):
        if kernel.product and (forward or kernel.operand_first is not None):
            G, K = product_size(kernel, shapes)
            size = f"{G}, {K}" if forward else f"{K}, {G}"
            lines += [f"  T* const pack_{index} = work;"]
            lines += [f"  q.pack(weight_{index}_0, {G}, {K}, {str(not forward).lower()}, work);"]
            lines += [f"  work += packed({size});"]
    return lines


def _gradient_buffers(program: Program) -> list[str]:
    lines = []
    for name, width in program.widths.items():
        if name.startswith("grad:"):
            lines += [f"  T* {_id(name)} = work;", f"  work += (r1 - r0) * {width};"]
    return lines


def _arriving(program: Program, forward: bool) -> list[str]:
    """Rows that begin at this step, and in the backward pass those that end."""
    lines = []
    for name, width in program.states.items():
        if forward:
            text = (
                f"    if (n > before) copy(initial_{name}_0 + (r0 + before) * {width}, (n - before) * {width}, "
                f"hist_{name}_0 + (old + before) * {width});"
            )
        else:
            text = (
                f"    turn(grad_new_{name}, before, n > 0 ? n : 0, {width}, dfinal_{name}_0 + r0 * {width}, "
                f"dinitial_{name}_0 + r0 * {width});"
            )
        lines.append(text)
    return lines


def _pointers(program: Program) -> list[str]:
    lines = []
    for name, width in program.widths.items():
        if name.startswith(("old:", "new:")):
            row = "old" if name.startswith("old:") else "now"
            lines += [f"    T* const {_id(name)} = hist_{name[4:]}_0 + {row} * {width};"]
        elif name.startswith("constant:"):
            lines += [f"    T* const {_id(name)} = {_id(name)}_0 + r0 * {width};"]
        elif not name.startswith(("grad:", "param:", "dparam:")):
            row = "kept" if name == "keep" or "@" in name else "at"
            lines += [f"    T* const {_id(name)} = {_id(name)}_0 + {row} * {width};"]
    return lines


def _forward(program: Program, kernel: Kernel, index: int, shapes: dict[str, tuple[int, ...]]) -> list[str]:
    lines = []
    if kernel.product:
        G, K = product_size(kernel, shapes)
        operand, target = _at(program, program.places[kernel.operand]), _at(program, program.places[kernel.sum])
        adds = program.places[kernel.sum].buffer == "share"
        bias = "nullptr" if adds or not kernel.product.bias else f"bias_{index}_0"
        lines += [f"    q.gemm(n, {G}, {K}, {operand}, pack_{index}, {target}, {int(adds)}, {bias});"]
    return lines + _rows(program, kernel.forward)


def _backward(program: Program, kernel: Kernel, index: int, shapes: dict[str, tuple[int, ...]]) -> list[str]:
    lines = _rows(program, kernel.backward)
    if kernel.operand_first is not None:
        G, K = product_size(kernel, shapes)
        name = "dx" if kernel.operand == "x" else f"grad:{kernel.operand}"
        source, target = _at(program, program.places[kernel.sum]), _at(program, Place(name, 0))
        adds = int(not kernel.operand_first)
        lines += [f"    q.gemm(n, {K}, {G}, {source}, pack_{index}, {target}, {adds}, nullptr);"]
    return lines


def _at(program: Program, place: Place) -> str:
    """Pointer and distance of rows, as arguments of a product."""
    column = f" + {place.column}" if place.column else ""
    return f"{_id(place.buffer)}{column}, {program.widths[place.buffer]}"


def _rows(program: Program, stores: list[Store]) -> list[str]:
    """The loop over rows: sums first, level by level, then what is stored."""
    if not stores:
        return []
    lines = ["    for (int64 r = 0; r < n; ++r) {"]
    used = {s.place.buffer for s in stores} | {
        program.places[n.name].buffer for n in walk(s.value for s in stores) if n.op == "leaf"
    }
    for name in program.widths:
        if name in used:
            width = program.widths[name]
            step = "" if name.startswith(("param:", "dparam:")) else f" + r * {width}"
            lines += [f"      T* const p_{_id(name)} = {_id(name)}{step};"]
    names: dict[Expr, str] = {}
    body = _Body(program, names)
    for node in walk(store.value for store in stores):
        if node.op == "leaf" and node.width == 1:  # read before any pass may write over it
            body(node)
    lines += ["      " + line for line in body.lines]
    for level in _levels(stores):
        for width in sorted({node.args[0].width for node in level}):
            lines += _sums(program, [node for node in level if node.args[0].width == width], width, names)
    for width in sorted({store.width for store in stores}):
        lines += _pass(program, [store for store in stores if store.width == width], width, names)
    return [*lines, "    }"]


def _levels(stores: list[Store]) -> list[list[Expr]]:
    depth: dict[Expr, int] = {}
    levels: list[list[Expr]] = []
    for node in walk(store.value for store in stores):
        depth[node] = max((depth[arg] for arg in node.args), default=0)
        if node.op in ("sum", "amax"):
            if depth[node] == len(levels):
                levels.append([])
            levels[depth[node]].append(node)
            depth[node] += 1
    return levels


def _sums(program: Program, nodes: list[Expr], width: int, names: dict[Expr, str]) -> list[str]:
    for node in nodes:
        names[node] = f"s{len(names)}"
    lines = [f"      V {names[n]} = splat({'0' if n.op == 'sum' else '-INF'});" for n in nodes]
    body = _Body(program, dict(names))
    for node in nodes:
        value, total = body(node.args[0]), names[node]
        added = f"{total} + io.clear({value})" if node.op == "sum" else f"vmax({total}, io.low({value}))"
        body.lines.append(f"{total} = {added};")
    lines += _loop(body.lines, width)
    return lines + [f"      {names[n]} = splat({'hsum' if n.op == 'sum' else 'hmax'}({names[n]}));" for n in nodes]


def _pass(program: Program, stores: list[Store], width: int, names: dict[Expr, str]) -> list[str]:
    body = _Body(program, dict(names))
    stored = []
    for store in stores:
        value = body(store.value)
        pointer = body.pointer(store.place)
        stored.append(f"io.{'add' if store.add else 'store'}({pointer} + j, {body.number(store.value, value)});")
    return _loop(body.lines + stored, width)


def _loop(body: list[str], width: int) -> list[str]:
    inner = ["        " + line for line in body]
    head = "      each<" + str(width) + ">([&](const auto io, const int64 j) __attribute__((always_inline)) {"
    return [head, *inner, "      });"]


class _Body:
    """Statements of one pass over a row, each operation once."""

    def __init__(self, program: Program, names: dict[Expr, str]) -> None:
        self.program, self.names, self.lines = program, names, []

    def __call__(self, root: Expr) -> str:
        for node in _until(root, self.names):
            if node not in self.names:
                self.names[node] = name = f"v{len(self.names)}"
                kind = "M" if node.op in COMPARISONS else "V"
                self.lines.append(f"const {kind} {name} = {self._text(node)};")
        return self.names[root]

    def number(self, node: Expr, name: str) -> str:
        """A mask as zeros and ones."""
        return f"({name} ? splat(1) : splat(0))" if node.op in COMPARISONS else name

    def pointer(self, place: Place) -> str:
        """Where columns of this row begin."""
        return f"p_{_id(place.buffer)} + {place.column}" if place.column else f"p_{_id(place.buffer)}"

    def _text(self, node: Expr) -> str:
        if node.op == "leaf":
            place = self.program.places[node.name]
            pointer = self.pointer(Place(place.buffer, place.column + node.start))
            return f"splat(*({pointer}))" if node.width == 1 else f"io.load({pointer} + j)"
        if node.op == "const":
            return f"splat(T({node.value.hex()}))"
        args = [self.names[arg] for arg in node.args]
        numbers = [self.number(arg, name) for arg, name in zip(node.args, args)]
        if node.op in _INFIX:
            return f"{numbers[0]} {_INFIX[node.op]} {numbers[1]}"
        if node.op in _MASKS:
            return f"{numbers[0]} {_MASKS[node.op]} {numbers[1]}"
        if node.op == "neg":
            return f"-{numbers[0]}"
        if node.op == "detach":
            return numbers[0]
        if node.op == "where":
            mask = args[0] if node.args[0].op in COMPARISONS else f"({args[0]} != splat(0))"
            return f"{mask} ? {numbers[1]} : {numbers[2]}"
        return f"v{node.op}({', '.join(numbers)})"


def _until(root: Expr, known: dict[Expr, str]) -> Iterable[Expr]:
    """The nodes under ``root`` that are not known, operands first."""
    if root in known:
        return []
    found: list[Expr] = []
    stack = [(root, False)]
    seen = set(known)
    while stack:
        node, ready = stack.pop()
        if ready:
            found.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args))
    return found
