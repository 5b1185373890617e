"""Strongly-typed recurrent cells: the state is only ever scaled, so all steps can run at once.

Shape suffixes: B rows of the batch, I input size, H hidden size, G rows of a weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from rnnbench.cells.base import Stage
from rnnbench.cells.gated import Gated, OneStage, times


@dataclass(frozen=True)
class TRNN(OneStage):
    """The strongly-typed RNN: gate and candidate see the input alone.

    ::

        h' = f * h + (1 - f) * z,  z = W x,  f = sigmoid(V x + b)

    Source: Balduzzi and Ghifary 2016, arXiv:1602.02218, section 3. ``SRU`` is close to it.
    """

    gates = ("z", "f")
    memory_gates = MappingProxyType({"f": 1})
    recurrent = ()
    unbiased = ("z",)
    reads = ()
    recurrence = "linear"

    def step(self, share_BG: Tensor) -> tuple[Tensor, Tensor]:
        z, f = share_BG.chunk(2, -1)
        f = torch.sigmoid(f)
        return f, (1 - f) * z


@dataclass(frozen=True)
class TypedWithMemory(Gated):
    """Base of the strongly-typed cells whose gates see this input and, through weight_hh (3H, I), the one before, p."""

    version = 2  # 2: zoneout leaves p alone
    bookkeeping = ("p",)
    gates = ("z", "f", "o")
    memory_gates = MappingProxyType({"f": 1})

    @property
    def state(self) -> dict[str, int]:
        return super().state | {"p": self.input_size}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return super().parameter_shapes() | {"weight_hh": (3 * self.hidden_size, self.input_size)}


@dataclass(frozen=True)
class TGRU(TypedWithMemory):
    """The strongly-typed GRU.

    ::

        z = W_z x + V_z p + b_z
        f = sigmoid(W_f x + V_f p + b_f)
        o = tanh(W_o x + V_o p + b_o)
        h' = f * h + z * o
        p' = x

    Source: Balduzzi and Ghifary 2016, arXiv:1602.02218, section 3.
    """

    def stages(self) -> tuple[Stage, ...]:
        """One linear recurrence."""
        writes = ("h", "p")
        return (Stage(_tgru, writes, ("x",), self.all_rows, self.product("p"), joint=True, recurrence="linear"),)


def _tgru(sum_BG: Tensor, x_BI: Tensor) -> tuple[Tensor, ...]:
    z, f, o = sum_BG.chunk(3, -1)
    return torch.sigmoid(f), z * torch.tanh(o), x_BI


@dataclass(frozen=True)
class TLSTM(TypedWithMemory):
    """The strongly-typed LSTM.

    ::

        z, f, o                                as in TGRU
        c' = f * c + (1 - f) * z
        h = c' * o                             the output, no state
        p' = x

    Source: Balduzzi and Ghifary 2016, arXiv:1602.02218, section 3.
    """

    states = ("c",)

    def stages(self) -> tuple[Stage, ...]:
        """One linear recurrence, then the output."""
        writes, gates = ("c", "o", "p"), self.product("p")
        return (
            Stage(_tlstm, writes, ("x",), self.all_rows, gates, joint=True, recurrence="linear"),
            Stage(times, ("h",), ("c", "o")),
        )


def _tlstm(sum_BG: Tensor, x_BI: Tensor) -> tuple[Tensor, ...]:
    z, f, o = sum_BG.chunk(3, -1)
    f = torch.sigmoid(f)
    return f, (1 - f) * z, torch.tanh(o), x_BI
