"""The long short-term memory with a forget gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from rnnbench.cells.base import Cell, Product, Stage


def _gates(gates_BG: Tensor, c_BH: Tensor) -> tuple[Tensor, Tensor]:
    i, f, g, o = gates_BG.chunk(4, -1)
    c_new_BH = torch.sigmoid(f) * c_BH + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c_new_BH), c_new_BH


def _as_is(product_BP: Tensor) -> tuple[Tensor]:
    return (product_BP,)


@dataclass(frozen=True)
class LSTM(Cell):
    """The LSTM of today's libraries, as in ``torch.nn.LSTM``: forget gate, no peepholes, coupled to nothing.

    ::

        i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)     input gate
        f = sigmoid(W_if x + b_if + W_hf h + b_hf)     forget gate
        g = tanh(W_ig x + b_ig + W_hg h + b_hg)        candidate
        o = sigmoid(W_io x + b_io + W_ho h + b_ho)     output gate
        c' = f * c + i * g
        h' = o * tanh(c')                              W_hr (o * tanh(c')) with a projection

    Source: Hochreiter and Schmidhuber 1997, who have no forget gate (f = 1); the gate is of Gers, Schmidhuber
    and Cummins 2000. It is also the LSTM of the two introductory texts that this package grew out of.
    Namesakes that differ: Gers and Schmidhuber 2000 and Graves 2013 add peepholes from c to the gates. The
    projection is of Sak, Senior and Beaufays 2014.

    Shapes: weight_ih (4H, I), weight_hh (4H, P), bias_ih and bias_hh (4H), rows in the order i f g o;
    weight_hr (P, H) with a projection. P is ``proj_size``, or H without a projection.

    Attributes:
        forget_bias: value at which the forget gate's bias starts (in bias_ih; its part of bias_hh starts at
            0), for example 1 (Gers 2000, Jozefowicz 2015). None leaves it as drawn.
        proj_size: size to which the output is projected; 0 for none. Smaller than ``hidden_size``.

    Example:
        >>> LSTM(input_size=3, hidden_size=5, proj_size=2).state
        {'h': 2, 'c': 5}
    """

    forget_bias: float | None = None
    proj_size: int = 0

    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({"forget_bias": 1.0}, {"proj_size": 3})

    def __post_init__(self) -> None:
        """See ``Cell``; also the ranges of ``proj_size`` and ``forget_bias``."""
        super().__post_init__()
        if not 0 <= self.proj_size < self.hidden_size:
            raise ValueError(f"proj_size={self.proj_size}: must be in 0..hidden_size-1={self.hidden_size - 1}")
        if self.forget_bias is not None and not self.bias:
            raise ValueError(f"forget_bias={self.forget_bias}: needs bias=True")

    @property
    def state(self) -> dict[str, int]:
        """``h``, the output (P or H), and ``c``, the memory (H)."""
        return {"h": self.proj_size or self.hidden_size, "c": self.hidden_size}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of ``torch.nn.LSTM``."""
        G = 4 * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (G, self.input_size),
            "weight_hh": (G, self.output_size),
        }
        if self.bias:
            shapes |= {"bias_ih": (G,), "bias_hh": (G,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        return shapes

    def stages(self) -> tuple[Stage, ...]:
        """The gates; with a projection its product is a second stage."""
        gates = Stage(
            _gates,
            writes=("m" if self.proj_size else "h", "c"),
            reads=("c",),
            share=(0, 4 * self.hidden_size),
            product=Product("h", "weight_hh", "bias_hh" if self.bias else None),
            joint=True,
        )
        if not self.proj_size:
            return (gates,)
        return (gates, Stage(_as_is, writes=("h",), product=Product("m", "weight_hr")))

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``torch.nn``, then the forget gate's bias, which draws nothing."""
        super().reset_parameters(params)
        if self.forget_bias is not None:
            forget = slice(self.hidden_size, 2 * self.hidden_size)
            with torch.no_grad():
                params["bias_ih"][forget] = self.forget_bias
                params["bias_hh"][forget] = 0.0
