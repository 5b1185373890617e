"""Gated cells that are linear in their old state, so that all steps can be run at once.

Shape suffixes: B rows of the batch, H hidden size, I input size, G rows of a weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from rnnbench.cells.base import Cell, Product, Stage


def _log_positive(v_BH: Tensor) -> Tensor:
    """log g(v), with g(v) = v + 0.5 from 0 on and sigmoid(v) below (Feng et al. 2024, appendix B)."""
    return torch.where(v_BH >= 0, torch.log(torch.relu(v_BH) + 0.5), -softplus(-v_BH))


@dataclass(frozen=True)
class _Minimal(Cell):
    """What minGRU and minLSTM share: one state, a product of the input alone, no activation in linear space.

    Attributes:
        recurrence: ``linear``, or ``log``: coefficients by their logarithms and a candidate g(W x) that is
            positive, with g(v) = v + 0.5 for v >= 0, sigmoid(v) for v < 0.
    """

    recurrence: Literal["linear", "log"] = "linear"

    @property
    def state(self) -> dict[str, int]:
        """``h``, H units."""
        return {"h": self.hidden_size}

    def _blocks(self) -> int:
        raise NotImplementedError

    def _coefficients(self, share_BG: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """weight_ih (G, I) and bias_ih (G)."""
        G = self._blocks() * self.hidden_size
        return {"weight_ih": (G, self.input_size)} | ({"bias_ih": (G,)} if self.bias else {})

    def stages(self) -> tuple[Stage, ...]:
        """One recurrence."""
        share = (0, self._blocks() * self.hidden_size)
        return (Stage(self._coefficients, ("h",), share=share, recurrence=self.recurrence),)


@dataclass(frozen=True)
class MinGRU(_Minimal):
    """The minGRU of Feng et al. 2024, "Were RNNs all we needed?", arXiv:2410.01201, sections 3.1 and B.

    ::

        z = sigmoid(W_z x + b_z)
        h' = (1 - z) * h + z * (W_h x + b_h)          recurrence="linear"
        h' = (1 - z) * h + z * g(W_h x + b_h)         recurrence="log"; h >= 0 where it starts so

    Unlike the GRU: no reset gate, no tanh, and no gate sees the state. Unlike the minimal gated unit (MGU, Zhou
    2016), whose gate does.

    Shapes: weight_ih (2H, I), bias_ih (2H), rows in the order z h. See ``recurrence`` in the base.
    """

    def _blocks(self) -> int:
        return 2

    def _coefficients(self, share_BG: Tensor) -> tuple[Tensor, Tensor]:
        z_BH, v_BH = share_BG.chunk(2, -1)
        if self.recurrence == "log":
            return -softplus(z_BH), _log_positive(v_BH) - softplus(-z_BH)
        z_BH = torch.sigmoid(z_BH)
        return 1 - z_BH, z_BH * v_BH


@dataclass(frozen=True)
class MinLSTM(_Minimal):
    """The minLSTM of Feng et al. 2024, arXiv:2410.01201, sections 3.2 and B, with its normalised gates.

    ::

        f = sigmoid(W_f x + b_f);  i = sigmoid(W_i x + b_i)
        h' = f / (f + i) * h + i / (f + i) * (W_h x + b_h)          recurrence="linear"
        h' = f / (f + i) * h + i / (f + i) * g(W_h x + b_h)         recurrence="log"; h >= 0 where it starts so

    Unlike the LSTM: no output gate, no tanh, no cell state beside h, and no gate sees the state.

    Shapes: weight_ih (3H, I), bias_ih (3H), rows in the order f i h. See ``recurrence`` in the base.
    """

    def _blocks(self) -> int:
        return 3

    def _coefficients(self, share_BG: Tensor) -> tuple[Tensor, Tensor]:
        f_BH, i_BH, v_BH = share_BG.chunk(3, -1)
        log_ratio_BH = softplus(-f_BH) - softplus(-i_BH)  # log(i / f)
        if self.recurrence == "log":
            return -softplus(log_ratio_BH), _log_positive(v_BH) - softplus(-log_ratio_BH)
        kept_BH = torch.sigmoid(-log_ratio_BH)
        return kept_BH, (1 - kept_BH) * v_BH


@dataclass(frozen=True)
class SRU(Cell):
    """The simple recurrent unit of Lei et al., arXiv:1709.02755.

    ::

        f = sigmoid(W_f x + v_f * c + b_f)              v_f * c and v_r * c with ``peephole`` only
        r = sigmoid(W_r x + v_r * c + b_r)
        c' = f * c + (1 - f) * (W x)
        h = r * g(c') + (1 - r) * x                     (1 - r) * (W_s x) where the sizes differ

    Versions: 1 and 2 of the paper (2017) have gates of the input alone and g = tanh: the default, which scans.
    The published one (EMNLP 2018, equations 1 to 4) has the peepholes and no g: ``peephole=True,
    activation="identity"``, a loop. Its scaling of the highway input is left out. Not the "statistical recurrent
    unit" (Oliva 2017), also called SRU.

    Shapes: weight_ih (3H, I), or (4H, I) where I != H, rows in the order W f r s; bias_ih (2H), f r; with
    peepholes weight_c (2H), f r. State c; the output h is none.

    Attributes:
        peephole: whether the gates see the old c.
        activation: g.
    """

    peephole: bool = False
    activation: Literal["tanh", "identity"] = "tanh"

    @property
    def state(self) -> dict[str, int]:
        """``c``, H units."""
        return {"c": self.hidden_size}

    @property
    def output_size(self) -> int:
        """H."""
        return self.hidden_size

    @property
    def _blocks(self) -> int:
        return 3 if self.input_size == self.hidden_size else 4

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """weight_ih, bias_ih of the two gates, weight_c of the two peepholes."""
        H = self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (self._blocks * H, self.input_size)}
        return shapes | ({"bias_ih": (2 * H,)} if self.bias else {}) | ({"weight_c": (2 * H,)} if self.peephole else {})

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """A bias for every row of weight_ih: zero for those that have none."""
        if not self.bias:
            return params
        zero_H = torch.zeros_like(params["bias_ih"][: self.hidden_size])
        blocks = (zero_H, params["bias_ih"], *(zero_H,) * (self._blocks - 3))
        return {**params, "bias_ih": torch.cat(blocks)}

    def stages(self) -> tuple[Stage, ...]:
        """The memory, then the highway."""
        skip = ("x",) if self._blocks == 3 else ("s",)
        reads, writes = (("c", "weight_c") if self.peephole else ()), ("c", "r", *skip[self._blocks == 3 :])
        share = (0, self._blocks * self.hidden_size)
        memory = Stage(self._memory, writes, reads, share, recurrence="linear")
        return memory, Stage(self._highway, ("h",), ("c", "r", *skip))

    def _memory(self, share_BG: Tensor, *peephole: Tensor) -> tuple[Tensor, ...]:
        v_BH, f_BH, r_BH, *skip = share_BG.chunk(self._blocks, -1)
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
class QRNN(Cell):
    """The quasi-recurrent network of Bradbury et al. 2016, arXiv:1611.01576, with filters two steps wide.

    ::

        z = tanh(W_z x + V_z p + b_z)                 p: the previous input
        f, o, i = sigmoid(W x + V p + b)
        h' = f * h + (1 - f) * z                      pooling="f"     (equation 3)
        c' = f * c + (1 - f) * z;  h = o * c'         pooling="fo"    (equation 4)
        c' = f * c + i * z;        h = o * c'         pooling="ifo"   (equation 5)

    Shapes: weight_ih and weight_ph (G, I), bias_ih (G), G = 2H, 3H or 4H rows in the order z f o i. States h or
    c (H) and p (I), which starts at zero: the paper's left padding. Zoneout is not part of the cell.

    Attributes:
        pooling: which gates there are.
    """

    pooling: Literal["f", "fo", "ifo"] = "fo"

    @property
    def state(self) -> dict[str, int]:
        """The memory (H), then ``p``, the previous input (I)."""
        return {self._memory_name: self.hidden_size, "p": self.input_size}

    @property
    def _memory_name(self) -> str:
        return "h" if self.pooling == "f" else "c"

    @property
    def output_size(self) -> int:
        """H."""
        return self.hidden_size

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """weight_ih, bias_ih, and weight_ph for the previous input."""
        G = (1 + len(self.pooling)) * self.hidden_size
        bias = {"bias_ih": (G,)} if self.bias else {}
        return {"weight_ih": (G, self.input_size), **bias, "weight_ph": (G, self.input_size)}

    def stages(self) -> tuple[Stage, ...]:
        """The pooling, the output gate, and the input kept for the next step."""
        writes = (self._memory_name, "o") if "o" in self.pooling else (self._memory_name,)
        share, product = (0, (1 + len(self.pooling)) * self.hidden_size), Product("p", "weight_ph")
        pool = Stage(self._pool, writes, (), share, product, joint=True, recurrence="linear")
        keep = Stage(_as_is, ("p",), ("x",))
        return (pool, keep) if self.pooling == "f" else (pool, Stage(_gate, ("h",), ("c", "o")), keep)

    def _pool(self, sum_BG: Tensor) -> tuple[Tensor, ...]:
        z_BH, f_BH, *more = sum_BG.chunk(1 + len(self.pooling), -1)
        z_BH, f_BH, more = torch.tanh(z_BH), torch.sigmoid(f_BH), [torch.sigmoid(v) for v in more]
        i_BH = more[1] if self.pooling == "ifo" else 1 - f_BH
        return f_BH, i_BH * z_BH, *more[:1]


def _as_is(x_BI: Tensor) -> tuple[Tensor]:
    return (x_BI,)


def _gate(c_BH: Tensor, o_BH: Tensor) -> tuple[Tensor]:
    return (o_BH * c_BH,)
