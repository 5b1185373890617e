"""Highways through time: recurrent highway networks, the intersection of two highways, and the simplest gate.

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight (gates times H).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnnbench.cells.base import Stage
from rnnbench.cells.gated import Gated, OneStage


@dataclass(frozen=True)
class RHN(Gated):
    """The recurrent highway network: several highway layers inside every step.

    ::

        s_0 = h,  h' = s_depth,  and for l = 1 .. depth, with x in layer 1 alone:
        n = tanh(W_in x + R_ln s_(l-1) + b_ln)
        t = sigmoid(W_it x + R_lt s_(l-1) + b_lt)              transform gate
        c = sigmoid(W_ic x + R_lc s_(l-1) + b_lc)              carry gate; c = 1 - t with ``coupled``
        s_l = n * t + s_(l-1) * c

    Source: Zilly, Srivastava, Koutnik and Schmidhuber 2017, arXiv:1607.03474, eq. 6 to 9. Depth here is inside a
    step; ``num_layers`` of the layer stacks whole networks.

    Shapes: weight_hh (depth G, H) and bias_hh (depth G), layer after layer; no bias_ih.

    Attributes:
        depth: highway layers in a step.
        coupled: whether the carry gate is 1 - t, as in the paper's experiments.
        transform_bias: value at which the biases of t start, below 0 to begin by carrying. None leaves them.
    """

    depth: int = 3
    coupled: bool = True
    transform_bias: float | None = None

    biases = ("bias_hh",)
    examples = ({"depth": 1}, {"transform_bias": -2.0})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth < 1:
            raise ValueError(f"depth={self.depth}: must be at least 1")
        if self.transform_bias is not None and not self.bias:
            raise ValueError(f"transform_bias={self.transform_bias}: needs bias=True")

    @property
    def gates(self) -> tuple[str, ...]:
        return ("n", "t") if self.coupled else ("n", "t", "c")

    @property
    def recurrent(self) -> tuple[str, ...]:
        return tuple(f"{gate}{layer}" for layer in range(self.depth) for gate in self.gates)

    def stages(self) -> tuple[Stage, ...]:
        """One a layer."""
        pointwise = _coupled if self.coupled else _uncoupled
        names = ("h", *(f"s{layer}" for layer in range(1, self.depth)), "h")
        return tuple(
            Stage(
                pointwise,
                writes=(names[layer + 1],),
                reads=(names[layer],),
                share=None if layer else self.all_rows,
                product=self.product(names[layer], f"n{layer}", f"{self.gates[-1]}{layer}"),
                joint=True,
            )
            for layer in range(self.depth)
        )

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``Cell``, then the biases of the transform gates."""
        super().reset_parameters(params)
        if self.transform_bias is not None:
            for layer in params["bias_hh"].detach().chunk(self.depth):
                nn.init.constant_(layer[slice(*self.rows("t"))], self.transform_bias)


def _coupled(sum_BG: Tensor, s_BH: Tensor) -> tuple[Tensor]:
    n, t = sum_BG.chunk(2, -1)
    return (s_BH + torch.sigmoid(t) * (torch.tanh(n) - s_BH),)


def _uncoupled(sum_BG: Tensor, s_BH: Tensor) -> tuple[Tensor]:
    n, t, c = sum_BG.chunk(3, -1)
    return (torch.sigmoid(t) * torch.tanh(n) + torch.sigmoid(c) * s_BH,)


@dataclass(frozen=True)
class IntersectionRNN(Gated):
    """The intersection network, +RNN: one highway through time, one through depth.

    ::

        n = relu(W_in x + b_in + W_hn h)
        m = tanh(W_im x + b_im + W_hm h)
        p = sigmoid(W_ip x + b_ip + W_hp h)                    gate of the depth
        q = sigmoid(W_iq x + b_iq + W_hq h)                    gate of the time
        y = p * x + (1 - p) * n                                output
        h' = q * h + (1 - q) * m                               state

    Source: Collins, Sohl-Dickstein and Sussillo 2017, arXiv:1611.09913. Input size and hidden size are equal. The
    paper's UGRNN is the highway through time alone.

    Attributes:
        gate_bias: value at which the biases of p and q start, above 0 to begin by carrying (the paper's b_fg).
            None leaves them as drawn.
    """

    gate_bias: float | None = None

    gates = ("n", "m", "p", "q")
    output = "y"
    examples = ({"gate_bias": 1.0},)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.need_equal_sizes("IntersectionRNN passes its input on")
        if self.gate_bias is not None and not self.bias:
            raise ValueError(f"gate_bias={self.gate_bias}: needs bias=True")

    def stages(self) -> tuple[Stage, ...]:
        return (Stage(_intersection, ("y", "h"), ("h", "x"), self.all_rows, self.product(), joint=True),)

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``Cell``, then the biases of the gates."""
        super().reset_parameters(params)
        if self.gate_bias is not None:
            self.set_gate_bias(params, "p", self.gate_bias)
            self.set_gate_bias(params, "q", self.gate_bias)


def _intersection(sum_BG: Tensor, h_BH: Tensor, x_BH: Tensor) -> tuple[Tensor, Tensor]:
    n, m, p, q = sum_BG.chunk(4, -1)
    y_BH, new_BH = torch.relu(n), torch.tanh(m)
    return y_BH + torch.sigmoid(p) * (x_BH - y_BH), new_BH + torch.sigmoid(q) * (h_BH - new_BH)


@dataclass(frozen=True)
class SGRN(OneStage):
    """The simple gated recurrent network: one gate, whose input share is the candidate too.

    ::

        f = sigmoid(W_ih x + b_ih + W_hh h)
        h' = tanh((1 - f) * (W_ih x + b_ih) + f * h)

    Source: doi:10.1049/gtd2.12056, by way of torchrecurrent 0.x: its equations, not compared with the paper's print.
    """

    gates = ("f",)
    joint = False

    def step(self, share_BH: Tensor, product_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        f_BH = torch.sigmoid(share_BH + product_BH)
        return (torch.tanh(share_BH + f_BH * (h_BH - share_BH)),)
