"""The gated recurrent unit in its published conventions.

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import Gated, keep, through, write


def _gates(gates_BG: Tensor) -> tuple[Tensor, Tensor]:
    r, z = torch.sigmoid(gates_BG).chunk(2, -1)
    return r, z


def _gates_then_reset(gates_BG: Tensor, h_BH: Tensor) -> tuple[Tensor, Tensor]:
    r, z = _gates(gates_BG)
    return r * h_BH, z


def _gates_then_mix(gates_BG: Tensor, h_BH: Tensor, x_BH: Tensor) -> tuple[Tensor, Tensor]:
    r, z = _gates(gates_BG)
    return keep(r, h_BH, x_BH), z


@dataclass(frozen=True)
class GRU(Gated):
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

    Shapes with ``candidate="sum"``: two gates, r z, and weight_n (H, H), bias_n (H) of the candidate.

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
        super().__post_init__()
        if self.candidate == "sum" and self.reset == "after":
            raise ValueError("candidate='sum' resets before its product: set reset='before' (got 'after')")
        if self.candidate == "sum":
            self.need_equal_sizes("candidate='sum' adds input and state")

    @property
    def gates(self) -> tuple[str, ...]:
        return ("r", "z", "n") if self.candidate == "product" else ("r", "z")

    @property
    def memory_gates(self) -> dict[str, int]:
        return {"z": 1 if self.update == "keep" else -1}

    @property
    def biases(self) -> tuple[str, ...]:
        return ("bias_ih", "bias_hh") if self.recurrent_bias else ("bias_ih",)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        own = {"weight_n": (self.hidden_size,) * 2} | ({"bias_n": (self.hidden_size,)} if self.bias else {})
        return super().parameter_shapes() | (own if self.candidate == "sum" else {})

    def stages(self) -> tuple[Stage, ...]:
        """The gates, then the candidate and the new state."""
        gates = Stage(_gates, ("r", "z"), (), self.rows("r", "z"), self.product("h", "r", "z"), joint=True)
        if self.candidate == "sum":
            own = Product("m", "weight_n", "bias_n" if self.bias else None)
            mix = replace(gates, pointwise=_gates_then_mix, writes=("m", "z"), reads=("h", "x"))
            return mix, Stage(self._new, ("h",), ("z", "h"), product=own, candidate=True)
        if self.reset == "before":
            reset = replace(gates, pointwise=_gates_then_reset, writes=("m", "z"), reads=("h",))
            new = Stage(self._new, ("h",), ("z", "h"), self.rows("n"), self.product("m", "n"), joint=True)
            return reset, replace(new, candidate=True)
        # Two products of h instead of one: that of the gates is summed with the input's share for nothing.
        new = Stage(self._reset_then_new, ("h",), ("r", "z", "h"), self.rows("n"), self.product("h", "n"))
        return gates, replace(new, candidate=True)

    def _reset_then_new(
        self, share_BH: Tensor, product_BH: Tensor, r_BH: Tensor, z_BH: Tensor, h_BH: Tensor, kept: Tensor | None = None
    ) -> tuple[Tensor]:
        return self._new(share_BH + r_BH * product_BH, z_BH, h_BH, kept)

    def _new(self, sum_BH: Tensor, z_BH: Tensor, h_BH: Tensor, kept: Tensor | None = None) -> tuple[Tensor]:
        return ((keep if self.update == "keep" else write)(z_BH, h_BH, through(kept, torch.tanh(sum_BH))),)
