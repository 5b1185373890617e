from itertools import pairwise

import pytest

from rnnbench.cells import GRU, JANET, LSTM, IndRNN, LayerNormLSTM, PeepholeLSTM
from rnnbench.cells.base import Cell
from rnnbench.layers.fused.program import Program, plan


def planned(cell: Cell) -> Program:
    return plan(cell, cell.parameter_shapes())


@pytest.mark.parametrize("cell", [LSTM(3, 5), GRU(3, 5), GRU(3, 5, reset="before"), LayerNormLSTM(3, 5)], ids=repr)
def test_every_leaf_has_a_place_in_a_buffer(cell: Cell):
    program = planned(cell)
    assert {place.buffer for place in program.places.values()} <= set(program.widths)
    for kernel in program.kernels:
        for store in kernel.forward + kernel.backward:
            width = program.widths[store.place.buffer]
            assert store.place.column + store.width <= width, store


def covered(program: Program, buffer: str) -> list[tuple[int, int]]:
    """Columns that the backward pass writes of a buffer, in order."""
    stores = [store for kernel in program.kernels for store in kernel.backward if store.place.buffer == buffer]
    return sorted((store.place.column, store.place.column + store.width) for store in stores)


@pytest.mark.parametrize("cell", [LSTM(3, 5), JANET(3, 5), GRU(3, 5), PeepholeLSTM(3, 5)], ids=repr)
def test_the_gradient_of_the_share_replaces_it_whole(cell: Cell):
    """Every column once: what is left out would stay a forward value in the weight's gradient."""
    program = planned(cell)
    spans = covered(program, "share")
    assert spans[0][0] == 0
    assert spans[-1][1] == program.widths["share"]
    assert all(stop == start for (_, stop), (start, _) in pairwise(spans))


def test_the_output_of_a_state_needs_no_buffer():
    program = planned(LSTM(3, 5))
    assert program.output == "new:h"
    assert "out" not in program.widths


def test_states_without_gradient_are_cleared():
    assert planned(LSTM(3, 5)).zeroed == []
    assert planned(PeepholeLSTM(3, 5)).zeroed == []


def test_vectors_are_parameters_read_outside_products():
    assert planned(LSTM(3, 5)).vectors == {}
    assert planned(IndRNN(3, 5)).vectors == {"vector_hh": 5}
    assert all(size in (5, 20) for size in planned(LayerNormLSTM(3, 5)).vectors.values())
