"""Cells whose parts meet in another way: by multiplication, through the memory, or as a search found it.

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight (gates times H).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import Gated


def _integrate(share_BG: Tensor, product_BG: Tensor, alpha: Tensor, beta_h: Tensor, beta_x: Tensor) -> Tensor:
    return alpha * share_BG * product_BG + beta_h * product_BG + beta_x * share_BG


@dataclass(frozen=True)
class _Integrated(Gated):
    """Gates whose input share and recurrent product are multiplied, with three vectors and a bias outside.

    Attributes:
        alpha: value at which the weights of the product start.
        beta: value at which the weights of both summands start.
    """

    alpha: float = 1.0
    beta: float = 0.5

    biases: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({"alpha": 2.0},)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """weight_ih (G, I), weight_hh (G, H), alpha, beta_h and beta_x (G), bias_mi (G)."""
        G = len(self.gates) * self.hidden_size
        return super().parameter_shapes() | dict.fromkeys(self.factors, (G,))

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of the vectors, the bias among them."""
        return ("alpha", "beta_h", "beta_x", *(("bias_mi",) if self.bias else ()))

    def stages(self) -> tuple[Stage, ...]:
        """One stage; share and product apart."""
        reads = (*(s for s in self.states if s != "h"), *self.factors)
        return (Stage(self._new, self.states, reads, self.all_rows, self.product()),)

    def _new(self, share_BG: Tensor, product_BG: Tensor, *reads: Tensor) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``Cell``; the vectors at ``alpha`` and ``beta``, the bias at 0."""
        super().reset_parameters(params)
        starts = {"alpha": self.alpha, "beta_h": self.beta, "beta_x": self.beta, "bias_mi": 0.0}
        for name in self.factors:
            nn.init.constant_(params[name], starts[name])


@dataclass(frozen=True)
class MIRNN(_Integrated):
    """Elman's network with multiplicative integration.

    ::

        h' = tanh(alpha * W x * U h + beta_h * U h + beta_x * W x + b)

    Source: Wu, Zhang, Zhang, Bengio and Salakhutdinov 2016, arXiv:1606.06630, the general form. Their simple form,
    tanh(W x * U h + b), is alpha = 1 and beta = 0. The multiplicative RNN of Sutskever 2011 is another.

    Shapes: weight_ih = W (H, I), weight_hh = U (H, H), alpha, beta_h, beta_x, bias_mi = b (H).

    Attributes:
        alpha: value at which alpha starts.
        beta: value at which beta_h and beta_x start.
    """

    gates: ClassVar[tuple[str, ...]] = ("h",)

    def _new(
        self, share_BG: Tensor, product_BG: Tensor, alpha: Tensor, beta_h: Tensor, beta_x: Tensor, *bias: Tensor
    ) -> tuple[Tensor, ...]:
        return (torch.tanh(sum(bias, _integrate(share_BG, product_BG, alpha, beta_h, beta_x))),)


@dataclass(frozen=True)
class MILSTM(_Integrated):
    """The LSTM with multiplicative integration in all four gates.

    ::

        a = alpha * W x * U h + beta_h * U h + beta_x * W x + b                 of 4H rows: i f g o
        c' = sigmoid(a_f) * c + sigmoid(a_i) * tanh(a_g)
        h' = sigmoid(a_o) * tanh(c')

    Source: Wu et al. 2016, arXiv:1606.06630. The multiplicative LSTM of Krause 2016 is another.

    Shapes: weight_ih = W (4H, I), weight_hh = U (4H, H), alpha, beta_h, beta_x, bias_mi = b (4H), rows i f g o.

    Attributes:
        alpha: value at which alpha starts.
        beta: value at which beta_h and beta_x start.
    """

    gates: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")
    states: ClassVar[tuple[str, ...]] = ("h", "c")

    def _new(
        self,
        share_BG: Tensor,
        product_BG: Tensor,
        c_BH: Tensor,
        alpha: Tensor,
        beta_h: Tensor,
        beta_x: Tensor,
        *bias: Tensor,
    ) -> tuple[Tensor, ...]:
        i, f, g, o = sum(bias, _integrate(share_BG, product_BG, alpha, beta_h, beta_x)).chunk(4, -1)
        c_new_BH = torch.sigmoid(f) * c_BH + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c_new_BH), c_new_BH


def _look(product_BG: Tensor) -> tuple[Tensor]:
    return (torch.tanh(product_BG),)


def _remember(sum_BG: Tensor, c_BH: Tensor, m_BG: Tensor) -> tuple[Tensor, Tensor]:
    i, f, g, o = sum_BG.chunk(4, -1)
    m_i, m_f = m_BG.chunk(2, -1)
    return torch.sigmoid(f + m_f) * c_BH + torch.sigmoid(i + m_i) * torch.tanh(g), o


def _tell(product_BH: Tensor, o_BH: Tensor, c_BH: Tensor) -> tuple[Tensor]:
    return (torch.sigmoid(o_BH + torch.tanh(product_BH)) * torch.tanh(c_BH),)


@dataclass(frozen=True)
class WMCLSTM(Gated):
    """The LSTM with working memory connections: the gates see the memory through a matrix and a tanh.

    ::

        i = sigmoid(W_ii x + b_ii + W_hi h + tanh(W_ci c))
        f = sigmoid(W_if x + b_if + W_hf h + tanh(W_cf c))
        g = tanh(W_ig x + b_ig + W_hg h)
        c' = f * c + i * g
        o = sigmoid(W_io x + b_io + W_ho h + tanh(W_co c'))    the new memory
        h' = o * tanh(c')

    Source: Landi, Baraldi, Cornia and Cucchiara 2021, arXiv:2109.00020. Peepholes are diagonal and have no tanh.

    Shapes: weight_ih (4H, I), weight_hh (4H, H), bias_ih (4H), rows in the order i f g o; weight_ch (3H, H), rows
    in the order i f o.
    """

    gates: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    biases: ClassVar[tuple[str, ...]] = ("bias_ih",)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """See above."""
        return super().parameter_shapes() | {"weight_ch": (3 * self.hidden_size, self.hidden_size)}

    def stages(self) -> tuple[Stage, ...]:
        """A look at the old memory, the new memory, a look at it."""
        H = self.hidden_size
        return (
            Stage(_look, ("m",), (), product=Product("c", "weight_ch", rows=(0, 2 * H))),
            Stage(_remember, ("c", "o"), ("c", "m"), self.all_rows, self.product(), joint=True),
            Stage(_tell, ("h",), ("o", "c"), product=Product("c", "weight_ch", rows=(2 * H, 3 * H))),
        )


def _searched(share_BG: Tensor, product_BG: Tensor, c_BH: Tensor) -> tuple[Tensor, Tensor]:
    *_, x3, _, _, _, _ = share_BG.chunk(8, -1)
    *_, u3, _, _, _, _ = product_BG.chunk(8, -1)
    a0, a1, a2, _, a4, a5, a6, a7 = (share_BG + product_BG).chunk(8, -1)
    left = torch.tanh(torch.tanh(torch.sigmoid(a0) * torch.relu(a1)) + c_BH)
    c_new_BH = left * torch.tanh(torch.sigmoid(a2) + torch.relu(x3 * u3))
    right = torch.tanh(torch.tanh(a4) * torch.sigmoid(a5)) + torch.sigmoid(torch.tanh(a6) + torch.sigmoid(a7))
    return torch.tanh(c_new_BH * torch.tanh(right)), c_new_BH


@dataclass(frozen=True)
class NAS(Gated):
    """The cell that neural architecture search found.

    ::

        u = W_hh h + b_hh,  x = W_ih x,  a = x + u             in eight blocks, 0 to 7
        p = tanh(sigmoid(a0) * relu(a1))
        q = tanh(sigmoid(a2) + relu(x3 * u3))                  block 3 multiplies
        r = tanh(tanh(a4) * sigmoid(a5))
        s = sigmoid(tanh(a6) + sigmoid(a7))
        c' = tanh(p + c) * q
        h' = tanh(c' * tanh(r + s))

    Source: Zoph and Le 2017, arXiv:1611.01578, as the authors' NASCell in TensorFlow has it, projection left out.
    Copies that add in block 3 as in all others are not this cell.

    Shapes: weight_ih (8H, I), weight_hh (8H, H), bias_hh (8H), blocks in the order 0 to 7.
    """

    gates: ClassVar[tuple[str, ...]] = tuple("01234567")
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    biases: ClassVar[tuple[str, ...]] = ("bias_hh",)

    def stages(self) -> tuple[Stage, ...]:
        """One stage; share and product apart."""
        return (Stage(_searched, ("h", "c"), ("c",), self.all_rows, self.product()),)
