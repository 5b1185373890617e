"""Cells between the RNN and the GRU: one gate, mutated gates, normalised gates.

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import Gated, OneStage, keep, sigmoid, standardise, tanh, write_tanh
from rnnbench.cells.lstm_variants import Normalised


@dataclass(frozen=True)
class MGU(Gated):
    """The minimal gated unit: the GRU whose one gate resets and updates.

    ::

        f = sigmoid(W_f x + U_f h + b_f)
        h' = (1 - f) * h + f * tanh(W_n x + U_n (f * h) + b_n)

    Source: Zhou, Wu, Zhang and Zhou 2016, arXiv:1603.09420, section 3. MGU1 to MGU3 simplify its gate.
    """

    gates = ("f", "n")

    def stages(self) -> tuple[Stage, ...]:
        """The gate, then the candidate."""
        candidate = self.product("m", "n")
        return self._gate(), Stage(write_tanh, ("h",), ("f", "h"), self.rows("n"), candidate, joint=True)

    def _gate(self) -> Stage:
        return Stage(_gate_and_reset, ("m", "f"), ("h",), self.rows("f"), self.product("h", "f"), joint=True)


def _gate_and_reset(sum_BH: Tensor, h_BH: Tensor, *bias_H: Tensor) -> tuple[Tensor, Tensor]:
    f_BH = torch.sigmoid(sum(bias_H, sum_BH))
    return f_BH * h_BH, f_BH


@dataclass(frozen=True)
class MGU2(MGU):
    """``MGU`` whose gate sees the state alone: f = sigmoid(U_f h). Source: Heck and Salem 2017, arXiv:1701.03452."""

    gates = ("n",)
    recurrent = ("f", "n")

    def _gate(self) -> Stage:
        return Stage(_gate_and_reset, ("m", "f"), ("h",), product=self.product("h", "f"))


@dataclass(frozen=True)
class MGU1(MGU2):
    """``MGU2`` with a bias_f (H): f = sigmoid(U_f h + b_f). Source: Heck and Salem 2017, arXiv:1701.03452."""

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return super().parameter_shapes() | ({"bias_f": (self.hidden_size,)} if self.bias else {})

    def _gate(self) -> Stage:
        reads = ("h", "bias_f") if self.bias else ("h",)
        return Stage(_gate_and_reset, ("m", "f"), reads, product=self.product("h", "f"))


@dataclass(frozen=True)
class MGU3(MGU):
    """``MGU`` whose gate is a vector: f = sigmoid(b_f), the same at every step; bias_f is there without ``bias`` too.

    Source: Heck and Salem 2017, arXiv:1701.03452.
    """

    gates = ("n",)
    vectors = ("bias_f",)

    def _gate(self) -> Stage:
        return Stage(_fixed_gate, ("m", "f"), ("bias_f", "h"))


def _fixed_gate(bias_H: Tensor, h_BH: Tensor) -> tuple[Tensor, Tensor]:
    return _gate_and_reset(bias_H + 0 * h_BH, h_BH)


@dataclass(frozen=True)
class Mutated(Gated):
    """Base of the mutated GRUs: the update gate z writes; one bias a sum; a gate may see x itself.

    Attributes:
        raw_gate: the gate that sees x and not W x with ``raw_input``.
    """

    raw_input: bool = False

    gates = ("z", "r", "n")
    raw_gate: ClassVar[str] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.raw_input:
            self.need_equal_sizes("raw_input=True adds input and state")

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        rows = (len(self.gates) - self.raw_input) * self.hidden_size
        return super().parameter_shapes() | {"weight_ih": (rows, self.input_size)}

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The identity in place of the raw gate's matrix: its product is made for all steps at once."""
        params = super().prepare(params)
        if not self.raw_input:
            return params
        weight, at = params["weight_ih"], self.rows(self.raw_gate)[0]
        eye = torch.eye(self.hidden_size, dtype=weight.dtype, device=weight.device)
        return {**params, "weight_ih": torch.cat((weight[:at], eye, weight[at:]))}


