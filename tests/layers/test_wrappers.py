"""Each wrapper against equations written out here, sequence by sequence and step by step, in float64."""

import pytest
import torch
from torch.func import grad, vmap
from torch.nn import functional as F

from rnnbench.cells import GRU, LSTM, MLSTM, S4D, MinGRU, PeepholeLSTM
from rnnbench.layers.engines import run_engine
from rnnbench.layers.fused import trouble
from rnnbench.layers.layer_norm import layer_norm
from rnnbench.layers.loop import loop
from rnnbench.layers.wrappers import RecurrentDropout, VariationalDropout, Zoneout, dropout_mask

I, H = 3, 5
SIZES = [[3, 3, 3], [4, 3, 3, 1]]
LIKE = torch.zeros((), dtype=torch.float64)
EVERY = {"candidate", "hidden", "zoneout", "norm"}
RATES = (("h", 0.3), ("c", 0.6))


def wrapped(cell, around):
    cell = layer_norm(cell) if "norm" in around else cell
    cell = RecurrentDropout.of(cell, rate=0.4) if "candidate" in around else cell
    cell = VariationalDropout.of(cell, rate=0.4) if "hidden" in around else cell
    rates = tuple((name, rate) for name, rate in RATES if name in cell.state)
    return Zoneout.of(cell, rates=rates) if "zoneout" in around else cell


def sums(p, x, h, start, stop):
    """Input's share and product of some rows, normalised over those rows where there are gains."""
    found = []
    for side, value in (("ih", x), ("hh", h)):
        total = p[f"weight_{side}"][start:stop] @ value
        if f"gain_{side}" in p:
            total = F.layer_norm(total, total.shape, p[f"gain_{side}"][start:stop], None, 1e-5)
        found.append(total + p[f"bias_{side}"][start:stop])
    return found


def lstm(p, x, old, candidate, hidden):
    h, c = old
    share, product = sums(p, x, h * hidden, 0, 4 * H)
    i, f, g, o = (share + product).split(H)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * (candidate * torch.tanh(g))
    return torch.sigmoid(o) * torch.tanh(c), c


def gru(p, x, old, candidate, hidden):
    (h,) = old
    share, product = sums(p, x, h * hidden, 0, 2 * H)
    r, z = torch.sigmoid(share + product).split(H)
    share, product = sums(p, x, h * hidden, 2 * H, 3 * H)
    return (z * h + (1 - z) * candidate * torch.tanh(share + r * product),)


def gru_before(p, x, old, candidate, hidden):
    (h,) = old
    share, product = sums(p, x, h * hidden, 0, 2 * H)
    r, z = torch.sigmoid(share + product).split(H)
    share, product = sums(p, x, r * (h * hidden), 2 * H, 3 * H)
    return (z * h + (1 - z) * candidate * torch.tanh(share + product),)


CELLS = {"lstm": (LSTM(I, H), lstm), "gru": (GRU(I, H), gru), "before": (GRU(I, H, reset="before"), gru_before)}


def by_hand(step, names, params, x, sizes, state, reverse, noise):
    """Outputs by packed row and final states by sequence."""
    starts, out, final = [sum(sizes[:t]) for t in range(len(sizes))], {}, []
    for b in range(sizes[0]):
        old = tuple(s[b] for s in state)
        rows = [start + b for start, size in zip(starts, sizes) if size > b]
        for row in reversed(rows) if reverse else rows:
            candidate = noise["kept_candidate"][row] if "kept_candidate" in noise else 1.0
            hidden = noise["kept_hidden"][b] if "kept_hidden" in noise else 1.0
            new = step(params, x[row], old, candidate, hidden)
            stays = [noise.get(f"zoned_{name}") for name in names]
            old = tuple(n if d is None else d[row] * o + (1 - d[row]) * n for n, o, d in zip(new, old, stays))
            out[row] = old[0]
        final.append(old)
    return torch.stack([out[row] for row in range(len(x))]), tuple(map(torch.stack, zip(*final)))


def everything(cell, sizes):
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    params = {name: normal(*shape) for name, shape in cell.parameter_shapes().items()}
    return params, normal(sum(sizes), I), tuple(normal(sizes[0], size) for size in cell.state.values())


def numbers(result, params, x, state):
    out, final = result
    loss = out.square().sum() + sum(s.pow(3).sum() for s in final)
    return [out, *final, *torch.autograd.grad(loss, [x, *state, *params.values()])]


