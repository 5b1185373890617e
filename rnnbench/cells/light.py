"""Light-weight cells: additive, twin-gated, scaled and bistable ones.

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import Gated, OneStage, activation, keep, sigmoid, times, write


@dataclass(frozen=True)
class RAN(OneStage):
    """The recurrent additive network: the memory is a weighted sum of linear maps of the inputs.

    ::

        i = sigmoid(W_i x + U_i h + b_i),  f = sigmoid(W_f x + U_f h + b_f)
        c' = i * (W_c x) + f * c
        h' = tanh(c')                                          or c', by ``output_map``

    Source: Lee, Levy and Zettlemoyer 2017, arXiv:1705.07393, section 2.

    Attributes:
        output_map: ``tanh`` or ``identity``; both are the paper's.
    """

    output_map: Literal["tanh", "identity"] = "tanh"

    gates = ("i", "f", "c")
    version = 2  # 2: init=keras starts the forget gate at 1
    memory_gates = MappingProxyType({"f": 1, "i": -1})
    recurrent = ("i", "f")
    unbiased = ("c",)
    states = ("h", "c")
    reads = ("c",)
    joint = False

    def step(self, share_BG: Tensor, product_BG: Tensor, c_BH: Tensor) -> tuple[Tensor, Tensor]:
        i, f, content = share_BG.chunk(3, -1)
        product_i, product_f = product_BG.chunk(2, -1)
        c_new_BH = torch.sigmoid(i + product_i) * content + torch.sigmoid(f + product_f) * c_BH
        return torch.tanh(c_new_BH) if self.output_map == "tanh" else c_new_BH, c_new_BH


@dataclass(frozen=True)
class CFN(OneStage):
    """The chaos-free network: without input the state dies out.

    ::

        t = sigmoid(V_t x + U_t h + b_t),  e = sigmoid(V_e x + U_e h + b_e)
        h' = t * tanh(h) + e * tanh(W x)

    Source: Laurent and von Brecht 2017, arXiv:1612.06212, equations 1 and 2.
    """

    gates = ("t", "e", "w")
    recurrent = ("t", "e")
    unbiased = ("w",)
    joint = False

    def step(self, share_BG: Tensor, product_BG: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        t, e, w = share_BG.chunk(3, -1)
        product_t, product_e = product_BG.chunk(2, -1)
        return (torch.sigmoid(t + product_t) * torch.tanh(h_BH) + torch.sigmoid(e + product_e) * torch.tanh(w),)


@dataclass(frozen=True)
class ATR(OneStage):
    """The addition-subtraction twin-gated network: two gates from the same two products.

    ::

        p = W x + b_i,  q = U h + b_h
        h' = sigmoid(p + q) * p + sigmoid(p - q) * h

    Source: Zhang et al. 2018, arXiv:1810.12546, section 3; they print no biases.
    """

    gates = ("p",)
    biases = ("bias_ih", "bias_hh")
    joint = False

    def step(self, p_BH: Tensor, q_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        return (torch.sigmoid(p_BH + q_BH) * p_BH + torch.sigmoid(p_BH - q_BH) * h_BH,)


@dataclass(frozen=True)
class LightRU(OneStage):
    """The light recurrent unit: only the gate sees the state.

    ::

        h' = (1 - f) * h + f * tanh(W_n x + b_n),  f = sigmoid(W_f x + U_f h + b_f)

    Source: Ye et al. 2024, "Light recurrent unit", Electronics 13(16):3204, by way of two libraries of one author, of
    which one has no b_n. ``STAR`` puts a tanh around it.
    """

    gates = ("n", "f")
    recurrent = ("f",)
    joint = False

    def step(self, share_BG: Tensor, product_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        n, f = share_BG.chunk(2, -1)
        return (write(torch.sigmoid(f + product_BH), h_BH, torch.tanh(n)),)


@dataclass(frozen=True)
class STAR(LightRU):
    """The stackable recurrent unit.

    ::

        h' = tanh((1 - k) * h + k * tanh(W_z x + b_z)),  k = sigmoid(W_k x + U_k h + b_k)

    Source: Turkoglu, D'Aronco, Wegner and Schindler 2019, arXiv:1911.11033, section 3.
    """

    gates = ("z", "k")
    recurrent = ("k",)

    def step(self, share_BG: Tensor, product_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        return (torch.tanh(*super().step(share_BG, product_BH, h_BH)),)


@dataclass(frozen=True)
class SGU(Gated):
    """The simple gated unit: the gate g multiplies instead of adding.

    ::

        g = tanh(U_g ((W_g x + b_g) * h))
        z = hard_sigmoid(W_z x + U_z h + b_z)                  min(max(v / 5 + 1/2, 0), 1)
        h' = (1 - z) * h + z * softplus(g * h)

    Source: Gao and Glowacka 2016, arXiv:1604.02910, section 3. Their hard sigmoid is that of the libraries of 2016;
    torch's has the slope 1/6.
    """

    gates = ("g", "z")

    def stages(self) -> tuple[Stage, ...]:
        """The product with the input, the candidate, then the gate."""
        return (
            Stage(times, ("v",), ("h",), self.rows("g")),
            *self._candidate(),
            Stage(_hard_write, ("h",), ("n", "h"), self.rows("z"), self.product("h", "z"), joint=True),
        )

    def _candidate(self) -> tuple[Stage, ...]:
        return (Stage(_softplus, ("n",), ("h",), product=self.product("v", "g")),)


@dataclass(frozen=True)
class DSGU(SGU):
    """The deep simple gated unit: ``SGU`` with sigmoid(U_o (g * h)) in place of softplus(g * h); U_o is weight_oh.

    Source: Gao and Glowacka 2016, arXiv:1604.02910, section 3.
    """

    matrices = (("weight_oh", 1),)

    def _candidate(self) -> tuple[Stage, ...]:
        return (
            Stage(_tanh_times, ("w",), ("h",), product=self.product("v", "g")),
            Stage(sigmoid, ("n",), product=Product("w", "weight_oh")),
        )


def _tanh_times(product_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
    return (torch.tanh(product_BH) * h_BH,)


def _softplus(product_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
    return (F.softplus(*_tanh_times(product_BH, h_BH)),)


def _hard_write(sum_BH: Tensor, n_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
    return (write(torch.clamp(0.2 * sum_BH + 0.5, 0, 1), h_BH, n_BH),)


@dataclass(frozen=True)
class _Scaled(OneStage):
    """Base of cells with two learned numbers in 0..1, the sigmoids of parameters (1); ``numbers``: their starts."""

    gates = ("n",)
    numbers: ClassVar[Mapping[str, float]] = MappingProxyType({})

    @property
    def parameters_read(self) -> tuple[str, ...]:
        return tuple(self.numbers)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return super().parameter_shapes() | dict.fromkeys(self.numbers, (1,))

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The numbers through their sigmoid."""
        return {name: torch.sigmoid(p) if name in self.numbers else p for name, p in params.items()}

    def starts(self) -> Mapping[str, float]:
        return self.numbers


