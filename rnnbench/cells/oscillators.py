"""Cells that are networks of oscillators, and their descendant with two time scales (Rusch and Mishra).

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight (gates times H).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import Gated, OneStage


def _join(y_BH: Tensor, z_BH: Tensor) -> tuple[Tensor]:
    return (torch.cat((y_BH, z_BH), -1),)


@dataclass(frozen=True)
class CoRNN(Gated):
    """The coupled oscillatory network: damped, driven, coupled oscillators. Positions y, the output; velocities z.

    ::

        a = tanh(W_y y + W_z z + W_ih x + b_ih)
        z' = z + dt * (a - gamma * y - epsilon * z)            damping="explicit"
        z' = (z + dt * (a - gamma * y)) / (1 + dt * epsilon)   damping="implicit": -epsilon * z' in the bracket
        y' = y + dt * z'

    Source: Rusch and Mishra 2021 (ICLR), arXiv:2010.00951, eq. 3, where both kinds of damping stand; the authors' code
    is explicit.

    Shapes: weight_hh (H, 2H), columns in the order y z.

    Attributes:
        damping: whether the old or the new velocity is damped.
        dt: step size.
        gamma: frequency.
        epsilon: damping. The defaults are those of the paper's sequential MNIST.
    """

    damping: Literal["explicit", "implicit"] = "explicit"
    dt: float = 0.042
    gamma: float = 2.7
    epsilon: float = 4.7

    gates = ("a",)
    states = ("y", "z")
    output = "y"

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return super().parameter_shapes() | {"weight_hh": (self.hidden_size, 2 * self.hidden_size)}

    def stages(self) -> tuple[Stage, ...]:
        """The two states side by side, then one product of both."""
        step = Stage(self._step, ("y", "z"), ("y", "z"), self.all_rows, self.product("yz"), joint=True)
        return Stage(_join, ("yz",), ("y", "z")), step

    def _step(self, sum_BH: Tensor, y_BH: Tensor, z_BH: Tensor) -> tuple[Tensor, Tensor]:
        z_new_BH = z_BH + self.dt * (torch.tanh(sum_BH) - self.gamma * y_BH)
        if self.damping == "explicit":
            z_new_BH = z_new_BH - self.dt * self.epsilon * z_BH
        else:
            z_new_BH = z_new_BH / (1 + self.dt * self.epsilon)
        return y_BH + self.dt * z_new_BH, z_new_BH


@dataclass(frozen=True)
class UnICORNN(OneStage):
    """The undamped independent controlled oscillatory network: every unit is an oscillator with its own time.

    ::

        s = dt * sigmoid(c)                                    step size of every unit, learned: c is control
        z' = z - s * (tanh(w * y + W_ih x + b_ih) + alpha * y)
        y' = y + s * z'                                        w is vector_hh

    Source: Rusch and Mishra 2021 (ICML), arXiv:2103.05487: a symplectic Euler step of a Hamiltonian system. The
    paper's residual connections between layers are the layer's business. No unit sees another: coRNN couples.

    Attributes:
        dt: largest step size. The paper chooses dt and alpha by task: they have no common value.
        alpha: stiffness, at least 0.
    """

    dt: float = 0.1
    alpha: float = 1.0

    gates = ("z",)
    recurrent = ()
    states = ("y", "z")
    vectors = ("vector_hh", "control")
    reads = ("y", "z")
    output = "y"
    examples = ({"alpha": 0.7},)

    @property
    def parameters_read(self) -> tuple[str, ...]:
        return ("vector_hh", "step")

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The step sizes instead of c."""
        prepared = dict(params)
        return prepared | {"step": self.dt * torch.sigmoid(prepared.pop("control"))}

    def step(self, share_BH: Tensor, y_BH: Tensor, z_BH: Tensor, w_H: Tensor, step_H: Tensor) -> tuple[Tensor, Tensor]:
        z_new_BH = z_BH - step_H * (torch.tanh(share_BH + w_H * y_BH) + self.alpha * y_BH)
        return y_BH + step_H * z_new_BH, z_new_BH

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``Cell``; w uniformly in 0..1 and c in ±0.1, as the authors' code."""
        super().reset_parameters(params)
        nn.init.uniform_(params["vector_hh"], 0, 1)
        nn.init.uniform_(params["control"], -0.1, 0.1)


@dataclass(frozen=True)
class LEM(Gated):
    """Long expressive memory: two states, each with learned steps of its own; y is the output.

    ::

        d = dt * sigmoid(W_id x + b_id + W_hd y)               step size of z
        e = dt * sigmoid(W_ie x + b_ie + W_he y)               step size of y
        z' = (1 - d) * z + d * tanh(W_iz x + b_iz + W_hz y)
        y' = (1 - e) * y + e * tanh(W_iy x + b_iy + W_zy z')   the new z

    Source: Rusch, Mishra, Erichson and Mahoney 2022, arXiv:2110.04744, eq. 3.

    Attributes:
        dt: largest step size.
    """

    dt: float = 1.0

    gates = ("d", "e", "z", "y")
    recurrent = ("d", "e", "z")
    states = ("y", "z")
    matrices = (("weight_zy", 1),)
    output = "y"
    examples = ({"dt": 0.3},)

    def stages(self) -> tuple[Stage, ...]:
        """z with both step sizes, then y."""
        slow = Stage(self._slow, ("z", "e"), ("z",), self.rows("d", "z"), self.product("y"), joint=True)
        return slow, Stage(_fast, ("y",), ("y", "e"), self.rows("y"), Product("z", "weight_zy"), joint=True)

    def _slow(self, sum_BG: Tensor, z_BH: Tensor) -> tuple[Tensor, Tensor]:
        d, e, z = sum_BG.chunk(3, -1)
        d = self.dt * torch.sigmoid(d)
        return (1 - d) * z_BH + d * torch.tanh(z), self.dt * torch.sigmoid(e)


def _fast(sum_BH: Tensor, y_BH: Tensor, e_BH: Tensor) -> tuple[Tensor]:
    return ((1 - e_BH) * y_BH + e_BH * torch.tanh(sum_BH),)