@pytest.mark.parametrize(
    "around", [{"candidate"}, {"hidden"}, {"zoneout"}, {"norm"}, EVERY], ids=lambda a: "+".join(sorted(a))
)
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("engine", ["loop", "fused"])
def test_equals_the_equations(engine, name, around):
    inner, step = CELLS[name]
    cell = wrapped(inner, around)
    if engine == "fused" and trouble():
        pytest.skip(str(trouble()))
    for sizes in SIZES:
        params, x, state = everything(cell, sizes)
        noise = cell.draw(len(x), sizes[0], LIKE, training=True)
        for reverse in (False, True):
            given = (params, x, sizes, state, reverse, noise)
            seen = numbers(run_engine(engine, cell, *given), params, x, state)
            truth = numbers(by_hand(step, cell.state, *given), params, x, state)
            for a, b in zip(seen, truth):
                torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "cell", [MinGRU(I, H), S4D(H, H), MLSTM(I, 4), PeepholeLSTM(I, H)], ids=lambda c: type(c).__name__
)
def test_zoneout_of_cells_with_recurrences_and_other_outputs(cell):
    """All old with d = 1: the state never moves; all new with d = 0: the cell as it is."""
    around = Zoneout.of(cell, rates=tuple((name, 0.5) for name in cell.state))
    assert (around.output, around.output_size, around.state) == (cell.output, cell.output_size, cell.state)
    sizes = [3, 2, 2]
    generator = torch.Generator().manual_seed(0)
    params = {name: torch.rand(*shape, generator=generator) for name, shape in cell.parameter_shapes().items()}
    state = tuple(torch.rand(3, size, generator=generator) for size in cell.state.values())
    x = torch.rand(7, cell.input_size, generator=generator)
    stay = {name: torch.ones(7, size) for name, size in around.streams.items()}
    _, final = loop(around, params, x, sizes, state, extra=stay)
    assert all(torch.equal(a, b) for a, b in zip(final, state))
    move = {name: torch.zeros(7, size) for name, size in around.streams.items()}
    out, final = loop(around, params, x, sizes, state, extra=move)
    plain_out, plain = loop(cell, params, x, sizes, state)
    assert all(torch.equal(a, b) for a, b in zip((out, *final), (plain_out, *plain)))


def test_statistics_of_a_dropout_mask():
    torch.manual_seed(0)
    mask = dropout_mask(400, 250, 0.3, LIKE)
    assert mask.dtype == torch.float64
    assert set(mask.unique().tolist()) == {0.0, 1 / 0.7}
    assert abs((mask == 0).double().mean() - 0.3) < 4 * (0.3 * 0.7 / mask.numel()) ** 0.5
    assert abs(mask.mean() - 1) < 0.01


def test_statistics_of_zoneout_and_its_expectation():
    cell = Zoneout.of(LSTM(I, 50), rates=RATES)
    torch.manual_seed(0)
    drawn = cell.draw(1000, 10, LIKE, training=True)
    assert set(drawn["zoned_c"].unique().tolist()) == {0.0, 1.0}
    for name, rate in RATES:
        assert drawn[f"zoned_{name}"].shape == (1000, 50)
        assert abs(drawn[f"zoned_{name}"].mean() - rate) < 4 * (rate * (1 - rate) / 50_000) ** 0.5
    calm = cell.draw(1000, 10, LIKE, training=False)
    assert all((calm[f"zoned_{name}"] == rate).all() for name, rate in RATES)


def test_noise_takes_its_expectation_at_evaluation_and_draws_nothing():
    cell = VariationalDropout.of(RecurrentDropout.of(LSTM(I, H), rate=0.4), rate=0.4)
    before = torch.get_rng_state()
    calm = cell.draw(6, 2, LIKE, training=False)
    assert torch.equal(torch.get_rng_state(), before)
    assert {name: tuple(rows.shape) for name, rows in calm.items()} == {"kept_candidate": (6, H), "kept_hidden": (2, H)}
    assert all((rows == 1).all() for rows in calm.values())
    params, x, state = everything(cell, [2, 2, 2])
    out, _ = loop(cell, params, x, [2, 2, 2], state, extra=calm)
    assert torch.equal(out, loop(cell.inner.inner, params, x, [2, 2, 2], state)[0])


def test_the_mask_of_h_is_as_wide_as_what_is_multiplied():
    assert VariationalDropout.of(LSTM(I, H, proj_size=2), rate=0.1).constants == {"kept_hidden": 2}


def test_loop_under_vmap_with_noise_of_its_own_for_each_model():
    cell = wrapped(LSTM(I, H), EVERY)
    sizes = [3, 2, 1]
    params, x, state = everything(cell, sizes)
    stacked = {name: torch.stack([p, 2 * p, -p]).detach() for name, p in params.items()}

    def loss(params, noise):
        return loop(cell, params, x, sizes, state, extra=noise)[0].square().sum()

    def both(params):
        noise = cell.draw(len(x), sizes[0], LIKE, training=True)
        return grad(loss)(params, noise), noise

    gradients, noise = vmap(both, randomness="different")(stacked)
    assert not torch.equal(noise["zoned_h"][0], noise["zoned_h"][1])
    for m in range(3):
        alone = grad(loss)({k: p[m] for k, p in stacked.items()}, {k: v[m] for k, v in noise.items()})
        for name, gradient in alone.items():
            torch.testing.assert_close(gradients[name][m], gradient, rtol=1e-10, atol=1e-12)


def test_second_derivatives_in_the_loop():
    cell = wrapped(GRU(I, H), EVERY)
    params, x, state = everything(cell, [2, 2])
    noise = cell.draw(4, 2, LIKE, training=True)

    def run(x, *params_):
        return loop(cell, dict(zip(params, params_)), x, [2, 2], state, extra=noise)[0]

    assert torch.autograd.gradgradcheck(run, (x, *params.values()), fast_mode=True)
