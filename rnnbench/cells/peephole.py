"""LSTMs with peepholes, and the variants that leave one part of them out.

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import ForgetBias, Gated, OneStage, as_is, through


@dataclass(frozen=True)
class Peepholes(Gated):
    """Base of LSTMs whose gates look at the memory; a missing gate is open, a missing peephole is 0.

    Attributes:
        coupled: whether the forget gate is 1 - i.
        squash_input: whether the candidate goes through tanh.
        squash_output: whether the memory goes through tanh on its way out.
    """

    gates = ("i", "f", "g", "o")
    states = ("h", "c")
    vectors = ("weight_ci", "weight_cf", "weight_co")
    memory_gates = MappingProxyType({"f": 1, "i": -1})
    coupled: ClassVar[bool] = False
    squash_input: ClassVar[bool] = True
    squash_output: ClassVar[bool] = True

    def memory(self, gates_BG: Tensor, c_BH: Tensor, *rest: Tensor) -> tuple[Any, Tensor, Tensor]:
        """The output gate (None if there is none), what it lets out, and the new memory.

        ``rest`` are the peepholes and, if given, a factor on the candidate.
        """
        peepholes_H, kept = rest[: len(self.vectors)], rest[len(self.vectors) :]
        sums = dict(zip(self.recurrent_gates, gates_BG.chunk(len(self.recurrent_gates), -1)))
        weights = dict(zip(self.vectors, peepholes_H))

        def gate(name: str, c: Tensor) -> Tensor | None:
            if name not in sums:
                return None
            weight = weights.get(f"weight_c{name}")
            return torch.sigmoid(sums[name] if weight is None else sums[name] + weight * c)

        i = gate("i", c_BH)
        f = 1 - i if self.coupled and i is not None else gate("f", c_BH)
        g = torch.tanh(sums["g"]) if self.squash_input else sums["g"]
        c_new_BH = through(f, c_BH) + through(i, kept[0] * g if kept else g)
        return gate("o", c_new_BH), torch.tanh(c_new_BH) if self.squash_output else c_new_BH, c_new_BH


@dataclass(frozen=True)
class _Peepholes(Peepholes, OneStage):
    reads = ("c",)
    has_candidate = True

    def step(self, gates_BG: Tensor, c_BH: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        o, m, c_new_BH = self.memory(gates_BG, c_BH, *rest)
        return through(o, m), c_new_BH


@dataclass(frozen=True)
class PeepholeLSTM(ForgetBias, _Peepholes):
    """The LSTM with diagonal peepholes: the "vanilla" LSTM of Greff et al. and the LSTM of Chung et al. 2014.

    ::

        i = sigmoid(W_xi x + W_hi h + w_ci * c + b_i)
        f = sigmoid(W_xf x + W_hf h + w_cf * c + b_f)
        c' = f * c + i * tanh(W_xc x + W_hc h + b_c)
        o = sigmoid(W_xo x + W_ho h + w_co * c' + b_o)         the new memory
        h' = o * tanh(c')

    Source: Graves 2013, arXiv:1308.0850, equations 7 to 11; Greff et al. 2017, arXiv:1503.04069, section 2.
    Gers and Schmidhuber 2000 brought the peepholes. ``LSTM`` has none.
    """


@dataclass(frozen=True)
class LSTMNIG(_Peepholes):
    """``PeepholeLSTM`` without input gate, i = 1. Source: NIG of Greff et al. 2017, arXiv:1503.04069."""

    gates = ("f", "g", "o")
    vectors = ("weight_cf", "weight_co")


@dataclass(frozen=True)
class LSTMNFG(_Peepholes):
    """``PeepholeLSTM`` without forget gate, f = 1. Source: NFG of Greff et al. 2017, arXiv:1503.04069."""

    gates = ("i", "g", "o")
    vectors = ("weight_ci", "weight_co")


@dataclass(frozen=True)
class LSTMNOG(_Peepholes):
    """``PeepholeLSTM`` without output gate, o = 1. Source: NOG of Greff et al. 2017, arXiv:1503.04069."""

    gates = ("i", "f", "g")
    vectors = ("weight_ci", "weight_cf")


@dataclass(frozen=True)
class LSTMNIAF(_Peepholes):
    """``PeepholeLSTM`` whose candidate has no tanh. Source: NIAF of Greff et al. 2017, arXiv:1503.04069."""

    squash_input = False


@dataclass(frozen=True)
class LSTMNOAF(_Peepholes):
    """``PeepholeLSTM`` with h' = o * c'. Source: NOAF of Greff et al. 2017, arXiv:1503.04069."""

    squash_output = False


@dataclass(frozen=True)
class LSTMCIFG(LSTMNFG):
    """``PeepholeLSTM`` with coupled gates, f = 1 - i. Source: CIFG of Greff et al. 2017, arXiv:1503.04069."""

    coupled = True


@dataclass(frozen=True)
class LSTMNP(_Peepholes):
    """No peepholes: ``LSTM`` with one bias. Source: NP of Greff et al. 2017, arXiv:1503.04069."""

    vectors = ()


@dataclass(frozen=True)
class LSTMFGR(Peepholes):
    """Full gate recurrence: the gates of ``PeepholeLSTM`` see all gates of the step before.

    ::

        i = sigmoid(W_i x + R_i h + w_ci * c  + b_i + R_ii q_i + R_fi q_f + R_oi q_o)     q: i, f, o one step ago
        f, o                                                                              alike

    Source: FGR of Greff et al. 2017, arXiv:1503.04069, section 3; as in the LSTM of Hochreiter and Schmidhuber 1997
    with all units connected.

    Shapes: weight_qq (3H, 3H), rows and columns in the order i f o; the state q (3H) has this order too.
    """

    @property
    def state(self) -> dict[str, int]:
        return super().state | {"q": 3 * self.hidden_size}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return super().parameter_shapes() | {"weight_qq": (3 * self.hidden_size,) * 2}

    def stages(self) -> tuple[Stage, ...]:
        """What the gates say to each other, then the step."""
        reads = ("r", "c", *self.vectors)
        return (
            Stage(as_is, ("r",), product=Product("q", "weight_qq")),
            Stage(_full_recurrence, ("h", "c", "q"), reads, self.all_rows, self.product(), joint=True),
        )


def _full_recurrence(
    gates_BG: Tensor, r_BG: Tensor, c_BH: Tensor, w_ci: Tensor, w_cf: Tensor, w_co: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    i, f, g, o = gates_BG.chunk(4, -1)
    r_i, r_f, r_o = r_BG.chunk(3, -1)
    i, f = torch.sigmoid(i + r_i + w_ci * c_BH), torch.sigmoid(f + r_f + w_cf * c_BH)
    c_new_BH = f * c_BH + i * torch.tanh(g)
    o = torch.sigmoid(o + r_o + w_co * c_new_BH)
    return o * torch.tanh(c_new_BH), c_new_BH, torch.cat((i, f, o), -1)


@dataclass(frozen=True)
class LSTMf(LSTMNFG):
    """``LSTM`` without forget gate, f = 1, and with one bias: LSTM-f.

    Source: Jozefowicz, Zaremba and Sutskever 2015, "An empirical exploration of recurrent network architectures",
    section 2; they name the candidate i and the input gate j. Their o is printed with tanh: taken for a slip, as they
    call it a gate. LSTM-b is ``LSTM`` with ``forget_bias=1``.
    """

    vectors = ()


@dataclass(frozen=True)
class LSTMi(LSTMNIG):
    """``LSTM`` without input gate, i = 1, and with one bias. Source: LSTM-i of Jozefowicz et al. 2015."""

    vectors = ()


@dataclass(frozen=True)
class LSTMo(LSTMNOG):
    """``LSTM`` without output gate, o = 1, and with one bias. Source: LSTM-o of Jozefowicz et al. 2015."""

    vectors = ()
