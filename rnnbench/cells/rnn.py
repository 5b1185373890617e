"""The simple recurrent network of Elman (1990) and what differs from it in a line.

Shape suffixes: B rows of the batch, H hidden size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from rnnbench.cells.gated import OneStage, activation


@dataclass(frozen=True)
class RNN(OneStage):
    """Elman's network, as in ``torch.nn.RNN``.

    ::

        h' = f(W_ih x + b_ih + W_hh h + b_hh)          f: tanh or ReLU

    Source: Elman 1990, "Finding structure in time", with the linear or logistic units of the paper replaced
    by tanh, or by ReLU (as Le, Jaitly and Hinton 2015, but without their identity initialisation: ``IRNN``).

    Attributes:
        nonlinearity: ``tanh`` or ``relu``.
    """

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    gates = ("h",)
    biases = ("bias_ih", "bias_hh")
    reads = ()

    def step(self, sum_BH: Tensor) -> tuple[Tensor]:
        return (activation(self.nonlinearity)(sum_BH),)


@dataclass(frozen=True)
class IRNN(RNN):
    """The ReLU network that starts as the identity.

    ::

        h' = relu(W_ih x + b_ih + W_hh h + b_hh)
        at the start: W_hh = scale * 1, b = 0, W_ih normal with standard deviation 0.001

    Source: Le, Jaitly and Hinton 2015, arXiv:1504.00941. Not to be confused with ``rnn_relu``, whose weights are
    drawn as in ``torch.nn``, nor with IndRNN, which never has a matrix.

    Attributes:
        scale: of the identity; the paper takes 1, and 0.01 for speech.
    """

    nonlinearity: Literal["relu"] = "relu"
    scale: float = 1.0

    examples = ({"scale": 0.01},)

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

    Attributes:
        leak: in 0..1, without 0; 1 is ``RNN``.
    """

    leak: float = 0.5

    reads = ("h",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.leak <= 1:
            raise ValueError(f"leak={self.leak}: must be greater than 0 and at most 1")

    def step(self, sum_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        return ((1 - self.leak) * h_BH + self.leak * activation(self.nonlinearity)(sum_BH),)


@dataclass(frozen=True)
class IndRNN(OneStage):
    """The independently recurrent network: every unit sees of the state only itself.

    ::

        h' = f(W_ih x + b_ih + u * h)                  f: ReLU or tanh; u is vector_hh

    Source: Li, Li, Cook, Zhu and Gao 2018, arXiv:1803.04831, eq. 2. The paper keeps ``|u| <= 2 ** (1 / T)`` by
    clipping after every update (T steps in a sequence); that is left to the optimizer.

    Attributes:
        nonlinearity: ``relu``, the paper's, or ``tanh``.
        largest: u is drawn uniformly from 0 to here; the paper's ReLU networks take ``2 ** (1 / T)``.
    """

    nonlinearity: Literal["relu", "tanh"] = "relu"
    largest: float = 1.0

    gates = ("h",)
    recurrent = ()
    vectors = ("vector_hh",)

    def step(self, share_BH: Tensor, h_BH: Tensor, u_H: Tensor) -> tuple[Tensor]:
        return (activation(self.nonlinearity)(share_BH + u_H * h_BH),)

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``Cell``, and the recurrent weights as the paper."""
        super().reset_parameters(params)
        nn.init.uniform_(params["vector_hh"], 0, self.largest)
