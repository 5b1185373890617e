"""The simple recurrent network of Elman (1990)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from rnnbench.cells.base import Cell, Product, Stage


def _tanh(sum_BH: Tensor) -> tuple[Tensor]:
    return (torch.tanh(sum_BH),)


def _relu(sum_BH: Tensor) -> tuple[Tensor]:
    return (torch.relu(sum_BH),)


@dataclass(frozen=True)
class RNN(Cell):
    """Elman's network, as in ``torch.nn.RNN``.

    ::

        h' = f(W_ih x + b_ih + W_hh h + b_hh)          f: tanh or ReLU

    Source: Elman 1990, "Finding structure in time", with the linear or logistic units of the paper replaced
    by tanh, or by ReLU (Le, Jaitly and Hinton 2015, whose identity initialisation is not applied here).

    Shapes: weight_ih (H, I), weight_hh (H, H), bias_ih and bias_hh (H).

    Attributes:
        nonlinearity: ``tanh`` or ``relu``.

    Example:
        >>> RNN(input_size=3, hidden_size=5, nonlinearity="relu").state
        {'h': 5}
    """

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    @property
    def state(self) -> dict[str, int]:
        """``h``, H units."""
        return {"h": self.hidden_size}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of ``torch.nn.RNN``."""
        H = self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (H, self.input_size), "weight_hh": (H, H)}
        return shapes | ({"bias_ih": (H,), "bias_hh": (H,)} if self.bias else {})

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        return (
            Stage(
                _tanh if self.nonlinearity == "tanh" else _relu,
                writes=("h",),
                share=(0, self.hidden_size),
                product=Product("h", "weight_hh", "bias_hh" if self.bias else None),
                joint=True,
            ),
        )
