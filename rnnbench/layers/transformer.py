"""The causal Transformer: a yardstick without recurrence.

Shape suffixes: B sequences, T padded steps, I input, H width, K heads, D units of a head.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnbench.layers.yardstick import Yardstick, at_least_1, probability


class Transformer(Yardstick):
    """A causal Transformer: Vaswani et al. 2017, arXiv:1706.03762, with the layer norm before each part.

    ::

        x = W x + b + position                                        W of the input, as there is no embedding
        x = x + dropout(attention(norm(x)))                           each step sees itself and all before
        x = x + dropout(W_2 dropout(gelu(W_1 norm(x) + b_1)) + b_2)
        out = norm(x)                                                 after the last layer

    Norms before the parts: Xiong et al. 2020, arXiv:2002.04745. GELU in place of ReLU: GPT.

    Args:
        input_size: features of the input (I).
        hidden_size: width (H).
        num_layers: layers on top of each other.
        heads: attention heads; must divide ``hidden_size``.
        feedforward: units of W_1, in multiples of ``hidden_size``.
        positions: ``sinusoidal`` (Vaswani 2017, section 3.5) or ``learned``, one vector a step up to ``max_steps``.
        max_steps: longest sequence with learned positions; sinusoids know none.
        dropout: probability of dropping a number, also of the attention weights.
        batch_first: whether tensors are ``(B, T, ...)``; ``(T, B, ...)`` otherwise.
        device: of the parameters.
        dtype: of the parameters.

    Attributes:
        state_size: numbers that running step by step keeps *for every step seen*: it grows, unlike a state.

    Raises:
        ValueError: in one line, with the argument, its value and what is allowed.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 2,
        heads: int = 1,
        feedforward: int = 4,
        positions: Literal["sinusoidal", "learned"] = "sinusoidal",
        max_steps: int = 1024,
        dropout: float = 0.0,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, batch_first)
        at_least_1(num_layers=num_layers, heads=heads, feedforward=feedforward, max_steps=max_steps)
        probability(dropout=dropout)
        if hidden_size % heads:
            raise ValueError(f"heads={heads}: must divide hidden_size={hidden_size}")
        if positions not in ("sinusoidal", "learned"):
            raise ValueError(f"positions={positions!r}: must be one of 'sinusoidal', 'learned'")
        self.num_layers, self.max_steps, self.dropout = num_layers, max_steps, float(dropout)
        made = {"device": device, "dtype": dtype}
        self.entry = nn.Linear(input_size, hidden_size, device=device, dtype=dtype)
        sizes = (hidden_size, heads, feedforward, dropout)
        self.layers = nn.ModuleList(_Layer(*sizes, **made) for _ in range(num_layers))
        self.norm = nn.LayerNorm(hidden_size, device=device, dtype=dtype)
        learned = nn.Parameter(torch.empty(max_steps, hidden_size, device=device, dtype=dtype))
        self.positions = nn.init.normal_(learned, std=0.02) if positions == "learned" else None

    @property
    def state_size(self) -> int:
        """Keys and values of one step; a cache of t steps holds t times as many."""
        return 2 * self.num_layers * self.hidden_size

    def run(self, x_BTI: Tensor) -> Tensor:
        """All outputs ``(B, T, H)``."""
        x_BTH = self.entry(x_BTI)
        x_BTH = F.dropout(x_BTH + self._positions(x_BTH), self.dropout, self.training)
        for layer in self.layers:
            x_BTH = layer(x_BTH)
        return self.norm(x_BTH)

    def _positions(self, x_BTH: Tensor) -> Tensor:
        T = x_BTH.shape[1]
        if self.positions is None:
            return sinusoids(T, self.hidden_size).to(x_BTH)
        if self.max_steps < T:
            raise ValueError(f"max_steps={self.max_steps}: the input has {T} steps; learned positions end there")
        return self.positions[:T]


class _Layer(nn.Module):
    def __init__(
        self,
        size: int,
        heads: int,
        feedforward: int,
        dropout: float,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        made = {"device": device, "dtype": dtype}
        self.heads, self.dropout = heads, float(dropout)
        self.norm_1, self.norm_2 = nn.LayerNorm(size, **made), nn.LayerNorm(size, **made)
        self.qkv, self.mix = nn.Linear(size, 3 * size, **made), nn.Linear(size, size, **made)
        self.up, self.down = nn.Linear(size, feedforward * size, **made), nn.Linear(feedforward * size, size, **made)

    def forward(self, x_BTH: Tensor) -> Tensor:
        x_BTH = x_BTH + self._drop(self._attend(self.norm_1(x_BTH)))
        return x_BTH + self._drop(self.down(self._drop(F.gelu(self.up(self.norm_2(x_BTH))))))

    def _attend(self, x_BTH: Tensor) -> Tensor:
        parts = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x_BTH).chunk(3, -1))
        q_BKTD, k_BKTD, v_BKTD = parts
        dropout = self.dropout if self.training else 0.0
        seen_BKTD = F.scaled_dot_product_attention(q_BKTD, k_BKTD, v_BKTD, dropout_p=dropout, is_causal=True)
        return self.mix(seen_BKTD.transpose(1, 2).flatten(2))

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


def sinusoids(T: int, size: int) -> Tensor:
    """Positions 0 to T - 1 ``(T, size)``, float64: sin and cos of t / 10000^(2i / size), i = 0, 1, ..., in turn."""
    frequency = torch.exp(-math.log(10000) / size * torch.arange(0, size, 2, dtype=torch.float64))
    angle = torch.arange(T, dtype=torch.float64)[:, None] * frequency
    return torch.stack((angle.sin(), angle.cos()), -1).flatten(1)[:, :size]
