"""What is kept decides memory: counted in numbers a row and step beside the share and the states."""

import pytest

from rnnbench.cells import GRU, JANET, LSTM, MGU, RNN, PeepholeLSTM
from rnnbench.cells.base import Cell
from rnnbench.layers.fused.program import plan

H = 5


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        (RNN(3, H), 0),  # tanh(sum) is the new state
        (LSTM(3, H), H),  # four gates over the four sums; tanh(c) beside them
        (JANET(3, H), H),
        (PeepholeLSTM(3, H), H),
        (GRU(3, H), 2 * H),
        (MGU(3, H), 2 * H),
    ],
    ids=repr,
)
def test_activations_stand_where_their_sums_were(cell: Cell, kept: int):
    assert plan(cell, cell.parameter_shapes()).widths["keep"] <= kept


@pytest.mark.parametrize("cell", [LSTM(3, H), GRU(3, H, reset="before"), MGU(3, H)], ids=repr)
def test_nothing_costly_is_computed_twice(cell: Cell):
    """The backward pass reads tanh and sigmoid, it does not call them."""
    from rnnbench.layers.fused.expr import walk

    for kernel in plan(cell, cell.parameter_shapes()).kernels:
        assert not {"tanh", "sigmoid"} & {node.op for node in walk(store.value for store in kernel.backward)}


@pytest.mark.parametrize("cell", [LSTM(3, H), GRU(3, H), GRU(3, H, reset="before"), MGU(3, H)], ids=repr)
def test_no_two_kept_values_share_columns(cell: Cell):
    for kernel in plan(cell, cell.parameter_shapes()).kernels:
        spans = [
            (s.place.buffer, column)
            for s in kernel.forward
            for column in range(s.place.column, s.place.column + s.width)
        ]
        assert len(spans) == len(set(spans))
