"""What the forward pass keeps for the backward pass, and where."""

from __future__ import annotations

from functools import cache
from typing import Protocol

from rnnbench.layers.fused.expr import COSTLY, Expr, apply, leaf, walk
from rnnbench.layers.fused.trace import Kernel, Place, Store


class Rooms(Protocol):
    """Who gives out columns of buffers and knows where leaves stand."""

    places: dict[str, Place]

    def room(self, width: int) -> Place:
        """New columns that last until the backward pass."""
        ...


class Cut:
    """Replaces what the backward pass should not compute again by leaves that the forward pass keeps."""

    def __init__(self, kernel: Kernel, rooms: Rooms) -> None:
        self.kernel, self.rooms = kernel, rooms
        self.stored = {store.value: store.place for store in kernel.forward}
        self.carried = dict.fromkeys(kernel.carried.values())
        self.memo: dict[Expr, Expr] = {}
        self.kept: list[Expr] = []

    def __call__(self, node: Expr) -> Expr:
        """``node`` in terms of what is kept."""
        for inner in walk([node]):
            if inner not in self.memo:
                self.memo[inner] = self._cut(inner)
        return self.memo[node]

    def _cut(self, node: Expr) -> Expr:
        if node.op in ("leaf", "const"):
            return node
        if not _backward(node) and (node.op in COSTLY or node in self.stored or node in self.carried):
            if node not in self.stored and node not in self.carried and node not in self.kept:
                self.kept.append(node)
            return _kept(node)
        return apply(node.op, *(self.memo[arg] for arg in node.args))

    def keep(self) -> None:
        """Find a place for every kept or carried value: over a sum that is not read again, or beside it."""
        used = self._used()
        free = self._free(used)
        places = dict(self.stored)
        for node in (*self.carried, *(node for node in self.kept if _kept(node) in used)):
            if node not in places:
                slot = next((place for place, width in free if width == node.width), None)
                if slot is None:
                    slot = self.rooms.room(node.width)
                else:
                    free.remove((slot, node.width))
                self.kernel.forward.append(Store(slot, node.width, node))
                places[node] = slot
        self.rooms.places |= {_kept(node).name: place for node, place in places.items()}
        self.rooms.places |= {name: places[node] for name, node in self.kernel.carried.items()}

    def _used(self) -> set[Expr]:
        """Leaves of the backward expressions proper."""
        roots = [value for node, value in self.memo.items() if _backward(node)]
        return {node for node in walk(roots) if node.op == "leaf"}

    def _free(self, used: set[Expr]) -> list[tuple[Place, int]]:
        """Columns of sums and shares that only the forward pass reads: at each place it has done so when it writes."""
        nodes = walk([store.value for store in self.kernel.forward] + self.kept + list(self.carried))
        leading = [n for n in nodes if n.op == "leaf" and n.name.split("@")[0] in ("sum", "share", "product")]
        return [
            (Place(self.rooms.places[n.name].buffer, self.rooms.places[n.name].column + n.start), n.width)
            for n in leading
            if n not in used
        ]


def _kept(node: Expr) -> Expr:
    """The leaf that stands for a value where it is kept."""
    return leaf(f"kept:{id(node)}", 0, node.width)


@cache
def _backward(node: Expr) -> bool:
    """Whether a gradient takes part in ``node``."""
    if node.op == "leaf":
        return node.name.startswith("grad:") or node.name == "dout"
    return any(_backward(arg) for arg in node.args)
