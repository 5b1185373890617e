"""The long short-term memory: with a forget gate, as of 1997, and with truncated gradients.

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight, P rows of a projection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import ForgetBias, OneStage, as_is, through


def lstm_step(gates_BG: Tensor, c_BH: Tensor, kept_BH: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The new h and c of the LSTM from the sums of its gates in the order i f g o; a factor on the candidate."""
    i, f, g, o = gates_BG.chunk(4, -1)
    c_new_BH = torch.sigmoid(f) * c_BH + torch.sigmoid(i) * through(kept_BH, torch.tanh(g))
    return torch.sigmoid(o) * torch.tanh(c_new_BH), c_new_BH


@dataclass(frozen=True)
class LSTM(ForgetBias):
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

    Shapes with a projection of P = ``proj_size``: weight_hh (4H, P), weight_hr (P, H).

    Attributes:
        forget_bias: value at which the forget gate's bias starts (in bias_ih; its part of bias_hh starts at
            0), for example 1 (Gers 2000, Jozefowicz 2015). None leaves it as drawn.
        proj_size: size to which the output is projected; 0 for none. Smaller than ``hidden_size``.

    Example:
        >>> LSTM(input_size=3, hidden_size=5, proj_size=2).state
        {'h': 2, 'c': 5}
    """

    proj_size: int = 0

    gates = ("i", "f", "g", "o")
    biases = ("bias_ih", "bias_hh")
    memory_gates = MappingProxyType({"f": 1, "i": -1})
    examples = ({"forget_bias": 1.0}, {"proj_size": 3})

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.proj_size < self.hidden_size:
            raise ValueError(f"proj_size={self.proj_size}: must be in 0..hidden_size-1={self.hidden_size - 1}")

    @property
    def state(self) -> dict[str, int]:
        """``h``, the output (P or H), and ``c``, the memory (H)."""
        return {"h": self.proj_size or self.hidden_size, "c": self.hidden_size}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes = super().parameter_shapes() | {"weight_hh": (4 * self.hidden_size, self.output_size)}
        return shapes | ({"weight_hr": (self.proj_size, self.hidden_size)} if self.proj_size else {})

    def stages(self) -> tuple[Stage, ...]:
        """The gates; with a projection its product is a second stage."""
        writes = ("m" if self.proj_size else "h", "c")
        gates = Stage(lstm_step, writes, ("c",), self.all_rows, self.product(), joint=True, candidate=True)
        if not self.proj_size:
            return (gates,)
        return (gates, Stage(as_is, ("h",), product=Product("m", "weight_hr")))


@dataclass(frozen=True)
class OriginalLSTM(OneStage):
    """The LSTM of 1997: no forget gate, the memory only adds.

    ::

        i = sigmoid(W_ii x + W_hi h + b_i)
        g = 4 sigmoid(W_ig x + W_hg h + b_g) - 2       squash="paper"; tanh with squash="tanh"
        o = sigmoid(W_io x + W_ho h + b_o)
        c' = c + i * g
        h' = o * (2 sigmoid(c') - 1)                   squash="paper"; o * tanh(c') with squash="tanh"

    With ``gates_seen`` all units of the hidden layer are connected: each sum also has W_qi i + W_qo o, of the gates one
    step ago, as the paper's counts of weights say in experiments 1 (264), 2c (364) and 3a (102).

    Source: Hochreiter and Schmidhuber 1997, "Long short-term memory", section 4 and appendix A.1, with memory
    blocks of one cell. Its gradient is truncated: that is ``TruncatedLSTM``; here it is whole. ``LSTMf`` of
    Jozefowicz 2015 is the form with tanh.

    Attributes:
        squash: the two squashing functions: those of the ``paper``, or ``tanh`` for both.
        init_range: all parameters start uniform in plus or minus this (the paper: 0.1 or 0.2); None: as ``torch.nn``.
        input_bias: values at which the biases of the units' input gates start, in turn (the paper: -1, -3, -5 and
            others, so that units come into use one after another); None leaves them as drawn.
        output_bias: those of the output gates.
        gates_seen: whether the sums see the gates of the step before.

    Shapes: with ``gates_seen`` weight_qh (3H, 2H), columns in the order i o; the state q (2H) has this order too.
    """

    squash: Literal["paper", "tanh"] = "paper"
    init_range: float | None = None
    input_bias: Sequence[float] | None = None
    output_bias: Sequence[float] | None = None
    gates_seen: bool = False

    gates = ("i", "g", "o")
    states = ("h", "c")
    reads = ("c",)
    truncated: ClassVar[bool] = False
    examples = ({"init_range": 0.1, "input_bias": (-1.0, -3.0)},)

    @property
    def state(self) -> dict[str, int]:
        return super().state | ({"q": 2 * self.hidden_size} if self.gates_seen else {})

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        H = self.hidden_size
        return super().parameter_shapes() | ({"weight_qh": (3 * H, 2 * H)} if self.gates_seen else {})

    def stages(self) -> tuple[Stage, ...]:
        """One; or what the gates of the step before say, then the step."""
        if not self.gates_seen:
            return super().stages()
        seen = Stage(as_is, ("r",), product=Product("q", "weight_qh", detach=self.truncated))
        return seen, Stage(self._step_of_all, ("h", "c", "q"), ("r", "c"), self.all_rows, self.product(), joint=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.init_range is not None and not self.init_range > 0:
            raise ValueError(f"init_range={self.init_range}: must be above 0")
        for name in ("input_bias", "output_bias"):
            values = getattr(self, name)
            if values is None:
                continue
            if not self.bias or not len(values):
                raise ValueError(f"{name}={list(values)}: needs bias=True and at least one value")
            object.__setattr__(self, name, tuple(values))  # a list could not be hashed

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``torch.nn``, or in ``init_range``; then the biases of gates, which draw nothing."""
        super().reset_parameters(params)
        if self.init_range is not None:
            for parameter in params.values():
                nn.init.uniform_(parameter, -self.init_range, self.init_range)
        for gate, values in (("i", self.input_bias), ("o", self.output_bias)):
            if values is not None:
                rows = params["bias_ih"][slice(*self.rows(gate))]
                with torch.no_grad():
                    rows.copy_(torch.tensor(values).repeat(len(rows))[: len(rows)])

    def product(self, value: str = "h", first: str | None = None, last: str | None = None) -> Product:
        return replace(super().product(value, first, last), detach=self.truncated)

    def step(self, gates_BG: Tensor, c_BH: Tensor) -> tuple[Tensor, Tensor]:
        h_BH, c_BH, _, _ = self._step(gates_BG, c_BH)
        return h_BH, c_BH

    def _step(self, gates_BG: Tensor, c_BH: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The new states, then both gates."""
        i, g, o = gates_BG.chunk(3, -1)
        i, o = torch.sigmoid(i), torch.sigmoid(o)
        if self.squash == "paper":  # 2 sigmoid(v) - 1 = tanh(v / 2), without its cancellation
            c_new_BH = c_BH + i * (2 * torch.tanh(g / 2))
            return o * torch.tanh(c_new_BH / 2), c_new_BH, i, o
        c_new_BH = c_BH + i * torch.tanh(g)
        return o * torch.tanh(c_new_BH), c_new_BH, i, o

    def _step_of_all(self, gates_BG: Tensor, r_BG: Tensor, c_BH: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h_BH, c_BH, i, o = self._step(gates_BG + r_BG, c_BH)
        return h_BH, c_BH, torch.cat((i, o), -1)


@dataclass(frozen=True)
class TruncatedLSTM(OriginalLSTM):
    """``OriginalLSTM`` with the truncated gradient of 1997: errors flow back in time through the memory c alone.

    What reaches a gate or the candidate does not flow on into the old h. The outputs are those of
    ``OriginalLSTM``, the gradient is not the gradient of the outputs.

    Source: Hochreiter and Schmidhuber 1997, "Long short-term memory", appendix A.1.
    """

    truncated = True
    exceptions = MappingProxyType(
        {"gradients": "the truncated gradient of the paper is not the gradient of the outputs"}
    )
