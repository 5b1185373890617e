"""LSTMs with peepholes, and the variants that leave one part of them out.

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import Gated, _OneStage, as_is
from rnnbench.cells.lstm import _ForgetBias

_PEEPHOLES = ("weight_ci", "weight_cf", "weight_co")


@dataclass(frozen=True)
class Peepholes(Gated):
    """Base of LSTMs whose gates look at the memory; a missing gate is open, a missing peephole is 0.

    Attributes:
        coupled: whether the forget gate is 1 - i.
        squash_input: whether the candidate goes through tanh.
        squash_output: whether the memory goes through tanh on its way out.
    """

    gates: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")
    biases: ClassVar[tuple[str, ...]] = ("bias_ih",)
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    vectors: ClassVar[tuple[str, ...]] = _PEEPHOLES
    coupled: ClassVar[bool] = False
    squash_input: ClassVar[bool] = True
    squash_output: ClassVar[bool] = True

    def memory(self, gates_BG: Tensor, c_BH: Tensor, *peepholes_H: Tensor) -> tuple[Any, Tensor, Tensor]:
        """The output gate (None if there is none), what it lets out, and the new memory."""
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
        c_new_BH = _through(f, c_BH) + _through(i, g)
        return gate("o", c_new_BH), torch.tanh(c_new_BH) if self.squash_output else c_new_BH, c_new_BH


def _through(gate: Tensor | None, value: Tensor) -> Tensor:
    return value if gate is None else gate * value


@dataclass(frozen=True)
class _Peepholes(Peepholes, _OneStage):
    reads: ClassVar[tuple[str, ...]] = ("c",)

    def step(self, gates_BG: Tensor, c_BH: Tensor, *peepholes_H: Tensor) -> tuple[Tensor, Tensor]:
        """The new h and c."""
        o, m, c_new_BH = self.memory(gates_BG, c_BH, *peepholes_H)
        return _through(o, m), c_new_BH


@dataclass(frozen=True)
class PeepholeLSTM(_ForgetBias, _Peepholes):
    """The LSTM with diagonal peepholes: the "vanilla" LSTM of Greff et al. and the LSTM of Chung et al. 2014.

    ::

        i = sigmoid(W_xi x + W_hi h + w_ci * c + b_i)
        f = sigmoid(W_xf x + W_hf h + w_cf * c + b_f)
        c' = f * c + i * tanh(W_xc x + W_hc h + b_c)
        o = sigmoid(W_xo x + W_ho h + w_co * c' + b_o)         the new memory
        h' = o * tanh(c')

    Source: Graves 2013, arXiv:1308.0850, equations 7 to 11; Greff et al. 2017, arXiv:1503.04069, section 2.
    Gers and Schmidhuber 2000 brought the peepholes. ``LSTM`` has none.

    Shapes: weight_ih (4H, I), weight_hh (4H, H), bias_ih (4H), rows in the order i f g o; weight_ci, weight_cf
    and weight_co (H).

    Attributes:
        forget_bias: value at which the forget gate's bias starts; None leaves it as drawn.
    """


@dataclass(frozen=True)
class LSTMNIG(_Peepholes):
    """No input gate, i = 1, in ``PeepholeLSTM``: NIG of Greff et al. 2017, arXiv:1503.04069. Rows f g o."""

    gates: ClassVar[tuple[str, ...]] = ("f", "g", "o")
    vectors: ClassVar[tuple[str, ...]] = ("weight_cf", "weight_co")


@dataclass(frozen=True)
class LSTMNFG(_Peepholes):
    """No forget gate, f = 1, in ``PeepholeLSTM``: NFG of Greff et al. 2017. Rows i g o."""

    gates: ClassVar[tuple[str, ...]] = ("i", "g", "o")
    vectors: ClassVar[tuple[str, ...]] = ("weight_ci", "weight_co")


@dataclass(frozen=True)
class LSTMNOG(_Peepholes):
    """No output gate, o = 1, in ``PeepholeLSTM``: NOG of Greff et al. 2017. Rows i f g."""

    gates: ClassVar[tuple[str, ...]] = ("i", "f", "g")
    vectors: ClassVar[tuple[str, ...]] = ("weight_ci", "weight_cf")


@dataclass(frozen=True)
class LSTMNIAF(_Peepholes):
    """No input activation function: the candidate of ``PeepholeLSTM`` without tanh; NIAF of Greff et al. 2017."""

    squash_input: ClassVar[bool] = False


@dataclass(frozen=True)
class LSTMNOAF(_Peepholes):
    """No output activation function: h' = o * c' in ``PeepholeLSTM``; NOAF of Greff et al. 2017."""

    squash_output: ClassVar[bool] = False


@dataclass(frozen=True)
class LSTMCIFG(_Peepholes):
    """Coupled input and forget gate: f = 1 - i in ``PeepholeLSTM``; CIFG of Greff et al. 2017. Rows i g o."""

    gates: ClassVar[tuple[str, ...]] = ("i", "g", "o")
    vectors: ClassVar[tuple[str, ...]] = ("weight_ci", "weight_co")
    coupled: ClassVar[bool] = True


@dataclass(frozen=True)
class LSTMNP(_Peepholes):
    """No peepholes: NP of Greff et al. 2017. It is ``LSTM`` with one bias. Rows i f g o."""

    vectors: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True)
class LSTMFGR(Peepholes):
    """Full gate recurrence: the gates of ``PeepholeLSTM`` see all gates of the step before.

    ::

        i = sigmoid(W_i x + R_i h + w_ci * c  + b_i + R_ii q_i + R_fi q_f + R_oi q_o)     q: i, f, o one step ago
        f, o                                                                              alike

    FGR of Greff et al. 2017, arXiv:1503.04069, section 3; as in the LSTM of Hochreiter and Schmidhuber 1997 with
    all units connected.

    Shapes: as ``PeepholeLSTM``, and weight_qq (3H, 3H) with rows and columns in the order i f o. The state q (3H)
    holds the gates in this order.
    """

    @property
    def state(self) -> dict[str, int]:
        """``h`` and ``c`` (H), and ``q``, the gates (3H)."""
        return super().state | {"q": 3 * self.hidden_size}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of ``PeepholeLSTM`` and weight_qq."""
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
class LSTMf(_Peepholes):
    """``LSTM`` without its forget gate (f = 1) and with one bias: LSTM-f of Jozefowicz et al. 2015. Rows i g o.

    Jozefowicz, Zaremba and Sutskever 2015, "An empirical exploration of recurrent network architectures", section
    2; they name the candidate i and the input gate j. LSTM-b is ``LSTM`` with ``forget_bias=1``.
    """

    gates: ClassVar[tuple[str, ...]] = ("i", "g", "o")
    vectors: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True)
class LSTMi(_Peepholes):
    """``LSTM`` without its input gate (i = 1) and with one bias: LSTM-i of Jozefowicz et al. 2015. Rows f g o."""

    gates: ClassVar[tuple[str, ...]] = ("f", "g", "o")
    vectors: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True)
class LSTMo(_Peepholes):
    """``LSTM`` without its output gate (o = 1) and with one bias: LSTM-o of Jozefowicz et al. 2015. Rows i f g."""

    gates: ClassVar[tuple[str, ...]] = ("i", "f", "g")
    vectors: ClassVar[tuple[str, ...]] = ()
