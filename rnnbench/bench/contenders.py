"""What is timed: a model of ours by each engine, its twin in ``torch.nn``, its namesake in torchrecurrent.

Shape suffixes: B sequences, T steps, I input, H units.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rnnbench.catalogue.entries import build
from rnnbench.cells import Cell
from rnnbench.layers import Recurrent
from rnnbench.layers.engines import engines_for

#: Ours -> theirs, where a namesake has another name.
NAMESAKES = {"BRC": "BR", "NBRC": "NBR", "CoRNN": "coRNN", "TauGRU": "tauGRU", "ResidualLSTM": "ResLSTM"}
TWINS: dict[str, Callable[[int, int], nn.Module]] = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn": nn.RNN,
    "rnn_relu": lambda I, H: nn.RNN(I, H, nonlinearity="relu"),
}
#: Numbers of the state of all steps beyond which a model is left out: autograd keeps about ten such tensors.
LARGEST = 2**25
MATRIX = 1024  # the product that gives the machine's rate


class Size(NamedTuple):
    """A batch and a layer: sequences, steps, input features, units."""

    batch: int
    steps: int
    input: int
    hidden: int

    def __str__(self) -> str:
        return ",".join(map(str, self))


@dataclass(frozen=True)
class Contender:
    """``forward()`` without gradients, and ``training()``: forward, then the gradients of all weights."""

    name: str
    forward: Callable[[], object]
    training: Callable[[], object]


def own(config: Mapping[str, Any], size: Size, engines: Sequence[str] = ()) -> tuple[Cell, list[Contender]]:
    """The cell of a model, and a contender for each of ``engines`` (all if none is named) that can run it.

    Raises:
        ValueError: in one line, where the model refuses the sizes or would keep too much.
    """
    layer = build(config, size.input, size.hidden)
    cell = layer.cells[0]
    kept = cell.state_size * size.batch * size.steps
    if kept > LARGEST:
        raise ValueError(f"{kept:,} numbers of state in all steps are more than {LARGEST:,}")
    able = [name for name in engines_for(cell) if not engines or name in engines]
    return cell, [_contender(name, _drawn(config, size, name), size) for name in able]


def _drawn(config: Mapping[str, Any], size: Size, engine: str) -> Recurrent:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return build(config, size.input, size.hidden, device="cpu", engine=engine)


def twin(model: str, size: Size) -> Contender | None:
    """The layer of ``torch.nn`` with the equations of ``model``, if there is one."""
    make = TWINS.get(model)
    return None if make is None else _contender("torch.nn", make(size.input, size.hidden), size)


def namesake(cell: type, size: Size) -> Contender | None:
    """The layer of torchrecurrent with the name of ``cell``, if there is one. Raises ``ImportError`` without it."""
    theirs = importlib.import_module("torchrecurrent")
    make = getattr(theirs, NAMESAKES.get(cell.__name__, cell.__name__), None)
    return None if make is None else _contender("torchrecurrent", make(size.input, size.hidden), size)


def _contender(name: str, layer: nn.Module, size: Size) -> Contender:
    generator = torch.Generator().manual_seed(1)
    x_TBI = torch.randn(size.steps, size.batch, size.input, generator=generator)
    weights = [parameter for parameter in layer.parameters() if parameter.requires_grad]

    @torch.no_grad()
    def forward() -> Tensor:
        return layer(x_TBI)[0]

    def training() -> tuple[Tensor, ...]:
        return torch.autograd.grad(layer(x_TBI)[0].sum(), weights, allow_unused=True)

    return Contender(name, forward, training)


def matrix() -> Contender:
    """One product of two square matrices, which tells the machine's rate."""
    a, b = torch.randn(2, MATRIX, MATRIX).unbind()
    work = lambda: torch.mm(a, b)  # noqa: E731
    return Contender("matrix", work, work)


def multiplications(cell: Cell) -> tuple[int, int]:
    """Those of a row and a step in matrix products: of the input, and of everything else."""
    params = {name: torch.empty(shape, device="meta") for name, shape in cell.parameter_shapes().items()}
    shapes = {name: tuple(value.shape) for name, value in cell.prepare(params).items()}
    recurrent = 0
    for stage in cell.stages():
        if stage.product:
            rows, columns = shapes[stage.product.weight]
            first, last = stage.product.rows or (0, rows)
            recurrent += (last - first) * columns
    rows, columns = shapes.get("weight_ih", (0, 0))
    return rows * columns, recurrent
