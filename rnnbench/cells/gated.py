"""What gated cells share: stacked weights with one block of rows a gate.

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight (gates times H).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from rnnbench.cells.base import Cell, Product, Rows


@dataclass(frozen=True)
class Gated(Cell):
    """Base of cells whose gates are sums ``W_i x + b_i + W_h h + b_h``; a subclass names its gates.

    Attributes:
        gates: names of the blocks of rows of weight_ih, weight_hh and the biases, in their order.
        states: names of the states, each of H units.
        vectors: names of further parameters (H).
    """

    gates: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("h",)
    vectors: ClassVar[tuple[str, ...]] = ()

    @property
    def state(self) -> dict[str, int]:
        """``states``, H units each."""
        return dict.fromkeys(self.states, self.hidden_size)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """weight_ih (G, I), weight_hh (G, H), bias_ih and bias_hh (G), then the vectors (H)."""
        H = self.hidden_size
        G = len(self.gates) * H
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (G, self.input_size), "weight_hh": (G, H)}
        if self.bias:
            shapes |= {"bias_ih": (G,), "bias_hh": (G,)}
        return shapes | dict.fromkeys(self.vectors, (H,))

    def rows(self, first: str, last: str | None = None) -> Rows:
        """The rows of gate ``first``, or of all from ``first`` to ``last``."""
        H = self.hidden_size
        return self.gates.index(first) * H, (self.gates.index(last or first) + 1) * H

    def product(self, value: str = "h", rows: Rows | None = None) -> Product:
        """``value`` times weight_hh with its bias."""
        return Product(value, "weight_hh", "bias_hh" if self.bias else None, rows)

    def set_gate_bias(self, params: Mapping[str, Tensor], gate: str, value: float) -> None:
        """Start the bias of ``gate`` at ``value``: in bias_ih, with 0 in bias_hh. Draws nothing."""
        rows = slice(*self.rows(gate))
        with torch.no_grad():
            nn.init.constant_(params["bias_ih"][rows], value)
            nn.init.zeros_(params["bias_hh"][rows])
