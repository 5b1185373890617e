"""What gated cells share: stacked weights with one block of rows a gate.

Shape suffixes: B rows of the batch, H hidden size, G rows of a weight (gates times H).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnbench.cells.base import Cell, Product, Rows, Stage


@dataclass(frozen=True)
class Gated(Cell):
    """Base of cells whose gates are sums ``W_i x + b_i + W_h h + b_h``; a subclass names its gates.

    Attributes:
        gates: names of the blocks of rows of weight_ih, in their order.
        recurrent: names of the blocks of weight_hh and bias_hh, where they are not those of ``gates``.
        biases: the biases there are; papers write one (bias_ih), libraries add two.
        unbiased: gates without rows in bias_ih: all at the beginning of ``gates`` or all at its end.
        states: names of the states, each of H units.
        vectors: names of further parameters (H).
        memory_gates: gates that decide how long the state lasts: 1 for one that keeps it, -1 for one that writes to it.
    """

    gates: ClassVar[tuple[str, ...]] = ()
    recurrent: ClassVar[tuple[str, ...] | None] = None
    biases: ClassVar[tuple[str, ...]] = ("bias_ih", "bias_hh")
    unbiased: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("h",)
    vectors: ClassVar[tuple[str, ...]] = ()
    memory_gates: ClassVar[Mapping[str, int]] = MappingProxyType({})

    @property
    def state(self) -> dict[str, int]:
        """``states``, H units each."""
        return dict.fromkeys(self.states, self.hidden_size)

    @property
    def recurrent_gates(self) -> tuple[str, ...]:
        """The gates that see the state through a matrix: the blocks of weight_hh."""
        return self.gates if self.recurrent is None else self.recurrent

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """weight_ih (G, I), weight_hh (G, H), bias_ih and bias_hh (G), then the vectors (H)."""
        H = self.hidden_size
        G_ih, G_hh = len(self.gates) * H, len(self.recurrent_gates) * H
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (G_ih, self.input_size)}
        if G_hh:
            shapes["weight_hh"] = (G_hh, H)
        rows = {"bias_ih": G_ih - len(self.unbiased) * H, "bias_hh": G_hh}
        if self.bias:
            shapes |= {name: (rows[name],) for name in self.biases}
        return shapes | dict.fromkeys(self.vectors, (H,))

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Zeros where bias_ih has no rows."""
        if not self.unbiased or "bias_ih" not in params:
            return params
        zeros = len(self.unbiased) * self.hidden_size
        first = self.gates[0] in self.unbiased
        return {**params, "bias_ih": F.pad(params["bias_ih"], (zeros, 0) if first else (0, zeros))}

    def rows(self, first: str, last: str | None = None) -> Rows:
        """The rows of gate ``first``, or of all from ``first`` to ``last``, in weight_ih."""
        return _rows(self.gates, first, last, self.hidden_size)

    @property
    def all_rows(self) -> Rows:
        """Every row of weight_ih."""
        return 0, len(self.gates) * self.hidden_size

    def product(self, value: str = "h", first: str | None = None, last: str | None = None) -> Product:
        """``value`` times weight_hh with its bias: all rows, or those of gate ``first`` to ``last``."""
        rows = _rows(self.recurrent_gates, first, last, self.hidden_size) if first else None
        return Product(value, "weight_hh", "bias_hh" if self.bias and "bias_hh" in self.biases else None, rows)

    def set_gate_bias(self, params: Mapping[str, Tensor], gate: str, value: float) -> None:
        """Start the bias of ``gate`` at ``value``: in bias_ih, with 0 in bias_hh. Draws nothing."""
        rows = slice(*self.rows(gate))
        with torch.no_grad():
            nn.init.constant_(params["bias_ih"][rows], value)
            if "bias_hh" in params:
                nn.init.zeros_(params["bias_hh"][rows])


@dataclass(frozen=True)
class _OneStage(Gated):
    """Base of cells with one bias and one stage: ``step(sum, old states, vectors)``, or share and product for the sum.

    Attributes:
        reads: the old states that ``step`` sees.
        joint: whether share and product are summed.
    """

    biases: ClassVar[tuple[str, ...]] = ("bias_ih",)
    reads: ClassVar[tuple[str, ...]] = ("h",)
    joint: ClassVar[bool] = True

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        product, reads = self.product() if self.recurrent_gates else None, (*self.reads, *self.vectors)
        return (Stage(self.step, self.states, reads, self.all_rows, product, joint=self.joint and bool(product)),)

    def step(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """The new ``states``."""
        raise NotImplementedError(f"{type(self).__name__} does not define its step")


def keep(z: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """``z * old + (1 - z) * new``, as wide as the old state: autocast makes products narrow, lerp takes one type."""
    return torch.lerp(new.to(old.dtype), old, z.to(old.dtype))


def write(z: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """``(1 - z) * old + z * new``, as wide as the old state."""
    return torch.lerp(old, new.to(old.dtype), z.to(old.dtype))


def standardise(values: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the last dimension: a layer norm without gain and bias."""
    centred = values - values.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(-1, keepdim=True) + 1e-5)


def as_is(value: Tensor) -> tuple[Tensor]:
    """The stage that is its product alone."""
    return (value,)


def _rows(gates: tuple[str, ...], first: str, last: str | None, size: int) -> Rows:
    return gates.index(first) * size, (gates.index(last or first) + 1) * size
