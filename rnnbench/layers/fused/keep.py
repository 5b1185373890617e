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
        if not _backward(node) and (node.op in COSTLY or node in self.stored):
            if node not in self.stored and node not in self.kept:
                self.kept.append(node)
            return leaf(f"kept:{id(node)}", 0, node.width)
        return apply(node.op, *(self.memo[arg] for arg in node.args))

    def keep(self) -> None:
        """Find a place for every kept value: over a sum that is not read again, or beside it."""
        free = self._free()
        used = self._used()
        for node in self.kept:
            name = f"kept:{id(node)}"
            if name not in used:
                continue
            slot = next((place for place, width in free if width == node.width), None)
            if slot is None:
                slot = self.rooms.room(node.width)
            else:
                free.remove((slot, node.width))
            self.kernel.forward.append(Store(slot, node.width, node))
            self.rooms.places[name] = slot
        for node, place in self.stored.items():
            self.rooms.places[f"kept:{id(node)}"] = place

    def _used(self) -> set[str]:
        """Leaves of the backward expressions proper."""
        roots = [value for node, value in self.memo.items() if _backward(node)]
        return {node.name for node in walk(roots) if node.op == "leaf"}

    def _free(self) -> list[tuple[Place, int]]:
        """Columns of sums and shares that only the forward pass reads, if one pass over the row does it all."""
        roots = [store.value for store in self.kernel.forward] + self.kept
        nodes = list(walk(roots))
        if any(node.op in ("sum", "amax") for node in nodes):
            return []
        used = self._used()
        leading = [n for n in nodes if n.op == "leaf" and n.name.split("@")[0] in ("sum", "share", "product")]
        return [
            (Place(self.rooms.places[n.name].buffer, self.rooms.places[n.name].column + n.start), n.width)
            for n in leading
            if n.name not in used
        ]


@cache
def _backward(node: Expr) -> bool:
    """Whether a gradient takes part in ``node``."""
    if node.op == "leaf":
        return node.name.startswith("grad:") or node.name == "dout"
    return any(_backward(arg) for arg in node.args)
