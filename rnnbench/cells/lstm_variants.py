"""LSTMs that change what goes into the gates: normalised, multiplied, modulated, residual, forget gate only.

Shape suffixes: B rows of the batch, I input size, H hidden size, G rows of a weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import Gated, OneStage, standardise, times
from rnnbench.cells.lstm import lstm_step
from rnnbench.cells.peephole import Peepholes


@dataclass(frozen=True)
class Normalised(OneStage):
    """Base of cells with layer norms: gains start at 1, shifts at 0. A subclass lists both with their sizes in H.

    Attributes:
        gains: names and sizes, as multiples of H.
        shifts: alike; there are none without ``bias``.
    """

    biases = ()
    joint = False
    gains: ClassVar[tuple[tuple[str, int], ...]] = ()
    shifts: ClassVar[tuple[tuple[str, int], ...]] = ()

    @property
    def parameters_read(self) -> tuple[str, ...]:
        return tuple(self.starts())

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        sizes = dict((*self.gains, *self.shifts))
        return super().parameter_shapes() | {name: (sizes[name] * self.hidden_size,) for name in self.starts()}

    def starts(self) -> Mapping[str, float]:
        shifts = dict.fromkeys(dict(self.shifts), 0.0) if self.bias else {}
        return dict.fromkeys(dict(self.gains), 1.0) | shifts


@dataclass(frozen=True)
class LayerNormLSTM(Normalised):
    """The LSTM with layer norm on both sums and on the memory.

    ::

        (i f g o) = LN(W_h h; gain_hh) + LN(W_x x; gain_ih) + shift      one norm over all four gates
        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(LN(c'; gain_c, shift_c))
        LN(v; a, b) = a * (v - mean(v)) / sqrt(var(v) + 1e-5) + b

    Source: Ba, Kiros and Hinton 2016, arXiv:1607.06450, supplement, equations 20 to 22. Their two shifts of the
    norms and the bias are summed and so are one vector here, ``shift``. Namesakes that differ: a norm for each
    gate apart, and LSTMs around which a layer norm is put.
    """

    gates = ("i", "f", "g", "o")
    states = ("h", "c")
    reads = ("c",)
    gains = (("gain_ih", 4), ("gain_hh", 4), ("gain_c", 1))
    shifts = (("shift", 4), ("shift_c", 1))
    exceptions = MappingProxyType(
        {"float32": "sums of variance 1 make the step expand: its error, 1e-7 as the LSTM's, grows with every step"}
    )

    def step(self, share_BG: Tensor, product_BG: Tensor, c_BH: Tensor, *norms: Tensor) -> tuple[Tensor, Tensor]:
        gain_ih, gain_hh, gain_c, *shifts = norms
        shift, shift_c = shifts or (0.0, 0.0)
        gates_BG = standardise(product_BG) * gain_hh + standardise(share_BG) * gain_ih + shift
        i, f, g, o = gates_BG.chunk(4, -1)
        c_new_BH = torch.sigmoid(f) * c_BH + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(standardise(c_new_BH) * gain_c + shift_c), c_new_BH


@dataclass(frozen=True)
class JANET(OneStage):
    """Just another network: the forget gate alone.

    ::

        s = W_xf x + W_hf h + b_f
        h' = sigmoid(s) * h + (1 - sigmoid(s - beta)) * tanh(W_xg x + W_hg h + b_g)

    Source: van der Westhuizen and Lasenby 2018, arXiv:1804.04849, section 4. With ``beta=0`` it is ``UGRNN``.

    Attributes:
        beta: how far the input lags behind what is forgotten; the paper's is 1.
        t_max: the longest dependency, for the paper's chrono initialisation (Tallec and Ollivier 2018) of the
            biases, b_f = log(u), u uniform in 1..t_max-1, b_g = 0. None draws them like the weights.
    """

    beta: float = 1.0
    t_max: int | None = None

    gates = ("f", "g")
    version = 2  # 2: init=keras starts the forget gate at 1
    memory_gates = MappingProxyType({"f": 1})
    examples = ({"t_max": 20, "beta": 0.5},)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.t_max is not None and (self.t_max < 3 or not self.bias):
            raise ValueError(f"t_max={self.t_max}: must be at least 3, with bias=True")

    def step(self, gates_BG: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        s, g = gates_BG.chunk(2, -1)
        return (torch.sigmoid(s) * h_BH + torch.sigmoid(self.beta - s) * torch.tanh(g),)

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        super().reset_parameters(params)
        if self.t_max is not None:
            with torch.no_grad():
                f, g = params["bias_ih"].chunk(2)
                f.uniform_(1, self.t_max - 1).log_()
                g.zero_()


@dataclass(frozen=True)
class MultiplicativeLSTM(Gated):
    """The multiplicative LSTM (mLSTM): the state meets the input in a product before the gates.

    ::

        m = (W_mx x) * (W_mh h)
        (i f g o) = W_x x + W_m m + b
        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(c')

    Source: Krause, Lu, Murray and Renals 2016, arXiv:1609.07959, section 3. Some copies have no tanh in the
    candidate and h' = tanh(sigmoid(o) * c'). Not the mLSTM of Beck et al. 2024, whose m stands for matrix.

    Shapes: weight_hh (H, H), of m; weight_mh (4H, H) and bias_ih (4H), rows i f g o.
    """

    gates = ("m", "i", "f", "g", "o")
    memory_gates = MappingProxyType({"f": 1, "i": -1})
    recurrent = ("m",)
    unbiased = ("m",)
    states = ("h", "c")
    matrices = (("weight_mh", 4),)

    def stages(self) -> tuple[Stage, ...]:
        """m, then the LSTM."""
        gates = Product("m", "weight_mh")
        return (
            Stage(times, ("m",), (), self.rows("m"), self.product()),
            Stage(lstm_step, ("h", "c"), ("c",), self.rows("i", "o"), gates, joint=True, candidate=True),
        )


@dataclass(frozen=True)
class MogrifierLSTM(Gated):
    """The LSTM whose input and state gate each other a number of times before the step.

    ::

        x^k = 2 sigmoid(Q_k h^(k-1)) * x^(k-2)         k = 1, 3, ... up to rounds; x^-1 = x
        h^k = 2 sigmoid(R_k x^(k-1)) * h^(k-2)         k = 2, 4, ... up to rounds; h^0 = h
        h', c' = LSTM(the last x, the last h, c)

    Source: Melis, Kocisky and Blunsom 2020, arXiv:1909.01792, equations 1 and 2, without their factoring of Q
    and R into low ranks. With 0 rounds it would be ``LSTM``.

    Shapes: weight_q1, weight_q3, ... (I, H) and weight_r2, weight_r4, ... (H, I) besides.

    Attributes:
        rounds: how many times; the paper takes 5 or 6.
    """

    rounds: int = 5

    gates = ("i", "f", "g", "o")
    memory_gates = MappingProxyType({"f": 1, "i": -1})
    states = ("h", "c")
    examples = ({"rounds": 1}, {"rounds": 2})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rounds < 1:
            raise ValueError(f"rounds={self.rounds}: must be at least 1")

    @property
    def _mutual(self) -> list[str]:
        return [f"weight_{'rq'[k % 2]}{k}" for k in range(1, self.rounds + 1)]

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        I, H = self.input_size, self.hidden_size
        return super().parameter_shapes() | {name: (I, H) if "q" in name else (H, I) for name in self._mutual}

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """One matrix for input and state together: no share of the input is known before the step."""
        prepared = {name: params[name] for name in self._mutual}
        prepared["weight"] = torch.cat((params["weight_ih"], params["weight_hh"]), 1)
        return prepared | ({"bias": params["bias_ih"]} if self.bias else {})

    def stages(self) -> tuple[Stage, ...]:
        """A stage a round, then the gates."""
        x, h, rounds = "x", "h", []
        for k, weight in enumerate(self._mutual, 1):
            odd, last = k % 2 == 1, k == self.rounds
            reads = ((x, h) if odd else (h, x)) if last else (x if odd else h,)
            written = "xh" if last else f"{'x' if odd else 'h'}{k}"
            step = (_modulate_input_last if odd else _modulate_state_last) if last else _modulate
            rounds.append(Stage(step, (written,), reads, product=Product(h if odd else x, weight)))
            x, h = (written, h) if odd else (x, written)
        gates = Product("xh", "weight", "bias" if self.bias else None)
        return (*rounds, Stage(lstm_step, ("h", "c"), ("c",), product=gates, candidate=True))


def _modulate(product: Tensor, value: Tensor) -> tuple[Tensor]:
    return (2 * torch.sigmoid(product) * value,)


def _modulate_input_last(product_BI: Tensor, x_BI: Tensor, h_BH: Tensor) -> tuple[Tensor]:
    return (torch.cat((*_modulate(product_BI, x_BI), h_BH), -1),)


def _modulate_state_last(product_BH: Tensor, h_BH: Tensor, x_BI: Tensor) -> tuple[Tensor]:
    return (torch.cat((x_BI, *_modulate(product_BH, h_BH)), -1),)


@dataclass(frozen=True)
class ResidualLSTM(Peepholes):
    """The LSTM with peepholes, a projection and a way for the input past the memory.

    ::

        i, f, c'                          as in PeepholeLSTM
        o = sigmoid(W_xo x + W_ho h + w_co * c' + b_o)
        h' = o * (W_p tanh(c') + W_s x)

    Source: Kim, El-Khamy and Lee 2017, arXiv:1701.03360, section 3. They may take the identity for W_s where sizes
    allow it. Not the residual connection around a layer.
    """

    gates = ("i", "f", "g", "o", "s")
    recurrent = ("i", "f", "g", "o")
    unbiased = ("s",)
    matrices = (("weight_p", 1),)

    def stages(self) -> tuple[Stage, ...]:
        """The memory, then the projection."""
        reads = ("c", *self.vectors)
        return (
            Stage(self.memory, ("o", "m", "c"), reads, self.rows("i", "o"), self.product(), joint=True, candidate=True),
            Stage(times, ("h",), ("o",), self.rows("s"), Product("m", "weight_p"), joint=True),
        )
