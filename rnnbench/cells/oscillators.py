"""Cells that are networks of oscillators, and their descendant with two time scales (Rusch and Mishra).

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight (gates times H).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import Gated


def _join(y_BH: Tensor, z_BH: Tensor) -> tuple[Tensor]:
    return (torch.cat((y_BH, z_BH), -1),)


@dataclass(frozen=True)
class _Oscillator(Gated):
    """Positions y, which are the output, and velocities z."""

    states: ClassVar[tuple[str, ...]] = ("y", "z")
    biases: ClassVar[tuple[str, ...]] = ("bias_ih",)
    output: ClassVar[str] = "y"


@dataclass(frozen=True)
class CoRNN(_Oscillator):
    """The coupled oscillatory network: damped, driven, coupled oscillators.

    ::

        a = tanh(W_y y + W_z z + W_ih x + b_ih)
        z' = z + dt * (a - gamma * y - epsilon * z)            damping="explicit"
        z' = (z + dt * (a - gamma * y)) / (1 + dt * epsilon)   damping="implicit": -epsilon * z' in the bracket
        y' = y + dt * z'

    Source: Rusch and Mishra 2021 (ICLR), arXiv:2010.00951, eq. 3, where both kinds of damping stand.

    Shapes: weight_ih (H, I), weight_hh (H, 2H), columns in the order y z; bias_ih (H).

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

    gates: ClassVar[tuple[str, ...]] = ("a",)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """See above."""
        H = self.hidden_size
        return super().parameter_shapes() | {"weight_hh": (H, 2 * H)}

    def stages(self) -> tuple[Stage, ...]:
        """The two states side by side, then one product of both."""
        step = Stage(self._step, ("y", "z"), ("y", "z"), self.all_rows, Product("yz", "weight_hh"), joint=True)
        return Stage(_join, ("yz",), ("y", "z")), step

    def _step(self, sum_BH: Tensor, y_BH: Tensor, z_BH: Tensor) -> tuple[Tensor, Tensor]:
        z_new_BH = z_BH + self.dt * (torch.tanh(sum_BH) - self.gamma * y_BH)
        if self.damping == "explicit":
            z_new_BH = z_new_BH - self.dt * self.epsilon * z_BH
        else:
            z_new_BH = z_new_BH / (1 + self.dt * self.epsilon)
        return y_BH + self.dt * z_new_BH, z_new_BH


@dataclass(frozen=True)
class UnICORNN(_Oscillator):
    """The undamped independent controlled oscillatory network: every unit is an oscillator with its own time.

    ::

        s = dt * sigmoid(c)                                    step size of every unit, learned
        z' = z - s * (tanh(w * y + W_ih x + b_ih) + alpha * y)
        y' = y + s * z'

    Source: Rusch and Mishra 2021 (ICML), arXiv:2103.05487: a symplectic Euler step of a Hamiltonian system. The
    paper's residual connections between layers are the layer's business. No unit sees another: coRNN couples.

    Shapes: weight_ih (H, I), bias_ih (H), vector_hh = w (H), control = c (H).

    Attributes:
        dt: largest step size.
        alpha: stiffness, at least 0.
    """

    dt: float = 0.1
    alpha: float = 1.0

    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({"alpha": 0.7},)
    gates: ClassVar[tuple[str, ...]] = ("z",)
    recurrent: ClassVar[tuple[str, ...]] = ()
    vectors: ClassVar[tuple[str, ...]] = ("vector_hh", "control")

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The step sizes instead of c."""
        prepared = dict(params)
        return prepared | {"step": self.dt * torch.sigmoid(prepared.pop("control"))}

    def stages(self) -> tuple[Stage, ...]:
        """One stage without a product."""
        return (Stage(self._step, ("y", "z"), ("y", "z", "vector_hh", "step"), self.all_rows),)

    def _step(self, share_BH: Tensor, y_BH: Tensor, z_BH: Tensor, w_H: Tensor, step_H: Tensor) -> tuple[Tensor, Tensor]:
        z_new_BH = z_BH - step_H * (torch.tanh(share_BH + w_H * y_BH) + self.alpha * y_BH)
        return y_BH + step_H * z_new_BH, z_new_BH

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``Cell``; w uniformly in 0..1 and c in ±0.1, as the paper."""
        super().reset_parameters(params)
        nn.init.uniform_(params["vector_hh"], 0, 1)
        nn.init.uniform_(params["control"], -0.1, 0.1)


@dataclass(frozen=True)
class LEM(_Oscillator):
    """Long expressive memory: two states, each with learned steps of its own.

    ::

        d = dt * sigmoid(W_id x + b_id + W_hd y)               step size of z
        e = dt * sigmoid(W_ie x + b_ie + W_he y)               step size of y
        z' = (1 - d) * z + d * tanh(W_iz x + b_iz + W_hz y)
        y' = (1 - e) * y + e * tanh(W_iy x + b_iy + W_zy z')   the new z

    Source: Rusch, Mishra, Erichson and Mahoney 2022, arXiv:2110.04744, eq. 3.

    Shapes: weight_ih (4H, I), bias_ih (4H), rows in the order d e z y; weight_hh (3H, H), rows d e z;
    weight_zy (H, H).

    Attributes:
        dt: largest step size.
    """

    dt: float = 1.0

    gates: ClassVar[tuple[str, ...]] = ("d", "e", "z", "y")
    recurrent: ClassVar[tuple[str, ...]] = ("d", "e", "z")
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({"dt": 0.3},)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """See above."""
        return super().parameter_shapes() | {"weight_zy": (self.hidden_size, self.hidden_size)}

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
