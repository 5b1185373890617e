"""Cells whose parts meet in another way: by multiplication, through the memory, or as a search found it.

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight (gates times H).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import Gated, OneStage, tanh
from rnnbench.cells.lstm import lstm_step


@dataclass(frozen=True)
class _Integrated(OneStage):
    """Gates whose input share and recurrent product are multiplied, with three vectors and a bias outside.

    Attributes:
        alpha: value at which the weights of the product start.
        beta: value at which the weights of both summands start.
    """

    alpha: float = 1.0
    beta: float = 0.5

    biases = ()
    joint = False
    examples = ({"alpha": 2.0},)

    @property
    def parameters_read(self) -> tuple[str, ...]:
        return tuple(self.starts())

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return super().parameter_shapes() | dict.fromkeys(self.starts(), (len(self.gates) * self.hidden_size,))

    def starts(self) -> Mapping[str, float]:
        vectors = {"alpha": self.alpha, "beta_h": self.beta, "beta_x": self.beta}
        return vectors | ({"bias_mi": 0.0} if self.bias else {})


def _integrate(share: Tensor, product: Tensor, alpha: Tensor, beta_h: Tensor, beta_x: Tensor, *bias: Tensor) -> Tensor:
    return sum(bias, alpha * share * product + beta_h * product + beta_x * share)


@dataclass(frozen=True)
class MIRNN(_Integrated):
    """Elman's network with multiplicative integration.

    ::

        h' = tanh(alpha * W x * U h + beta_h * U h + beta_x * W x + b)

    Source: Wu, Zhang, Zhang, Bengio and Salakhutdinov 2016, arXiv:1606.06630, the general form. Their simple form,
    tanh(W x * U h + b), is alpha = 1 and beta = 0. The multiplicative RNN of Sutskever 2011 is another.

    Shapes: alpha, beta_h, beta_x, bias_mi = b (G).
    """

    gates = ("h",)
    reads = ()

    def step(self, share_BG: Tensor, product_BG: Tensor, *vectors: Tensor) -> tuple[Tensor]:
        return (torch.tanh(_integrate(share_BG, product_BG, *vectors)),)


@dataclass(frozen=True)
class MILSTM(_Integrated):
    """The LSTM with multiplicative integration in all four gates.

    ::

        a = alpha * W x * U h + beta_h * U h + beta_x * W x + b                 of 4H rows: i f g o
        c' = sigmoid(a_f) * c + sigmoid(a_i) * tanh(a_g)
        h' = sigmoid(a_o) * tanh(c')

    Source: Wu et al. 2016, arXiv:1606.06630. The multiplicative LSTM of Krause 2016 is another. Shapes: as ``MIRNN``.
    """

    gates = ("i", "f", "g", "o")
    states = ("h", "c")
    reads = ("c",)

    def step(self, share_BG: Tensor, product_BG: Tensor, c_BH: Tensor, *vectors: Tensor) -> tuple[Tensor, Tensor]:
        return lstm_step(_integrate(share_BG, product_BG, *vectors), c_BH)


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

    Shapes: weight_ch (3H, H), rows i f o.
    """

    gates = ("i", "f", "g", "o")
    memory_gates = MappingProxyType({"f": 1, "i": -1})
    states = ("h", "c")
    matrices = (("weight_ch", 3),)

    def stages(self) -> tuple[Stage, ...]:
        """A look at the old memory, the new memory, a look at it."""
        H = self.hidden_size
        return (
            Stage(tanh, ("m",), (), product=Product("c", "weight_ch", rows=(0, 2 * H))),
            Stage(_remember, ("c", "o"), ("c", "m"), self.all_rows, self.product(), joint=True),
            Stage(_tell, ("h",), ("o", "c"), product=Product("c", "weight_ch", rows=(2 * H, 3 * H))),
        )


def _remember(sum_BG: Tensor, c_BH: Tensor, m_BG: Tensor) -> tuple[Tensor, Tensor]:
    i, f, g, o = sum_BG.chunk(4, -1)
    m_i, m_f = m_BG.chunk(2, -1)
    return torch.sigmoid(f + m_f) * c_BH + torch.sigmoid(i + m_i) * torch.tanh(g), o


def _tell(product_BH: Tensor, o_BH: Tensor, c_BH: Tensor) -> tuple[Tensor]:
    return (torch.sigmoid(o_BH + torch.tanh(product_BH)) * torch.tanh(c_BH),)


@dataclass(frozen=True)
class NAS(OneStage):
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
    """

    gates = tuple("01234567")
    biases = ("bias_hh",)
    states = ("h", "c")
    reads = ("c",)
    joint = False

    def step(self, share_BG: Tensor, product_BG: Tensor, c_BH: Tensor) -> tuple[Tensor, Tensor]:
        *_, x3, _, _, _, _ = share_BG.chunk(8, -1)
        *_, u3, _, _, _, _ = product_BG.chunk(8, -1)
        a0, a1, a2, _, a4, a5, a6, a7 = (share_BG + product_BG).chunk(8, -1)
        left = torch.tanh(torch.tanh(torch.sigmoid(a0) * torch.relu(a1)) + c_BH)
        c_new_BH = left * torch.tanh(torch.sigmoid(a2) + torch.relu(x3 * u3))
        right = torch.tanh(torch.tanh(a4) * torch.sigmoid(a5)) + torch.sigmoid(torch.tanh(a6) + torch.sigmoid(a7))
        return torch.tanh(c_new_BH * torch.tanh(right)), c_new_BH
