import pytest
import torch

from rnnbench.cells import GRU, LSTM
from rnnbench.layers.engines import ENGINES, loop, resolve_engine


def test_auto_resolves_to_an_engine():
    assert resolve_engine("auto", LSTM(3, 5)) in set(ENGINES) - {"auto"}
    assert resolve_engine("loop", LSTM(3, 5)) == "loop"


def test_unknown_engine():
    with pytest.raises(ValueError, match=r"^engine='warp': must be one of 'auto', 'loop', "):
        resolve_engine("warp", LSTM(3, 5))


def test_an_engine_that_cannot_run_the_cell():
    with pytest.raises(ValueError, match=r"^engine='scan': cannot run LSTM; must be one of 'auto', .*'loop'$"):
        resolve_engine("scan", LSTM(3, 5))


def run(reverse, batch_sizes, cell=None):
    cell = cell or LSTM(3, 5)
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    params = {name: draw(*shape) for name, shape in cell.parameter_shapes().items()}
    x, state = draw(sum(batch_sizes), 3), tuple(draw(batch_sizes[0], size) for size in cell.state.values())
    return params, x, state, loop(cell, params, x, batch_sizes, state, reverse)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("batch_sizes", [[3, 3, 3], [4, 2, 2, 1], [2, 1], [1]], ids=str)
def test_loop_equals_lstm_cells_step_by_step(reverse, batch_sizes):
    """Sequence by sequence with torch.nn.LSTMCell, which knows nothing of packing."""
    params, x, state, (out, final) = run(reverse, batch_sizes)
    step = torch.nn.LSTMCell(3, 5, dtype=torch.float64)
    step.load_state_dict(params)
    starts = [sum(batch_sizes[:t]) for t in range(len(batch_sizes))]
    for b in range(batch_sizes[0]):
        hx = tuple(s[b : b + 1] for s in state)
        rows = [start + b for start, size in zip(starts, batch_sizes) if size > b]
        for row in reversed(rows) if reverse else rows:
            hx = step(x[row : row + 1], hx)
            torch.testing.assert_close(out[row], hx[0][0], rtol=1e-12, atol=1e-14)
        for seen, expected in zip(final, hx):
            torch.testing.assert_close(seen[b], expected[0], rtol=1e-12, atol=1e-14)


def test_loop_leaves_its_arguments_alone():
    cell = GRU(3, 5, reset="before")
    first, second = run(False, [2, 2, 1], cell), run(False, [2, 2, 1], cell)
    for name, parameter in first[0].items():
        assert torch.equal(parameter, second[0][name])
        assert parameter._version == 0
    assert first[1]._version == first[2][0]._version == 0
