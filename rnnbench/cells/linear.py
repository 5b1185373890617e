"""Gated cells that are linear in their old state, so that all steps can be run at once.

Shape suffixes: B rows of the batch, H hidden size, I input size, G rows of a weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import Gated, OneStage, as_is, times


def _log_positive(v_BH: Tensor) -> Tensor:
    """log g(v), with g(v) = v + 0.5 from 0 on and sigmoid(v) below (Feng et al. 2024, appendix B)."""
    return torch.where(v_BH >= 0, torch.log(torch.relu(v_BH) + 0.5), -softplus(-v_BH))


@dataclass(frozen=True)
class _Minimal(OneStage):
    """What minGRU and minLSTM share: no gate sees the state, no activation in linear space.

    Attributes:
        recurrence: ``linear``, or ``log``: coefficients by their logarithms and a candidate g(W x) that is
            positive, with g(v) = v + 0.5 for v >= 0, sigmoid(v) for v < 0.
    """

    recurrence: Literal["linear", "log"] = "linear"

    recurrent = ()
    reads = ()


@dataclass(frozen=True)
class MinGRU(_Minimal):
    """The minGRU: a GRU whose gate and candidate see the input alone.

    ::

        z = sigmoid(W_z x + b_z)
        h' = (1 - z) * h + z * (W_h x + b_h)          recurrence="linear"
        h' = (1 - z) * h + z * g(W_h x + b_h)         recurrence="log"; h >= 0 where it starts so

    Source: Feng et al. 2024, "Were RNNs all we needed?", arXiv:2410.01201, sections 3.1 and B. Unlike the GRU: no
    reset gate, no tanh. Not the minimal gated unit (``MGU``), whose gate sees the state.
    """

    gates = ("z", "h")

    def step(self, share_BG: Tensor) -> tuple[Tensor, Tensor]:
        z_BH, v_BH = share_BG.chunk(2, -1)
        if self.recurrence == "log":
            return -softplus(z_BH), _log_positive(v_BH) - softplus(-z_BH)
        z_BH = torch.sigmoid(z_BH)
        return 1 - z_BH, z_BH * v_BH


@dataclass(frozen=True)
class MinLSTM(_Minimal):
    """The minLSTM: an LSTM whose gates see the input alone and sum to 1.

    ::

        f = sigmoid(W_f x + b_f);  i = sigmoid(W_i x + b_i)
        h' = f / (f + i) * h + i / (f + i) * (W_h x + b_h)          recurrence="linear"
        h' = f / (f + i) * h + i / (f + i) * g(W_h x + b_h)         recurrence="log"; h >= 0 where it starts so

    Source: Feng et al. 2024, arXiv:2410.01201, sections 3.2 and B, with its normalised gates. Unlike the LSTM: no
    output gate, no tanh, no memory beside h.
    """

    gates = ("f", "i", "h")

    def step(self, share_BG: Tensor) -> tuple[Tensor, Tensor]:
        f_BH, i_BH, v_BH = share_BG.chunk(3, -1)
        log_ratio_BH = softplus(-f_BH) - softplus(-i_BH)  # log(i / f)
        if self.recurrence == "log":
            return -softplus(log_ratio_BH), _log_positive(v_BH) - softplus(-log_ratio_BH)
        kept_BH = torch.sigmoid(-log_ratio_BH)
        return kept_BH, (1 - kept_BH) * v_BH


@dataclass(frozen=True)
class SRU(Gated):
    """The simple recurrent unit: a forget gate and a highway; c is the state, h the output.

    ::

        f = sigmoid(W_f x + v_f * c + b_f)              v_f * c and v_r * c with ``peephole`` only
        r = sigmoid(W_r x + v_r * c + b_r)
        c' = f * c + (1 - f) * (W x)
        h = r * g(c') + (1 - r) * x                     (1 - r) * (W_s x) where the sizes differ

    Source: Lei, Zhang, Wang, Dai and Artzi 2018, arXiv:1709.02755. Versions 1 and 2 of the paper (2017) have gates of
    the input alone and g = tanh: the default, which scans. The published one (EMNLP 2018, equations 1 to 4) has the
    peepholes and no g: ``peephole=True, activation="identity"``, a loop. Its scaling of the highway input is left
    out. Not the "statistical recurrent unit" (Oliva 2017), also called SRU.

    Shapes: weight_ih without the block s, which is W_s, where I = H; bias_ih (2H), f r; weight_c (2H), v_f v_r.

    Attributes:
        peephole: whether the gates see the old c.
        activation: g.
    """

    peephole: bool = False
    activation: Literal["tanh", "identity"] = "tanh"

    recurrent = ()
    unbiased = ("w", "s")
    memory_gates = MappingProxyType({"f": 1})
    states = ("c",)

    @property
    def gates(self) -> tuple[str, ...]:
        return ("w", "f", "r") if self.input_size == self.hidden_size else ("w", "f", "r", "s")

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return super().parameter_shapes() | ({"weight_c": (2 * self.hidden_size,)} if self.peephole else {})

    def stages(self) -> tuple[Stage, ...]:
        """The memory, then the highway."""
        reads, skip = ("c", "weight_c") if self.peephole else (), self.gates[3:]
        memory = Stage(self._memory, ("c", "r", *skip), reads, self.all_rows, recurrence="linear")
        return memory, Stage(self._highway, ("h",), ("c", "r", *(skip or ("x",))))

    def _memory(self, share_BG: Tensor, *peephole: Tensor) -> tuple[Tensor, ...]:
        v_BH, f_BH, r_BH, *skip = share_BG.chunk(len(self.gates), -1)
        if peephole:
            c_BH, weight_G = peephole
            weight_f_H, weight_r_H = weight_G.chunk(2, -1)
            f_BH, r_BH = f_BH + weight_f_H * c_BH, r_BH + weight_r_H * c_BH
        f_BH = torch.sigmoid(f_BH)
        return f_BH, (1 - f_BH) * v_BH, torch.sigmoid(r_BH), *skip

    def _highway(self, c_BH: Tensor, r_BH: Tensor, skip_BH: Tensor) -> tuple[Tensor]:
        g_BH = torch.tanh(c_BH) if self.activation == "tanh" else c_BH
        return (r_BH * g_BH + (1 - r_BH) * skip_BH,)

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """Section 3.2: weights uniform with variance 1/I, the rest zero."""
        for name, parameter in params.items():
            bound = (3 / self.input_size) ** 0.5 if name == "weight_ih" else 0.0
            nn.init.uniform_(parameter, -bound, bound)


@dataclass(frozen=True)
class QRNN(Gated):
    """The quasi-recurrent network with filters two steps wide: p, a state, is the previous input.

    ::

        z = tanh(W_z x + V_z p + b_z)
        f, o, i = sigmoid(W x + V p + b)
        h' = f * h + (1 - f) * z                      pooling="f"     (equation 3)
        c' = f * c + (1 - f) * z;  h = o * c'         pooling="fo"    (equation 4)
        c' = f * c + i * z;        h = o * c'         pooling="ifo"   (equation 5)

    Source: Bradbury, Merity, Xiong and Socher 2016, arXiv:1611.01576. p starts at zero: the paper's left padding.
    Zoneout is not part of the cell.

    Shapes: weight_ph = V as weight_ih; rows z f o i, those that there are.

    Attributes:
        pooling: which gates there are.
    """

    pooling: Literal["f", "fo", "ifo"] = "fo"

    version = 2  # 2: zoneout leaves p alone
    bookkeeping = ("p",)
    recurrent = ()
    memory_gates = MappingProxyType({"f": 1, "i": -1})

    @property
    def gates(self) -> tuple[str, ...]:
        return ("z", "f", "o", "i")[: 1 + len(self.pooling)]

    @property
    def state(self) -> dict[str, int]:
        """The memory (H), then ``p`` (I)."""
        return {"h" if self.pooling == "f" else "c": self.hidden_size, "p": self.input_size}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes = super().parameter_shapes()
        return shapes | {"weight_ph": shapes["weight_ih"]}

    def stages(self) -> tuple[Stage, ...]:
        """The pooling, the output gate, and the input kept for the next step."""
        writes = ("h",) if self.pooling == "f" else ("c", "o")
        product = Product("p", "weight_ph")
        pool = Stage(self._pool, writes, (), self.all_rows, product, joint=True, recurrence="linear")
        gate = () if self.pooling == "f" else (Stage(times, ("h",), ("o", "c")),)
        return pool, *gate, Stage(as_is, ("p",), ("x",))

    def _pool(self, sum_BG: Tensor) -> tuple[Tensor, ...]:
        z_BH, f_BH, *more = sum_BG.chunk(len(self.gates), -1)
        z_BH, f_BH, more = torch.tanh(z_BH), torch.sigmoid(f_BH), [torch.sigmoid(v) for v in more]
        i_BH = more[1] if self.pooling == "ifo" else 1 - f_BH
        return f_BH, i_BH * z_BH, *more[:1]
