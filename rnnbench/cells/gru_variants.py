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
from rnnbench.cells.gated import Gated, _OneStage, keep, standardise, write
from rnnbench.cells.lstm_variants import Normalised


def _write_tanh(sum_BH: Tensor, z_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
    return (write(z_BH, h_BH, torch.tanh(sum_BH)),)


@dataclass(frozen=True)
class MGU(Gated):
    """The minimal gated unit: the GRU whose one gate resets and updates.

    ::

        f = sigmoid(W_f x + U_f h + b_f)
        h' = (1 - f) * h + f * tanh(W_n x + U_n (f * h) + b_n)

    Source: Zhou, Wu, Zhang and Zhou 2016, arXiv:1603.09420, section 3. MGU1 to MGU3 simplify its gate.

    Shapes: weight_ih (2H, I), weight_hh (2H, H), bias_ih (2H), rows in the order f n.
    """

    gates: ClassVar[tuple[str, ...]] = ("f", "n")
    biases: ClassVar[tuple[str, ...]] = ("bias_ih",)

    def stages(self) -> tuple[Stage, ...]:
        """The gate, then the candidate."""
        candidate = self.product("m", "n")
        return (*self._gate(), Stage(_write_tanh, ("h",), ("f", "h"), self.rows("n"), candidate, joint=True))

    def _gate(self) -> tuple[Stage, ...]:
        gate = self.product("h", "f")
        return (Stage(_gate_and_reset, ("m", "f"), ("h",), self.rows("f"), gate, joint=True),)


def _gate_and_reset(sum_BH: Tensor, h_BH: Tensor, *bias_H: Tensor) -> tuple[Tensor, Tensor]:
    f_BH = torch.sigmoid(sum(bias_H, sum_BH))
    return f_BH * h_BH, f_BH


@dataclass(frozen=True)
class MGU1(MGU):
    """``MGU`` whose gate does not see the input: f = sigmoid(U_f h + b_f).

    Source: Heck and Salem 2017, arXiv:1701.03452. Shapes: weight_ih (H, I) and bias_ih (H) of n; weight_hh (2H, H),
    rows f n; bias_f (H).
    """

    gates: ClassVar[tuple[str, ...]] = ("n",)
    recurrent: ClassVar[tuple[str, ...] | None] = ("f", "n")

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of the candidate and of the gate, whose bias is bias_f."""
        return super().parameter_shapes() | ({"bias_f": (self.hidden_size,)} if self.bias else {})

    def _gate(self) -> tuple[Stage, ...]:
        reads = ("h", "bias_f") if self.bias else ("h",)
        return (Stage(_gate_and_reset, ("m", "f"), reads, product=self.product("h", "f")),)


@dataclass(frozen=True)
class MGU2(MGU):
    """``MGU`` whose gate sees the state alone: f = sigmoid(U_f h). Heck and Salem 2017; ``MGU1`` without bias_f."""

    gates: ClassVar[tuple[str, ...]] = ("n",)
    recurrent: ClassVar[tuple[str, ...] | None] = ("f", "n")

    def _gate(self) -> tuple[Stage, ...]:
        return (Stage(_gate_and_reset, ("m", "f"), ("h",), product=self.product("h", "f")),)


@dataclass(frozen=True)
class MGU3(MGU):
    """``MGU`` whose gate is a vector: f = sigmoid(b_f), the same at every step. Heck and Salem 2017.

    Shapes: weight_ih (H, I), weight_hh (H, H) and bias_ih (H) of n; bias_f (H), also without ``bias``.
    """

    gates: ClassVar[tuple[str, ...]] = ("n",)
    vectors: ClassVar[tuple[str, ...]] = ("bias_f",)

    def _gate(self) -> tuple[Stage, ...]:
        return (Stage(_fixed_gate, ("m", "f"), ("bias_f", "h")),)


def _fixed_gate(bias_H: Tensor, h_BH: Tensor) -> tuple[Tensor, Tensor]:
    return _gate_and_reset(bias_H + 0 * h_BH, h_BH)


@dataclass(frozen=True)
class Mutated(Gated):
    """Base of the mutated GRUs: the update gate z writes; one bias a sum; a gate may see x itself.

    Attributes:
        raw_gate: the gate that sees x and not W x with ``raw_input``; None if there is none.
    """

    raw_input: bool = False

    gates: ClassVar[tuple[str, ...]] = ("z", "r", "n")
    biases: ClassVar[tuple[str, ...]] = ("bias_ih",)
    raw_gate: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """See ``Cell``; also what ``raw_input`` needs."""
        super().__post_init__()
        if self.raw_input and self.input_size != self.hidden_size:
            sizes = f"input_size={self.input_size}, hidden_size={self.hidden_size}"
            raise ValueError(f"raw_input=True adds input and state: {sizes} must be equal")

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of the gates; weight_ih without the raw one."""
        shapes = super().parameter_shapes()
        rows = (len(self.gates) - self.raw_input) * self.hidden_size
        return shapes | {"weight_ih": (rows, self.input_size)}

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

    Shapes: weight_ih (3H, I), rows z r n (2H, z r, with raw_input); weight_hh (2H, H), rows r n; bias_ih (H), z;
    bias_hh (2H), r n.

    Attributes:
        raw_input: whether the candidate sees x itself, as printed.
    """

    recurrent: ClassVar[tuple[str, ...] | None] = ("r", "n")
    biases: ClassVar[tuple[str, ...]] = ("bias_ih", "bias_hh")
    unbiased: ClassVar[tuple[str, ...]] = ("r", "n")
    raw_gate: ClassVar[str] = "n"

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
    return _write_tanh(torch.tanh(share_BH) + product_BH, z_BH, h_BH)


@dataclass(frozen=True)
class MUT2(Mutated):
    """The second mutated GRU: the reset gate sees the input without a matrix.

    ::

        z = sigmoid(W_z x + W_hz h + b_z)
        r = sigmoid(W_r x + W_hr h + b_r)                                  x + W_hr h + b_r with raw_input
        h' = (1 - z) * h + z * tanh(W_hn (r * h) + W_n x + b_n)

    Source: as ``MUT1``; they print x in r. With W_r it is ``GRU(reset="before", update="write")`` with one bias.

    Shapes: weight_ih (3H, I), rows z r n (2H, z n, with raw_input); weight_hh (3H, H) and bias_ih (3H), z r n.

    Attributes:
        raw_input: whether the reset gate sees x itself, as printed.
    """

    raw_gate: ClassVar[str] = "r"

    def stages(self) -> tuple[Stage, ...]:
        """The gates, then the candidate."""
        gates, candidate = self.product("h", "z", "r"), self.product("m", "n")
        return (
            Stage(_mut2_gates, ("m", "z"), ("h",), self.rows("z", "r"), gates, joint=True),
            Stage(_write_tanh, ("h",), ("z", "h"), self.rows("n"), candidate, joint=True),
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

    Source: as ``MUT1``. Shapes: weight_ih (3H, I), weight_hh (3H, H), bias_ih (3H), rows in the order z r n.
    """

    gates: ClassVar[tuple[str, ...]] = ("z", "r", "n")
    biases: ClassVar[tuple[str, ...]] = ("bias_ih",)

    def stages(self) -> tuple[Stage, ...]:
        """tanh(h), each gate, then the candidate."""
        update, reset, candidate = self.product("t", "z"), self.product("h", "r"), self.product("m", "n")
        return (
            Stage(_tanh, ("t",), ("h",)),
            Stage(_sigmoid, ("z",), (), self.rows("z"), update, joint=True),
            Stage(_gate_and_reset, ("m", "r"), ("h",), self.rows("r"), reset, joint=True),
            Stage(_write_tanh, ("h",), ("z", "h"), self.rows("n"), candidate, joint=True),
        )


def _tanh(value: Tensor) -> tuple[Tensor]:
    return (torch.tanh(value),)


def _sigmoid(value: Tensor) -> tuple[Tensor]:
    return (torch.sigmoid(value),)


@dataclass(frozen=True)
class UGRNN(_OneStage):
    """The update gate RNN: a GRU without reset gate.

    ::

        h' = g * h + (1 - g) * tanh(W_n x + U_n h + b_n),  g = sigmoid(W_g x + U_g h + b_g)

    Source: Collins, Sohl-Dickstein and Sussillo 2017, arXiv:1611.09913, section 2.

    Shapes: weight_ih (2H, I), weight_hh (2H, H), bias_ih (2H), rows in the order n g.
    """

    gates: ClassVar[tuple[str, ...]] = ("n", "g")

    def step(self, gates_BG: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        """The new h."""
        n, g = gates_BG.chunk(2, -1)
        return (keep(torch.sigmoid(g), h_BH, torch.tanh(n)),)


@dataclass(frozen=True)
class LiGRU(_OneStage):
    """The light GRU: no reset gate, ReLU candidate.

    ::

        h' = z * h + (1 - z) * relu(W_n x + U_n h + b_n),  z = sigmoid(W_z x + U_z h + b_z)

    Source: Ravanelli, Brakel, Omologo and Bengio 2018, arXiv:1803.10225, section 3. Their batch norm of W x, whose
    shift takes the place of the bias, is left to the layer: a step sees one row at a time. ``UGRNN`` has tanh.

    Shapes: weight_ih (2H, I), weight_hh (2H, H), bias_ih (2H), rows in the order z n.
    """

    gates: ClassVar[tuple[str, ...]] = ("z", "n")

    def step(self, gates_BG: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        """The new h."""
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

    Shapes: weight_ih (H, I) and bias_ih (H), of v; weight_hh, weight_vh (H, H) and bias_hh (H), of u.
    """

    gates: ClassVar[tuple[str, ...]] = ("v",)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of v and u."""
        return super().parameter_shapes() | {"weight_vh": (self.hidden_size,) * 2}

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """weight_hh and weight_vh side by side: one product makes u."""
        return {
            **{name: value for name, value in params.items() if name not in ("weight_hh", "weight_vh")},
            "weight_u": torch.cat((params["weight_hh"], params["weight_vh"]), 1),
        }

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

    Shapes: weight_ih (3H, I), weight_hh (3H, H), rows in the order r z n; gain_ih and gain_hh (2H), gain_in and
    gain_hn (H); shift (2H), shift_in and shift_hn (H) if ``bias``.
    """

    gates: ClassVar[tuple[str, ...]] = ("r", "z", "n")
    gains: ClassVar[tuple[tuple[str, int], ...]] = (("gain_ih", 2), ("gain_hh", 2), ("gain_in", 1), ("gain_hn", 1))
    shifts: ClassVar[tuple[tuple[str, int], ...]] = (("shift", 2), ("shift_in", 1), ("shift_hn", 1))

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        return (Stage(self._step, ("h",), ("h", *self.norm_parameters), self.all_rows, self.product()),)

    def _step(self, share_BG: Tensor, product_BG: Tensor, h_BH: Tensor, *norms: Tensor) -> tuple[Tensor]:
        H = self.hidden_size
        gain_ih, gain_hh, gain_in, gain_hn, *shifts = norms
        shift, shift_in, shift_hn = shifts or (0.0, 0.0, 0.0)
        (gates_i, n_i), (gates_h, n_h) = share_BG.split((2 * H, H), -1), product_BG.split((2 * H, H), -1)
        r, z = torch.sigmoid(standardise(gates_h) * gain_hh + standardise(gates_i) * gain_ih + shift).chunk(2, -1)
        recurrent_BH = standardise(n_h) * gain_hn + shift_hn
        return _write_tanh(standardise(n_i) * gain_in + shift_in + r * recurrent_BH, z, h_BH)
