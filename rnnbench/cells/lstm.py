"""The long short-term memory: with a forget gate, as of 1997, and with truncated gradients.

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight, P rows of a projection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import Gated, as_is


def lstm_step(gates_BG: Tensor, c_BH: Tensor) -> tuple[Tensor, Tensor]:
    """The new h and c of the LSTM from the sums of its gates in the order i f g o."""
    i, f, g, o = gates_BG.chunk(4, -1)
    c_new_BH = torch.sigmoid(f) * c_BH + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c_new_BH), c_new_BH


@dataclass(frozen=True)
class _ForgetBias(Gated):
    """Cells with a forget gate ``f`` whose bias can be raised at the start."""

    forget_bias: float | None = None

    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({"forget_bias": 1.0},)

    def __post_init__(self) -> None:
        """See ``Cell``; also that there is a bias to raise."""
        super().__post_init__()
        if self.forget_bias is not None and not self.bias:
            raise ValueError(f"forget_bias={self.forget_bias}: needs bias=True")

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``torch.nn``, then the forget gate's bias, which draws nothing."""
        super().reset_parameters(params)
        if self.forget_bias is not None:
            self.set_gate_bias(params, "f", self.forget_bias)


@dataclass(frozen=True)
class LSTM(_ForgetBias):
    """The LSTM of today's libraries, as in ``torch.nn.LSTM``: forget gate, no peepholes, coupled to nothing.

    ::

        i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)     input gate
        f = sigmoid(W_if x + b_if + W_hf h + b_hf)     forget gate
        g = tanh(W_ig x + b_ig + W_hg h + b_hg)        candidate
        o = sigmoid(W_io x + b_io + W_ho h + b_ho)     output gate
        c' = f * c + i * g
        h' = o * tanh(c')                              W_hr (o * tanh(c')) with a projection

    Source: Hochreiter and Schmidhuber 1997, who have no forget gate (``OriginalLSTM``); the gate is of Gers,
    Schmidhuber and Cummins 2000. It is also the LSTM of the two introductory texts that this package grew out of.
    Namesakes that differ: Gers and Schmidhuber 2000 and Graves 2013 add peepholes from c to the gates
    (``PeepholeLSTM``). The projection is of Sak, Senior and Beaufays 2014, who have peepholes besides.

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

    proj_size: int = 0

    gates: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({"forget_bias": 1.0}, {"proj_size": 3})

    def __post_init__(self) -> None:
        """See ``Cell``; also the range of ``proj_size``."""
        super().__post_init__()
        if not 0 <= self.proj_size < self.hidden_size:
            raise ValueError(f"proj_size={self.proj_size}: must be in 0..hidden_size-1={self.hidden_size - 1}")

    @property
    def state(self) -> dict[str, int]:
        """``h``, the output (P or H), and ``c``, the memory (H)."""
        return {"h": self.proj_size or self.hidden_size, "c": self.hidden_size}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of ``torch.nn.LSTM``."""
        shapes = super().parameter_shapes() | {"weight_hh": (4 * self.hidden_size, self.output_size)}
        return shapes | ({"weight_hr": (self.proj_size, self.hidden_size)} if self.proj_size else {})

    def stages(self) -> tuple[Stage, ...]:
        """The gates; with a projection its product is a second stage."""
        writes = ("m" if self.proj_size else "h", "c")
        gates = Stage(lstm_step, writes, ("c",), self.all_rows, self.product(), joint=True)
        if not self.proj_size:
            return (gates,)
        return (gates, Stage(as_is, ("h",), product=Product("m", "weight_hr")))


@dataclass(frozen=True)
class OriginalLSTM(Gated):
    """The LSTM of 1997: no forget gate, the memory only adds.

    ::

        i = sigmoid(W_ii x + W_hi h + b_i)
        g = 4 sigmoid(W_ig x + W_hg h + b_g) - 2       squash="paper"; tanh with squash="tanh"
        o = sigmoid(W_io x + W_ho h + b_o)
        c' = c + i * g
        h' = o * (2 sigmoid(c') - 1)                   squash="paper"; o * tanh(c') with squash="tanh"

    Source: Hochreiter and Schmidhuber 1997, "Long short-term memory", section 4 and appendix A.1, with memory
    blocks of one cell. Its gradient is truncated: that is ``TruncatedLSTM``; here it is whole. ``LSTMf`` of
    Jozefowicz 2015 is the form with tanh.

    Shapes: weight_ih (3H, I), weight_hh (3H, H), bias_ih (3H), rows in the order i g o.

    Attributes:
        squash: the two squashing functions: those of the ``paper``, or ``tanh`` for both.
    """

    squash: Literal["paper", "tanh"] = "paper"

    gates: ClassVar[tuple[str, ...]] = ("i", "g", "o")
    biases: ClassVar[tuple[str, ...]] = ("bias_ih",)
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    truncated: ClassVar[bool] = False

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        product = replace(self.product(), detach=self.truncated)
        return (Stage(self._step, self.states, ("c",), self.all_rows, product, joint=True),)

    def _step(self, gates_BG: Tensor, c_BH: Tensor) -> tuple[Tensor, Tensor]:
        i, g, o = gates_BG.chunk(3, -1)
        if self.squash == "paper":  # 2 sigmoid(v) - 1 = tanh(v / 2), without its cancellation
            c_new_BH = c_BH + torch.sigmoid(i) * (2 * torch.tanh(g / 2))
            return torch.sigmoid(o) * torch.tanh(c_new_BH / 2), c_new_BH
        c_new_BH = c_BH + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c_new_BH), c_new_BH


@dataclass(frozen=True)
class TruncatedLSTM(OriginalLSTM):
    """``OriginalLSTM`` with the truncated gradient of 1997: errors flow back in time through the memory c alone.

    What reaches a gate or the candidate does not flow on into the old h (Hochreiter and Schmidhuber 1997,
    appendix A.1). The outputs are those of ``OriginalLSTM``, the gradient is not the gradient of the outputs.
    """

    truncated: ClassVar[bool] = True
    exceptions: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"gradients": "the truncated gradient of the paper is not the gradient of the outputs"}
    )
