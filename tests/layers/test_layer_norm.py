"""What the layer norm around a cell adds; that it computes the right thing is in test_wrappers.py."""

import pytest
import torch

from rnnbench.cells import GRU, LSTM, MGU, MUT1, RHN, LayerNormGRU, LayerNormLSTM, MogrifierLSTM
from rnnbench.cells.base import Cell
from rnnbench.layers.contract import examples, find_cells
from rnnbench.layers.layer_norm import layer_norm
from rnnbench.layers.loop import loop

I, H = 4, 5


@pytest.mark.parametrize(
    ("cell", "gains"),
    [
        (LSTM(I, H), {"gain_ih": 20, "gain_hh": 20}),
        (LSTM(I, H, proj_size=2), {"gain_ih": 20, "gain_hh": 20, "gain_hr": 2}),
        (GRU(I, H, reset="before"), {"gain_ih": 15, "gain_hh": 15}),
        (MogrifierLSTM(I, H, rounds=2), {"gain_q1": 4, "gain_r2": 5, "gain_weight": 20}),
        (RHN(I, H, depth=2), {"gain_ih": 10, "gain_hh": 20}),
    ],
    ids=lambda v: type(v).__name__,
)
def test_parameters(cell, gains):
    shapes = cell.parameter_shapes()
    assert layer_norm(cell).parameter_shapes() == shapes | {name: (size,) for name, size in gains.items()}


def test_gains_start_at_1_and_the_rest_as_in_the_cell():
    cell = LSTM(I, H)
    around = layer_norm(cell)
    params = {name: torch.empty(shape) for name, shape in around.parameter_shapes().items()}
    torch.manual_seed(0)
    around.reset_parameters(params)
    alone = {name: torch.empty(shape) for name, shape in cell.parameter_shapes().items()}
    torch.manual_seed(0)
    cell.reset_parameters(alone)
    assert all(torch.equal(params[name], alone[name]) for name in alone)
    assert (params["gain_ih"] == 1).all()
    assert (params["gain_hh"] == 1).all()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("cell", [LSTM, GRU, MGU, MUT1, RHN], ids=lambda c: c.__name__)
def test_the_scale_of_the_weights_does_not_matter(cell, bias):
    """Ba et al. 2016, section 5.1: a norm is invariant to the scale of a matrix; without it the cell is not."""
    around = layer_norm(cell(I, H, bias=bias))
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    params = {name: 100 * normal(*shape) for name, shape in around.parameter_shapes().items()}
    larger = {name: 7 * p if name.startswith("weight_") else p for name, p in params.items()}
    x, state = normal(6, I), tuple(normal(2, size) for size in around.state.values())
    out, scaled = (loop(around, p, x, [2, 2, 2], state)[0] for p in (params, larger))
    torch.testing.assert_close(scaled, out, rtol=1e-6, atol=1e-8)
    plain = {name: params[name] for name in around.inner.parameter_shapes()}
    assert not torch.allclose(loop(around.inner, plain, x, [2, 2, 2], state)[0], out)


@pytest.mark.parametrize("cell", find_cells(), ids=lambda c: c.__name__)
def test_every_cell_can_be_normalised_or_says_why_not(cell: type[Cell]):
    for inner in (example.build() for example in examples(cell)):
        names = list(inner.parameter_shapes())
        if any(name.startswith("gain_") for name in names):
            with pytest.raises(ValueError, match=r"^layer_norm=True: .*$"):
                layer_norm(inner)
            continue
        around = layer_norm(inner)
        params = {name: torch.ones(shape) for name, shape in around.parameter_shapes().items()}
        around.reset_parameters(params)
        state = tuple(torch.zeros(2, size) for size in around.state.values())
        out, _ = loop(around, params, torch.randn(4, inner.input_size), [2, 2], state)
        assert out.isfinite().all()
        assert out.shape == (4, inner.output_size)


@pytest.mark.parametrize("cell", [LayerNormLSTM, LayerNormGRU])
def test_a_cell_with_norms_is_refused(cell):
    with pytest.raises(ValueError, match=rf"^layer_norm=True: {cell.__name__} has norms of its own \(gain_ih, "):
        layer_norm(cell(I, H))


def test_a_norm_over_one_number_is_refused():
    with pytest.raises(
        ValueError, match=r"^layer_norm=True: a norm over the one row of weight_hr in LSTM is always 0$"
    ):
        layer_norm(LSTM(I, H, proj_size=1))