@dataclass(frozen=True)
class FastRNN(_Scaled):
    """The RNN with a weighted residual connection: two numbers.

    ::

        h' = sigmoid(alpha) * f(W x + U h + b) + sigmoid(beta) * h         f: tanh or ReLU

    Source: Kusupati et al. 2018, arXiv:1901.02358, section 3.1. alpha starts at -3 and beta at 3: small steps.
    ``LeakyRNN`` has one fixed number.

    Attributes:
        nonlinearity: ``tanh`` or ``relu``.
    """

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    numbers = MappingProxyType({"alpha": -3.0, "beta": 3.0})

    def step(self, sum_BH: Tensor, h_BH: Tensor, alpha: Tensor, beta: Tensor) -> tuple[Tensor]:
        return (alpha * activation(self.nonlinearity)(sum_BH) + beta * h_BH,)


@dataclass(frozen=True)
class FastGRNN(_Scaled):
    """The gated form of ``FastRNN``: gate and candidate share their matrices and differ in their bias.

    ::

        z = sigmoid(W x + U h + b_z)
        h' = (sigmoid(zeta) * (1 - z) + sigmoid(nu)) * tanh(W x + U h + b_n) + z * h

    Source: Kusupati et al. 2018, arXiv:1901.02358, section 3.2, with full W and U. zeta starts at 1, nu at -4.

    Shapes: bias_z and bias_n (H) in place of bias_ih.
    """

    biases = ()
    numbers = MappingProxyType({"zeta": 1.0, "nu": -4.0})

    @property
    def parameters_read(self) -> tuple[str, ...]:
        return (*self.numbers, *(("bias_z", "bias_n") if self.bias else ()))

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return super().parameter_shapes() | dict.fromkeys(self.parameters_read[2:], (self.hidden_size,))

    def step(self, sum_BH: Tensor, h_BH: Tensor, zeta: Tensor, nu: Tensor, *biases_H: Tensor) -> tuple[Tensor]:
        bias_z, bias_n = biases_H or (0.0, 0.0)
        z = torch.sigmoid(sum_BH + bias_z)
        return ((zeta * (1 - z) + nu) * torch.tanh(sum_BH + bias_n) + z * h_BH,)


@dataclass(frozen=True)
class BRC(OneStage):
    """The bistable recurrent cell: each unit sees its own state alone and may have two fixed points.

    ::

        a = 1 + tanh(W_a x + w_a * h + b_a),  c = sigmoid(W_c x + w_c * h + b_c)
        h' = c * h + (1 - c) * tanh(W_n x + a * h + b_n)

    Source: Vecoven, Ernst and Drion 2021, arXiv:2006.05252, equations 5 to 7; they print no biases.
    """

    gates = ("a", "c", "n")
    recurrent = ()
    vectors = ("weight_a", "weight_c")

    def step(self, share_BG: Tensor, h_BH: Tensor, weight_a: Tensor, weight_c: Tensor) -> tuple[Tensor]:
        return _bistable(share_BG, weight_a * h_BH, weight_c * h_BH, h_BH)


@dataclass(frozen=True)
class NBRC(OneStage):
    """The recurrently neuromodulated bistable cell: ``BRC`` with matrices, weight_hh, in place of w_a and w_c.

    Source: Vecoven, Ernst and Drion 2021, arXiv:2006.05252, section 3.
    """

    gates = ("a", "c", "n")
    recurrent = ("a", "c")
    joint = False

    def step(self, share_BG: Tensor, product_BG: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        own_a, own_c = product_BG.chunk(2, -1)
        return _bistable(share_BG, own_a, own_c, h_BH)


def _bistable(share_BG: Tensor, own_a: Tensor, own_c: Tensor, h_BH: Tensor) -> tuple[Tensor]:
    a, c, n = share_BG.chunk(3, -1)
    a = 1 + torch.tanh(a + own_a)
    return (keep(torch.sigmoid(c + own_c), h_BH, torch.tanh(n + a * h_BH)),)