@dataclass(frozen=True)
class MUT1(Mutated):
    """The first mutated GRU: the update gate does not see the state.

    ::

        z = sigmoid(W_z x + b_z)
        r = sigmoid(W_r x + W_hr h + b_r)
        h' = (1 - z) * h + z * tanh(W_hn (r * h) + tanh(W_n x) + b_n)      tanh(x) with raw_input

    Source: Jozefowicz, Zaremba and Sutskever 2015, "An empirical exploration of recurrent network architectures",
    section 3. They print tanh(x), for which input and hidden sizes are equal; with W_n any sizes do.

    Shapes: bias_ih (H), of z; bias_hh (2H), of r n; no W_n in weight_ih with raw_input.

    Attributes:
        raw_input: whether the candidate sees x itself, as printed.
    """

    recurrent = ("r", "n")
    biases = ("bias_ih", "bias_hh")
    unbiased = ("r", "n")
    raw_gate = "n"

    def stages(self) -> tuple[Stage, ...]:
        """The gates, then the candidate."""
        return (
            Stage(_mut1_gates, ("m", "z"), ("h",), self.rows("z", "r"), self.product("h", "r")),
            Stage(_mut1_new, ("h",), ("z", "h"), self.rows("n"), self.product("m", "n")),
        )


def _mut1_gates(share_BG: Tensor, product_BH: Tensor, h_BH: Tensor) -> tuple[Tensor, Tensor]:
    z, r = share_BG.chunk(2, -1)
    return torch.sigmoid(r + product_BH) * h_BH, torch.sigmoid(z)


