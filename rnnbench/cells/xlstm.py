"""The LSTMs with exponential gates, as cells: the blocks of the paper around them are not part.

Shape suffixes: B rows of the batch, H hidden size, I input size, K heads, D units of a head, G rows of a weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from rnnbench.cells.base import Cell, Stage
from rnnbench.cells.gated import OneStage


@dataclass(frozen=True)
class _Exponential(Cell):
    """What both share: heads, and a forget gate whose logarithm is taken.

    Attributes:
        forget: whether the forget gate is ``sigmoid`` or ``exp``.
        heads: K; must divide ``hidden_size``.
    """

    forget: Literal["sigmoid", "exp"] = "sigmoid"
    heads: int = 1

    examples = ({"heads": 5},)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.heads, int) or self.heads < 1 or self.hidden_size % self.heads:
            raise ValueError(f"heads={self.heads!r}: must be an integer that divides hidden_size={self.hidden_size}")

    def _log_forget(self, f: Tensor) -> Tensor:
        return f if self.forget == "exp" else -softplus(-f)


@dataclass(frozen=True)
class SLSTM(_Exponential, OneStage):
    """The sLSTM: an LSTM with exponential gates, stabilised by m.

    ::

        i~, f~, z~, o~ = W x + b + R h               R block-diagonal: a head sees its own units
        m' = max(log f + m, i~)                      log f = f~ or log sigmoid(f~); i~ alone where n = 0
        i = exp(i~ - m');  f = exp(log f + m - m')
        c' = f * c + i * tanh(z~)
        n' = f * n + i
        h' = sigmoid(o~) * c' / n'

    Source: Beck et al. 2024 (xLSTM), arXiv:2405.04517, equations 8 to 17. m scales c and n alike: it changes no
    output. Gates see h, so that it is a loop (``MLSTM`` is not).

    Shapes: weight_hh (4H, H/K), the columns of a unit's own head.
    """

    version = 2  # 2: zoneout acts on h alone
    bookkeeping = ("c", "n", "m")
    gates = ("i", "f", "z", "o")
    states = ("h", "c", "n", "m")
    reads = ("c", "n", "m")

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return super().parameter_shapes() | {"weight_hh": (4 * self.hidden_size, self.hidden_size // self.heads)}

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """weight_hh (4H, H) with zeros between the heads."""
        if self.heads == 1:
            return params
        weight_GD = params["weight_hh"]
        block = weight_GD.new_ones(self.hidden_size // self.heads, self.hidden_size // self.heads)
        own_GH = torch.block_diag(*[block] * self.heads).repeat(4, 1)
        return {**params, "weight_hh": weight_GD.repeat(1, self.heads) * own_GH}

    def step(self, sum_BG: Tensor, c_BH: Tensor, n_BH: Tensor, m_BH: Tensor) -> tuple[Tensor, ...]:
        i_BH, f_BH, z_BH, o_BH = sum_BG.chunk(4, -1)
        kept_BH = self._log_forget(f_BH) + m_BH
        # An empty memory has no scale: without this, one far above exp(i~) leaves n = 0 and h = 0 / 0.
        m_BH = torch.where(torch.abs(n_BH) > 0, torch.maximum(kept_BH, i_BH), i_BH)
        i_BH, f_BH = torch.exp(i_BH - m_BH), torch.exp(torch.minimum(kept_BH - m_BH, 0 * m_BH))
        c_BH, n_BH = f_BH * c_BH + i_BH * torch.tanh(z_BH), f_BH * n_BH + i_BH
        return torch.sigmoid(o_BH) * c_BH / n_BH, c_BH, n_BH, m_BH


@dataclass(frozen=True)
class MLSTM(_Exponential):
    """The mLSTM: exponential gates and a matrix memory, stabilised by m.

    ::

        q, k, v = W x + b;  k = k / sqrt(D)           a head has D = H/K units
        i~, f~ = w x + b                              one number a head
        m' = max(log f + m, i~)                       log f = f~ or log sigmoid(f~)
        i = exp(i~ - m');  f = exp(log f + m - m')
        C' = f C + i v k^T;  n' = f n + i k
        h = sigmoid(W_o x + b_o) * C' q / max(|n' q|, exp(-m'))

    Source: Beck et al. 2024 (xLSTM), arXiv:2405.04517, equations 19 to 27. With exp(-m'), as in the paper's parallel
    form, m changes no output; equation 21 writes 1 for unscaled C and n. The paper's b_k is not divided by sqrt(D),
    that of the authors' code is. Not the multiplicative LSTM (Krause 2016), also called mLSTM. No gate sees the
    state: it scans.

    Shapes: weight_ih (4H + 2K, I) and bias_ih, rows in the order q k v o i f. States C (K D D), v's index before
    k's, n (H), m (K); the output h is none.
    """

    bookkeeping = ("C", "n", "m")
    exceptions = MappingProxyType({"float32": "the output is a ratio whose denominator may come close to zero"})

    @property
    def state(self) -> dict[str, int]:
        return {"C": self.hidden_size**2 // self.heads, "n": self.hidden_size, "m": self.heads}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        G = 4 * self.hidden_size + 2 * self.heads
        return {"weight_ih": (G, self.input_size)} | ({"bias_ih": (G,)} if self.bias else {})

    def stages(self) -> tuple[Stage, ...]:
        """What the input alone decides, the scale, the gates, the two memories, the retrieval."""
        H = self.hidden_size
        return (
            Stage(self._project, ("q", "k", "v", "o", "m_old"), ("m",), (0, 4 * H)),
            Stage(self._scale, ("m", "i", "f"), (), (4 * H, 4 * H + 2 * self.heads), recurrence="max"),
            Stage(_gates, ("i", "f"), ("i", "f", "m_old", "m")),
            Stage(self._remember, ("C",), ("i", "f", "v", "k"), recurrence="linear"),
            Stage(self._normalise, ("n",), ("i", "f", "k"), recurrence="linear"),
            Stage(self._retrieve, ("h",), ("C", "n", "m", "q", "o")),
        )

    def _project(self, share_BG: Tensor, m_BK: Tensor) -> tuple[Tensor, ...]:
        q_BH, k_BH, v_BH, o_BH = share_BG.chunk(4, -1)
        return q_BH, k_BH * (self.hidden_size / self.heads) ** -0.5, v_BH, torch.sigmoid(o_BH), m_BK

    def _scale(self, share_BG: Tensor) -> tuple[Tensor, ...]:
        i_BK, f_BK = share_BG.chunk(2, -1)
        f_BK = self._log_forget(f_BK)
        return f_BK, i_BK, i_BK, f_BK

    def _by_head(self, v_BH: Tensor) -> Tensor:
        return torch.unflatten(v_BH, -1, (self.heads, -1))

    def _remember(self, i_BK: Tensor, f_BK: Tensor, v_BH: Tensor, k_BH: Tensor) -> tuple[Tensor, Tensor]:
        v_BKD, k_BKD = self._by_head(v_BH), self._by_head(k_BH)
        outer_BKDD = (i_BK[..., None] * v_BKD)[..., None] * k_BKD[..., None, :]
        return f_BK[..., None, None].expand_as(outer_BKDD).flatten(-3), outer_BKDD.flatten(-3)

    def _normalise(self, i_BK: Tensor, f_BK: Tensor, k_BH: Tensor) -> tuple[Tensor, Tensor]:
        k_BKD = self._by_head(k_BH)
        return f_BK[..., None].expand_as(k_BKD).flatten(-2), (i_BK[..., None] * k_BKD).flatten(-2)

    def _retrieve(self, c_BS: Tensor, n_BH: Tensor, m_BK: Tensor, q_BH: Tensor, o_BH: Tensor) -> tuple[Tensor]:
        D = self.hidden_size // self.heads
        q_BKD, c_BKDD = self._by_head(q_BH), c_BS.unflatten(-1, (self.heads, D, D))
        weight_BK = (self._by_head(n_BH) * q_BKD).sum(-1).abs()
        found_BKD = (c_BKDD * q_BKD[..., None, :]).sum(-1)
        # Within what float32 and its gradients hold: beyond, a denominator of infinity or, of an empty memory, zero.
        least_BK = torch.exp(torch.clamp(-m_BK, -40.0, 80.0))
        return (o_BH * (found_BKD / torch.maximum(weight_BK, least_BK)[..., None]).flatten(-2),)


def _gates(i_BK: Tensor, f_BK: Tensor, m_old_BK: Tensor, m_BK: Tensor) -> tuple[Tensor, Tensor]:
    return torch.exp(i_BK - m_BK), torch.exp(f_BK + m_old_BK - m_BK)
