"""Every cell, in every option, equals its slow reference; a cell without one is an error."""

import numpy as np
import pytest
import torch

from rnnbench.layers.contract import examples, find_cells
from tests.cells.references import REFERENCES

CELLS = find_cells()
EXAMPLES = [example for cell in CELLS for example in examples(cell)]
LENGTHS = (6, 2, 4)


def test_every_cell_has_a_reference():
    assert {cell.__name__ for cell in CELLS} == set(REFERENCES)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_equals_the_reference(example):
    compare(example, example.inputs(len(LENGTHS), max(LENGTHS)), example.states(len(LENGTHS)))


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_equals_the_reference_where_all_is_zero(example):
    """Random numbers never meet the points at which a sign or a maximum has a value of its own."""
    x_BTI = torch.zeros(len(LENGTHS), max(LENGTHS), example.input_size, dtype=torch.float64)
    compare(example, x_BTI, tuple(torch.zeros_like(s) for s in example.states(len(LENGTHS))))


def compare(example, x_BTI, states):
    layer, cell = example.layer(), example.build()
    out_BTO, final = layer(x_BTI, states if len(states) > 1 else states[0], lengths=torch.tensor(LENGTHS))
    final = final if isinstance(final, tuple) else (final,)
    params = {name.removesuffix("_l0"): p.detach().numpy() for name, p in layer.named_parameters()}
    step = REFERENCES[example.cell.__name__]
    for b, length in enumerate(LENGTHS):
        state = {name: s[0, b].numpy() for name, s in zip(cell.state, states)}
        for t in range(length):
            state = step(cell, params, x_BTI[b, t].numpy(), state)
            np.testing.assert_allclose(out_BTO[b, t].detach().numpy(), state[cell.output], rtol=1e-10, atol=1e-14)
        for name, s in zip(cell.state, final):
            np.testing.assert_allclose(s[0, b].detach().numpy(), state[name], rtol=1e-10, atol=1e-14)