def _mut1_new(share_BH: Tensor, product_BH: Tensor, z_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
    return write_tanh(torch.tanh(share_BH) + product_BH, z_BH, h_BH)


@dataclass(frozen=True)
class MUT2(Mutated):
    """The second mutated GRU: the reset gate sees the input without a matrix.

    ::

        z = sigmoid(W_z x + W_hz h + b_z)
        r = sigmoid(W_r x + W_hr h + b_r)                                  x + W_hr h + b_r with raw_input
        h' = (1 - z) * h + z * tanh(W_hn (r * h) + W_n x + b_n)

    Source: Jozefowicz et al. 2015, as ``MUT1``; they print x in r. With W_r it is ``GRU(reset="before",
    update="write")`` with one bias.

    Attributes:
        raw_input: whether the reset gate sees x itself, as printed.
    """

    raw_gate = "r"

    def stages(self) -> tuple[Stage, ...]:
        """The gates, then the candidate."""
        gates, candidate = self.product("h", "z", "r"), self.product("m", "n")
        return (
            Stage(_mut2_gates, ("m", "z"), ("h",), self.rows("z", "r"), gates, joint=True),
            Stage(write_tanh, ("h",), ("z", "h"), self.rows("n"), candidate, joint=True),
        )


def _mut2_gates(gates_BG: Tensor, h_BH: Tensor) -> tuple[Tensor, Tensor]:
    z, r = torch.sigmoid(gates_BG).chunk(2, -1)
    return r * h_BH, z


@dataclass(frozen=True)
class MUT3(Gated):
    """The third mutated GRU: the update gate sees tanh(h).

    ::

        z = sigmoid(W_z x + W_hz tanh(h) + b_z)
        r = sigmoid(W_r x + W_hr h + b_r)
        h' = (1 - z) * h + z * tanh(W_hn (r * h) + W_n x + b_n)

    Source: Jozefowicz et al. 2015, as ``MUT1``.
    """

    gates = ("z", "r", "n")

    def stages(self) -> tuple[Stage, ...]:
        """tanh(h), each gate, then the candidate."""
        update, reset, candidate = self.product("t", "z"), self.product("h", "r"), self.product("m", "n")
        return (
            Stage(tanh, ("t",), ("h",)),
            Stage(sigmoid, ("z",), (), self.rows("z"), update, joint=True),
            Stage(_gate_and_reset, ("m", "r"), ("h",), self.rows("r"), reset, joint=True),
            Stage(write_tanh, ("h",), ("z", "h"), self.rows("n"), candidate, joint=True),
        )


@dataclass(frozen=True)
class UGRNN(OneStage):
    """The update gate RNN: a GRU without reset gate.

    ::

        h' = g * h + (1 - g) * tanh(W_n x + U_n h + b_n),  g = sigmoid(W_g x + U_g h + b_g)

    Source: Collins, Sohl-Dickstein and Sussillo 2017, arXiv:1611.09913, section 2.
    """

    gates = ("n", "g")

    def step(self, gates_BG: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        n, g = gates_BG.chunk(2, -1)
        return (keep(torch.sigmoid(g), h_BH, torch.tanh(n)),)


@dataclass(frozen=True)
class LiGRU(OneStage):
    """The light GRU: no reset gate, ReLU candidate.

    ::

        h' = z * h + (1 - z) * relu(W_n x + U_n h + b_n),  z = sigmoid(W_z x + U_z h + b_z)

    Source: Ravanelli, Brakel, Omologo and Bengio 2018, arXiv:1803.10225, section 3. Their batch norm of W x, whose
    shift takes the place of the bias, is left to the layer: a step sees one row at a time. ``UGRNN`` has tanh.
    """

    gates = ("z", "n")

    def step(self, gates_BG: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        z, n = gates_BG.chunk(2, -1)
        return (keep(torch.sigmoid(z), h_BH, torch.relu(n)),)


@dataclass(frozen=True)
class MinimalRNN(Gated):
    """The minimal RNN: the input is mapped into the state space and mixed in by one gate.

    ::

        v = tanh(W_x x + b_v)
        u = sigmoid(U_h h + U_v v + b_u)
        h' = u * h + (1 - u) * v

    Source: Chen 2017, arXiv:1711.06788, section 2, with one layer and tanh for its input map.

    Shapes: weight_ih and bias_ih, of v; weight_hh = U_h, weight_vh = U_v and bias_hh, of u.
    """

    gates = ("v",)
    biases = ("bias_ih", "bias_hh")
    matrices = (("weight_vh", 1),)

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """weight_hh and weight_vh side by side: one product makes u."""
        rest = {name: value for name, value in params.items() if name not in ("weight_hh", "weight_vh")}
        return {**rest, "weight_u": torch.cat((params["weight_hh"], params["weight_vh"]), 1)}

    def stages(self) -> tuple[Stage, ...]:
        """v, then the gate."""
        gate = Product("hv", "weight_u", "bias_hh" if self.bias else None)
        return (
            Stage(_map_input, ("v", "hv"), ("h",), self.all_rows),
            Stage(_mix_in, ("h",), ("h", "v"), product=gate),
        )


def _map_input(share_BH: Tensor, h_BH: Tensor) -> tuple[Tensor, Tensor]:
    v_BH = torch.tanh(share_BH)
    return v_BH, torch.cat((h_BH, v_BH), -1)


def _mix_in(sum_BH: Tensor, h_BH: Tensor, v_BH: Tensor) -> tuple[Tensor]:
    return (keep(torch.sigmoid(sum_BH), h_BH, v_BH),)


@dataclass(frozen=True)
class LayerNormGRU(Normalised):
    """The GRU with layer norm on its sums.

    ::

        (r z) = LN(U h; gain_hh) + LN(W x; gain_ih) + shift                one norm over both gates
        n = tanh(LN(W_n x; gain_in, shift_in) + sigmoid(r) * LN(U_n h; gain_hn, shift_hn))
        h' = (1 - sigmoid(z)) * h + sigmoid(z) * n
        LN(v; a, b) = a * (v - mean(v)) / sqrt(var(v) + 1e-5) + b

    Source: Ba, Kiros and Hinton 2016, arXiv:1607.06450, supplement, on the GRU of skip-thoughts. Their two shifts of
    the gates are summed and so are one vector here.
    """

    gates = ("r", "z", "n")
    gains = (("gain_ih", 2), ("gain_hh", 2), ("gain_in", 1), ("gain_hn", 1))
    shifts = (("shift", 2), ("shift_in", 1), ("shift_hn", 1))

    def step(self, share_BG: Tensor, product_BG: Tensor, h_BH: Tensor, *norms: Tensor) -> tuple[Tensor]:
        H = self.hidden_size
        gain_ih, gain_hh, gain_in, gain_hn, *shifts = norms
        shift, shift_in, shift_hn = shifts or (0.0, 0.0, 0.0)
        (gates_i, n_i), (gates_h, n_h) = share_BG.split((2 * H, H), -1), product_BG.split((2 * H, H), -1)
        r, z = torch.sigmoid(standardise(gates_h) * gain_hh + standardise(gates_i) * gain_ih + shift).chunk(2, -1)
        recurrent_BH = standardise(n_h) * gain_hn + shift_hn
        return write_tanh(standardise(n_i) * gain_in + shift_in + r * recurrent_BH, z, h_BH)
