"""The simple recurrent network of Elman (1990) and what differs from it in a line.

Shape suffixes: B rows of the batch, H hidden size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from rnnbench.cells.base import Stage
from rnnbench.cells.gated import Gated


def _tanh(sum_BH: Tensor) -> tuple[Tensor]:
    return (torch.tanh(sum_BH),)


def _relu(sum_BH: Tensor) -> tuple[Tensor]:
    return (torch.relu(sum_BH),)


@dataclass(frozen=True)
class RNN(Gated):
    """Elman's network, as in ``torch.nn.RNN``.

    ::

        h' = f(W_ih x + b_ih + W_hh h + b_hh)          f: tanh or ReLU

    Source: Elman 1990, "Finding structure in time", with the linear or logistic units of the paper replaced
    by tanh, or by ReLU (as Le, Jaitly and Hinton 2015, but without their identity initialisation: ``IRNN``).

    Shapes: weight_ih (H, I), weight_hh (H, H), bias_ih and bias_hh (H).

    Attributes:
        nonlinearity: ``tanh`` or ``relu``.

    Example:
        >>> RNN(input_size=3, hidden_size=5, nonlinearity="relu").state
        {'h': 5}
    """

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    gates: ClassVar[tuple[str, ...]] = ("h",)

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        pointwise = _tanh if self.nonlinearity == "tanh" else _relu
        return (Stage(pointwise, ("h",), (), self.all_rows, self.product(), joint=True),)


@dataclass(frozen=True)
class IRNN(RNN):
    """The ReLU network that starts as the identity.

    ::

        h' = relu(W_ih x + b_ih + W_hh h + b_hh)
        at the start: W_hh = scale * 1, b = 0, W_ih normal with standard deviation 0.001

    Source: Le, Jaitly and Hinton 2015, arXiv:1504.00941. Not to be confused with ``rnn_relu``, whose weights are
    drawn as in ``torch.nn``, nor with IndRNN, which never has a matrix.

    Shapes: as ``RNN``.

    Attributes:
        scale: of the identity; the paper takes 1, and 0.01 for speech.
    """

    nonlinearity: Literal["relu"] = "relu"
    scale: float = 1.0

    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({"scale": 0.01},)

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """See above; only weight_ih is drawn."""
        with torch.no_grad():
            for parameter in params.values():
                nn.init.zeros_(parameter)
            nn.init.normal_(params["weight_ih"], std=0.001)
            params["weight_hh"].fill_diagonal_(self.scale)


@dataclass(frozen=True)
class LeakyRNN(RNN):
    """Elman's network of leaky integrators.

    ::

        h' = (1 - leak) * h + leak * f(W_ih x + b_ih + W_hh h + b_hh)

    Source: the units of Jaeger, Lukosevicius, Popovici and Siewert 2007 (Neural Networks 20), eq. 3 with their
    a = 1 and gamma = ``leak``. There the network is an echo state network, whose W_hh is drawn and stays; here
    it is trained. FastRNN has the same equation with both factors learned.

    Shapes: as ``RNN``.

    Attributes:
        leak: in 0..1, without 0; 1 is ``RNN``.
    """

    leak: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.leak <= 1:
            raise ValueError(f"leak={self.leak}: must be greater than 0 and at most 1")

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        return (Stage(self._leak, ("h",), ("h",), self.all_rows, self.product(), joint=True),)

    def _leak(self, sum_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        (new_BH,) = (_tanh if self.nonlinearity == "tanh" else _relu)(sum_BH)
        return ((1 - self.leak) * h_BH + self.leak * new_BH,)


@dataclass(frozen=True)
class IndRNN(Gated):
    """The independently recurrent network: every unit sees of the state only itself.

    ::

        h' = f(W_ih x + b_ih + u * h)                  f: ReLU or tanh

    Source: Li, Li, Cook, Zhu and Gao 2018, arXiv:1803.04831, eq. 2. The paper keeps ``|u| <= 2 ** (1 / T)`` by
    clipping after every update (T steps in a sequence); that is left to the optimizer.

    Shapes: weight_ih (H, I), bias_ih (H), vector_hh = u (H).

    Attributes:
        nonlinearity: ``relu``, the paper's, or ``tanh``.
        largest: u is drawn uniformly from 0 to here; the paper's ReLU networks take ``2 ** (1 / T)``.
    """

    nonlinearity: Literal["relu", "tanh"] = "relu"
    largest: float = 1.0

    gates: ClassVar[tuple[str, ...]] = ("h",)
    recurrent: ClassVar[tuple[str, ...]] = ()
    biases: ClassVar[tuple[str, ...]] = ("bias_ih",)
    vectors: ClassVar[tuple[str, ...]] = ("vector_hh",)

    def stages(self) -> tuple[Stage, ...]:
        """One stage without a product."""
        return (Stage(self._new, ("h",), ("h", "vector_hh"), self.all_rows),)

    def _new(self, share_BH: Tensor, h_BH: Tensor, u_H: Tensor) -> tuple[Tensor]:
        return (_tanh if self.nonlinearity == "tanh" else _relu)(share_BH + u_H * h_BH)

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``Cell``, and the recurrent weights as the paper."""
        super().reset_parameters(params)
        nn.init.uniform_(params["vector_hh"], 0, self.largest)
