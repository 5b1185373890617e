from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from rnnbench.cells import GRU, LSTM, MGU
from rnnbench.cells.base import Cell, Product, Stage
from rnnbench.layers.fused import Unsupported
from rnnbench.layers.fused.trace import leaves, trace


@dataclass(frozen=True)
class OneStage(Cell):
    """A share and a product of 2 H columns around any function of (sum, h, reads)."""

    function: Callable[..., Tensor] = torch.tanh
    reads: tuple[str, ...] = ()

    @property
    def state(self) -> dict[str, int]:
        return {"h": self.hidden_size}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        H = self.hidden_size
        return {"weight_ih": (2 * H, self.input_size), "weight_hh": (2 * H, H), "v": (H,)}

    def stages(self) -> tuple[Stage, ...]:
        product = Product("h", "weight_hh")
        return (Stage(self._step, ("h",), ("h", *self.reads), (0, 2 * self.hidden_size), product, joint=True),)

    def _step(self, *arguments: Tensor) -> tuple[Tensor]:
        return (self.function(*arguments),)


def traced(cell: Cell):
    return trace(cell, cell.parameter_shapes())


@pytest.mark.parametrize(
    ("cell", "kernels"), [(LSTM(3, 5), 1), (MGU(3, 5), 2), (GRU(3, 5, reset="before"), 2)], ids=str
)
def test_a_kernel_for_every_product(cell: Cell, kernels: int):
    found = traced(cell)
    assert len(found.kernels) == kernels
    assert all(kernel.product for kernel in found.kernels)
    assert found.output == "new:h"


def test_a_value_that_is_multiplied_is_named_by_its_stage():
    assert traced(GRU(3, 5, reset="before")).multiplied == {"old:h", "m@0"}
    assert traced(LSTM(3, 5)).multiplied == {"old:h"}


def test_leaves_of_one_name_never_overlap():
    """Read whole by one function and cut by another: the whole is cut as well."""
    cell = OneStage(3, 5, function=lambda s, h: s[..., 2:7] * s.chunk(2, -1)[0] + h)
    spans = sorted(
        {(node.start, node.start + node.width) for node in leaves(traced(cell).kernels) if node.name == "sum@0"}
    )
    assert spans[0][0] == 0
    assert spans[-1][1] == 7
    assert all(stop == start for (_, stop), (start, _) in pairwise(spans))


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (OneStage(3, 5, reads=("weight_hh",)), "weight_hh: a matrix outside a product"),
        (OneStage(3, 5, function=lambda s, h: s), "h: a state of 5 numbers is written with 10"),
        (OneStage(3, 5, function=lambda s, h: s.cumsum(-1)), "cumsum has no expression"),
        (OneStage(3, 5, function=lambda s, h: torch.ones(5)), "h: not computed from the arguments of the stage"),
        (OneStage(3, 5, function=lambda s, h: s.nonsense), "nonsense has no expression"),
        (OneStage(3, 5, function=lambda s, h: s @ h), "TypeError: unsupported operand .*"),
        (OneStage(3, 5, function=lambda s, h: {}["key"]), "KeyError: 'key'"),
    ],
)
def test_what_cannot_be_traced_is_named(cell: Cell, message: str):
    with pytest.raises(Unsupported, match=f"^{message}$"):
        traced(cell)
