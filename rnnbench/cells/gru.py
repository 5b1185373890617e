"""The gated recurrent unit in its published conventions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from rnnbench.cells.base import Cell, Product, Stage


def _gates(gates_BG: Tensor) -> tuple[Tensor, Tensor]:
    r, z = torch.sigmoid(gates_BG).chunk(2, -1)
    return r, z


def _gates_then_reset(gates_BG: Tensor, h_BH: Tensor) -> tuple[Tensor, Tensor]:
    r, z = _gates(gates_BG)
    return r * h_BH, z


def _gates_then_mix(gates_BG: Tensor, h_BH: Tensor, x_BH: Tensor) -> tuple[Tensor, Tensor]:
    r, z = _gates(gates_BG)
    return torch.lerp(x_BH, h_BH, r), z


@dataclass(frozen=True)
class GRU(Cell):
    """The GRU; the default is that of ``torch.nn.GRU`` and cuDNN.

    ::

        r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)             reset gate
        z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)             update gate
        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))          reset="after" the product
        n = tanh(W_in x + b_in + W_hn (r * h) + b_hn)          reset="before" the product
        n = tanh(W_n (r * h + (1 - r) * x) + b_n)              candidate="sum"
        h' = z * h + (1 - z) * n                               update="keep": z keeps the old state
        h' = (1 - z) * h + z * n                               update="write": z writes the candidate

    Who writes what (papers print no biases; libraries have one vector, b_i, or two, b_i and b_h):

    - Cho et al. 2014, arXiv:1406.1078v1: after, keep. Version 3 (EMNLP): before, keep.
    - Chung et al. 2014, arXiv:1412.3555: before, write.
    - torch, cuDNN, Keras with ``reset_after=True`` (its default): after, keep, two biases.
    - Keras with ``reset_after=False``: before, keep, one bias. (Keras orders the rows z r n.)
    - The two introductory texts that this package grew out of: both have the plain form
      ``h' = (1 - z) h + z tanh(W [r * h, x])``: before, write. One of them also writes the mirror
      ``h' = z h + (1 - z) n`` (keep) and the candidate that is a sum, for which input and hidden sizes are
      equal and r gates the input too; it swaps the names of z and r between its sections. Here r is always
      the gate inside the candidate, z the one between old and new state.

    Shapes: weight_ih (3H, I), weight_hh (3H, H), bias_ih and bias_hh (3H), rows in the order r z n. With
    ``candidate="sum"`` these have 2H rows, r z, and weight_n (H, H), bias_n (H) are the candidate's own.

    Attributes:
        reset: whether r multiplies after or before the recurrent product of the candidate.
        update: what an open update gate does: ``keep`` the old state or ``write`` the candidate.
        candidate: ``product`` for two matrices, on x and on h; ``sum`` for one, on their gated sum.
        recurrent_bias: whether there is the second bias vector, bias_hh (and ``bias``).

    Example:
        >>> GRU(input_size=3, hidden_size=5, reset="before", update="write").state
        {'h': 5}
    """

    reset: Literal["after", "before"] = "after"
    update: Literal["keep", "write"] = "keep"
    candidate: Literal["product", "sum"] = "product"
    recurrent_bias: bool = True

    def __post_init__(self) -> None:
        """See ``Cell``; also what ``candidate="sum"`` needs."""
        super().__post_init__()
        if self.candidate == "sum" and self.reset == "after":
            raise ValueError("candidate='sum' resets before its product: set reset='before' (got 'after')")
        if self.candidate == "sum" and self.input_size != self.hidden_size:
            sizes = f"input_size={self.input_size}, hidden_size={self.hidden_size}"
            raise ValueError(f"candidate='sum' adds input and state: {sizes} must be equal")

    @property
    def state(self) -> dict[str, int]:
        """``h``, H units."""
        return {"h": self.hidden_size}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of ``torch.nn.GRU`` unless ``candidate="sum"`` or without ``recurrent_bias``."""
        H = self.hidden_size
        G = 3 * H if self.candidate == "product" else 2 * H
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (G, self.input_size), "weight_hh": (G, H)}
        if self.bias:
            shapes["bias_ih"] = (G,)
        if self._bias_hh:
            shapes["bias_hh"] = (G,)
        if self.candidate == "sum":
            shapes |= {"weight_n": (H, H)} | ({"bias_n": (H,)} if self.bias else {})
        return shapes

    @property
    def _bias_hh(self) -> str | None:
        return "bias_hh" if self.bias and self.recurrent_bias else None

    def stages(self) -> tuple[Stage, ...]:
        """The gates, then the candidate and the new state."""
        H = self.hidden_size
        gate_product = Product("h", "weight_hh", self._bias_hh, rows=(0, 2 * H))
        own_rows = (2 * H, 3 * H)
        if self.candidate == "sum":
            gates = Stage(_gates_then_mix, ("m", "z"), ("h", "x"), (0, 2 * H), gate_product, joint=True)
            own = Product("m", "weight_n", "bias_n" if self.bias else None)
            return gates, Stage(self._new, ("h",), ("z", "h"), product=own)
        if self.reset == "before":
            gates = Stage(_gates_then_reset, ("m", "z"), ("h",), (0, 2 * H), gate_product, joint=True)
            own = Product("m", "weight_hh", self._bias_hh, own_rows)
            return gates, Stage(self._new, ("h",), ("z", "h"), own_rows, own, joint=True)
        # Two products of h instead of one: that of the gates is summed with the input's share for nothing.
        gates = Stage(_gates, ("r", "z"), (), (0, 2 * H), gate_product, joint=True)
        own = Product("h", "weight_hh", self._bias_hh, own_rows)
        return gates, Stage(self._reset_then_new, ("h",), ("r", "z", "h"), own_rows, own)

    def _reset_then_new(
        self, share_BH: Tensor, product_BH: Tensor, r_BH: Tensor, z_BH: Tensor, h_BH: Tensor
    ) -> tuple[Tensor]:
        return self._new(share_BH + r_BH * product_BH, z_BH, h_BH)

    def _new(self, sum_BH: Tensor, z_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        # Autocast makes the products narrow, and lerp takes one type: the state stays as wide as it came
        n_BH, z_BH = torch.tanh(sum_BH).to(h_BH.dtype), z_BH.to(h_BH.dtype)
        return (torch.lerp(n_BH, h_BH, z_BH) if self.update == "keep" else torch.lerp(h_BH, n_BH, z_BH),)
