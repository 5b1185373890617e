"""Linear state spaces with a complex diagonal.

Shape suffixes: B rows of the batch, H hidden size, I input size, S width of the state (all real, then all
imaginary parts), M complex states of a feature.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from rnnbench.cells.base import Cell, Product, Stage
from rnnbench.cells.gated import Gated, as_is

_LONG_MEMORY = MappingProxyType({"float32": "the rounding error of a factor near 1 grows with every step it is used"})


@dataclass(frozen=True)
class LRU(Gated):
    """The linear recurrent unit: a complex diagonal recurrence. Not the LRU of "light recurrent unit".

    ::

        lambda = exp(-exp(nu) + i exp(theta))
        s' = lambda s + exp(gamma) * (B x + b_B)           complex, H numbers
        y = Re(C s') + D x + b_D

    Source: Orvieto et al. 2023, arXiv:2303.06349, section 3, alone: the paper's model puts it between a normalisation
    and a gated unit in residual blocks. It has no biases (``bias=False``) and a diagonal D, for inputs of as many
    features as outputs.

    Shapes: nu, theta, gamma (H); weight_ih (3H, I), rows Re B, Im B, D; bias_ih likewise; weight_c (H, 2H), Re C
    beside -Im C. State s (2H); the output y is none.

    Attributes:
        r_min: inner radius of the ring in which lambda is drawn, in 0..r_max.
        r_max: outer radius, at most 1.
        max_phase: largest angle drawn, in radians.
    """

    r_min: float = 0.0
    r_max: float = 1.0
    max_phase: float = 2 * math.pi

    gates = ("re", "im", "d")
    recurrent = ()
    output = "y"
    exceptions = _LONG_MEMORY

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.r_min < self.r_max <= 1:
            raise ValueError(f"r_min={self.r_min}, r_max={self.r_max}: must be 0 <= r_min < r_max <= 1")
        if self.max_phase <= 0:
            raise ValueError(f"max_phase={self.max_phase}: must be above 0 (radians)")

    @property
    def state(self) -> dict[str, int]:
        """``s``, H complex numbers: 2H."""
        return {"s": 2 * self.hidden_size}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        H = self.hidden_size
        return super().parameter_shapes() | {"weight_c": (H, 2 * H)} | dict.fromkeys(("nu", "theta", "gamma"), (H,))

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """lambda (2H) and its normaliser (2H) from nu, theta and gamma."""
        radius_H, angle_H = torch.exp(-torch.exp(params["nu"])), torch.exp(params["theta"])
        ready = {name: v for name, v in params.items() if name not in ("nu", "theta", "gamma")}
        ready["lambda"] = torch.cat((radius_H * torch.cos(angle_H), radius_H * torch.sin(angle_H)))
        return {**ready, "normaliser": torch.exp(params["gamma"]).repeat(2)}

    def stages(self) -> tuple[Stage, ...]:
        """The recurrence, then the output."""
        reads, read_out = ("lambda", "normaliser"), Product("s", "weight_c")
        recurrence = Stage(_scaled, ("s",), reads, self.rows("re", "im"), recurrence="complex")
        return recurrence, Stage(as_is, ("y",), (), self.rows("d"), read_out, joint=True)

    @torch.no_grad()
    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """Lemma 3.2 and section 3.3: lambda uniform on the ring, gamma = sqrt(1 - |lambda|^2); B, C, D normal."""
        H, low, high = self.hidden_size, self.r_min**2, self.r_max**2
        nn.init.normal_(params["weight_ih"], std=(2 * self.input_size) ** -0.5)
        params["weight_ih"][2 * H :] *= 2**0.5  # D is real, B and C have two parts
        nn.init.normal_(params["weight_c"], std=H**-0.5)  # as the listing in the paper, without the 2 of B
        if self.bias:
            nn.init.zeros_(params["bias_ih"])
        # Away from 0, so that no logarithm is infinite.
        squared_H = nn.init.uniform_(params["nu"], 1e-6, 1) * (high - low) + low
        params["gamma"].copy_(0.5 * torch.log1p(-squared_H))
        params["nu"].copy_(torch.log(-0.5 * torch.log(squared_H)))
        nn.init.uniform_(params["theta"], 1e-6, 1).mul_(self.max_phase).log_()


def _scaled(share_BS: Tensor, lambda_S: Tensor, normaliser_S: Tensor) -> tuple[Tensor, Tensor]:
    return lambda_S, normaliser_S * share_BS


@dataclass(frozen=True)
class S4D(Cell):
    """The diagonal state space S4D: one for every feature, then a mixing.

    ::

        u = W x + b                                    H features of the input
        s' = exp(dt A) s + (exp(dt A) - 1) / A * u     N/2 complex states a feature (zero-order hold, B = 1)
        v = 2 Re(sum over n of C_n s'_n) + D u         init="real": N real states, without 2 Re
        y = W_y gelu(v) + b_y

    Source: Gu, Goel, Gupta and Re 2022, arXiv:2206.11893. The paper applies it to features of a model's width (no W)
    and has a further gate behind W_y. It is usually run as a convolution; here it is a recurrence. S4 proper has a
    diagonal plus a low-rank matrix.

    Shapes: weight_ih (H, I), bias_ih (H), weight_y (H, H), bias_y (H), log_dt (H), D (H); log_a (M H), the
    logarithm of -Re A, a_imag (M H), C (2 M H), all real then all imaginary parts, state n of all features before
    state n+1; with ``init="real"`` no a_imag, and log_a, C (N H). State s (N H); the output y is none.

    Attributes:
        states: N, even: real numbers of state a feature.
        init: of A: S4D-Lin -1/2 + i pi n, S4D-Inv -1/2 + i N/pi (N/(2n+1) - 1), S4D-Real -(n+1).
        dt_min: smallest time step drawn.
        dt_max: largest time step drawn.
    """

    states: int = 64
    init: Literal["lin", "inv", "real"] = "lin"
    dt_min: float = 0.001
    dt_max: float = 0.1

    output = "y"
    exceptions = _LONG_MEMORY
    examples = ({"states": 4, "dt_min": 0.1, "dt_max": 1.0},)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.states, int) or self.states < 2 or self.states % 2:
            raise ValueError(f"states={self.states!r}: must be an even integer of at least 2")
        if not 0 < self.dt_min <= self.dt_max:
            raise ValueError(f"dt_min={self.dt_min}, dt_max={self.dt_max}: must be 0 < dt_min <= dt_max")

    @property
    def state(self) -> dict[str, int]:
        return {"s": self.states * self.hidden_size}

    @property
    def _modes(self) -> int:
        """Eigenvalues of a feature: N/2 complex ones or N real ones."""
        return self.states if self.init == "real" else self.states // 2

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        H, MH = self.hidden_size, self._modes * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (H, self.input_size), "weight_y": (H, H)}
        shapes |= {"bias_ih": (H,), "bias_y": (H,)} if self.bias else {}
        shapes |= {"log_dt": (H,), "D": (H,), "log_a": (MH,), "C": (self.states * H,)}
        return shapes | ({} if self.init == "real" else {"a_imag": (MH,)})

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The discretised factor and input weight, and the sign and 2 of 2 Re in C; ``(N H,)`` each."""
        ready = {name: v for name, v in params.items() if name not in ("log_dt", "log_a", "a_imag", "C")}
        dt_MH = torch.cat((torch.exp(params["log_dt"]),) * self._modes)
        decay_MH = -torch.exp(params["log_a"])
        if self.init == "real":
            factor_S = torch.exp(dt_MH * decay_MH)
            entry_S = torch.expm1(dt_MH * decay_MH) / decay_MH
            return {**ready, "factor": factor_S, "entry": entry_S, "C": params["C"]}
        a_MH = torch.complex(decay_MH, params["a_imag"])
        factor_MH = torch.exp(dt_MH * a_MH)
        entry_MH = torch.expm1(dt_MH * a_MH) / a_MH
        c_re, c_im = params["C"].chunk(2)
        ready |= {"factor": torch.cat((factor_MH.real, factor_MH.imag)), "C": torch.cat((2 * c_re, -2 * c_im))}
        return {**ready, "entry": torch.cat((entry_MH.real, entry_MH.imag))}

    def stages(self) -> tuple[Stage, ...]:
        """The recurrence, its readout, the mixing."""
        kind = "linear" if self.init == "real" else "complex"
        share = (0, self.hidden_size)
        recurrence = Stage(self._enter, ("s", "u"), ("factor", "entry"), share, recurrence=kind)
        readout = Stage(self._read_out, ("v",), ("s", "u", "C", "D"))
        mixing = Product("v", "weight_y", "bias_y" if self.bias else None)
        return recurrence, readout, Stage(as_is, ("y",), product=mixing)

    def _enter(self, u_BH: Tensor, factor_S: Tensor, entry_S: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return factor_S, torch.cat((u_BH,) * self.states, -1) * entry_S, u_BH

    def _read_out(self, s_BS: Tensor, u_BH: Tensor, c_S: Tensor, d_H: Tensor) -> tuple[Tensor]:
        v_BH = d_H * u_BH
        for part_BH in (s_BS * c_S).chunk(self.states, -1):
            v_BH = v_BH + part_BH
        return (gelu(v_BH),)

    @torch.no_grad()
    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """A as named by ``init``; dt log-uniform; C, D standard normal (C complex); the products as by default."""
        super().reset_parameters({name: v for name, v in params.items() if name.startswith(("weight", "bias"))})
        H, N, M = self.hidden_size, self.states, self._modes
        nn.init.uniform_(params["log_dt"], math.log(self.dt_min), math.log(self.dt_max))
        nn.init.normal_(params["D"])
        nn.init.normal_(params["C"], std=1.0 if self.init == "real" else 0.5**0.5)
        n_MH = torch.arange(M, device=params["D"].device, dtype=params["D"].dtype).repeat_interleave(H)
        params["log_a"].copy_(torch.log(n_MH + 1) if self.init == "real" else torch.full_like(n_MH, math.log(0.5)))
        if self.init != "real":
            inverse_MH = N / math.pi * (N / (2 * n_MH + 1) - 1)
            params["a_imag"].copy_(math.pi * n_MH if self.init == "lin" else inverse_MH)
