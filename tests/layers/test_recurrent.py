import copy
from functools import partial

import pytest
import torch
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.utils.rnn import pack_sequence

from rnnbench.cells import GRU, LSTM, MLSTM, QRNN, RNN, MinGRU, PeepholeLSTM
from rnnbench.layers import Recurrent, recurrent
from rnnbench.layers.engines import resolve_engine, run_engine
from rnnbench.layers.fused import trouble

I, H, B, T = 4, 5, 3, 6


def test_sizes():
    layer = Recurrent(partial(LSTM, proj_size=2), I, H, num_layers=3, bidirectional=True)
    assert layer.output_size == 4
    assert layer.state_size == 3 * 2 * (2 + 5)
    out, (h, c) = layer(torch.zeros(T, B, I))
    assert (out.shape, h.shape, c.shape) == ((T, B, 4), (6, B, 2), (6, B, 5))
    assert layer.engine == resolve_engine("auto", layer.cells[0])


def test_lengths_that_are_all_full_change_nothing():
    layer = Recurrent(GRU, I, H, batch_first=True)
    x = torch.randn(B, T, I)
    assert torch.equal(layer(x)[0], layer(x, lengths=torch.full((B,), T))[0])


def test_lengths_of_a_bidirectional_stack_do_not_see_the_padding():
    layer = Recurrent(GRU, I, H, num_layers=2, bidirectional=True, batch_first=True, dtype=torch.float64)
    x, lengths = torch.randn(B, T, I, dtype=torch.float64), torch.tensor([4, 1, 6])
    start = torch.randn(4, B, H, dtype=torch.float64)
    out, h = layer(x, start, lengths)
    for b, length in enumerate(lengths.tolist()):
        alone, h_alone = layer(x[b, :length], start[:, b])
        torch.testing.assert_close(out[b, :length], alone, rtol=1e-10, atol=1e-13)
        torch.testing.assert_close(h[:, b], h_alone, rtol=1e-10, atol=1e-13)
        assert (out[b, length:] == 0).all()


def test_a_copy_and_a_meta_device():
    layer = Recurrent(LSTM, I, H)
    other = copy.deepcopy(layer)
    x = torch.randn(T, B, I)
    assert torch.equal(layer(x)[0], other(x)[0])
    with torch.device("meta"):
        meta = Recurrent(partial(LSTM, forget_bias=1.0), I, H)
    assert sum(p.numel() for p in meta.parameters()) == 4 * H * (I + H + 2)
    assert meta.weight_ih_l0.is_meta


def test_bfloat16_autocast_runs_and_is_near():
    layer = Recurrent(LSTM, I, H)
    x = torch.randn(T, B, I)
    with torch.autocast("cpu", torch.bfloat16):
        out, _ = layer(x)
    out.float().sum().backward()
    torch.testing.assert_close(out.float(), layer(x)[0], rtol=0.1, atol=0.05)


def test_repr_names_the_cell_and_what_is_not_default():
    layer = Recurrent(partial(GRU, reset="before"), I, H, num_layers=2, batch_first=True)
    assert repr(layer) == "Recurrent(4, 5, cell=GRU(reset='before'), num_layers=2, batch_first=True)"
    assert repr(Recurrent(RNN, I, H)) == "Recurrent(4, 5, cell=RNN())"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_layers": 0}, "num_layers=0: must be an integer of at least 1"),
        ({"num_layers": 1.5}, "num_layers=1.5: must be an integer of at least 1"),
        ({"dropout": 1.5, "num_layers": 2}, "dropout=1.5: must be in 0..1"),
        ({"dropout": -0.1}, "dropout=-0.1: must be in 0..1"),
        ({"engine": "fast"}, "engine='fast': must be one of 'auto', 'loop', 'fused', 'scan'"),
        ({"hidden_size": 0}, "hidden_size=0: must be an integer of at least 1"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        Recurrent(GRU, **{"input_size": I, "hidden_size": H, **arguments})
    assert str(error.value) == message


def test_dropout_on_one_layer_warns():
    with pytest.warns(UserWarning, match=r"dropout=0\.5 has no effect with num_layers=1"):
        Recurrent(GRU, I, H, dropout=0.5)


X = torch.zeros(B, T, I)
BAD_LENGTHS = "lengths: must be a tensor (3,) torch.int64 on the cpu, got "


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"input": torch.zeros(T, B, I + 1)}, "input: last dimension must be input_size=4, got 5"),
        ({"input": torch.zeros(I)}, "input: must have 2 or 3 dimensions, got shape (4,)"),
        ({"input": X[:, :0]}, "input: must have at least one step and one sequence, got shape (3, 0, 4)"),
        ({"input": X, "lengths": torch.tensor([0, 6, 6])}, "lengths: must be in 1..6 (steps of the input), got 0..6"),
        ({"input": X, "lengths": torch.tensor([1, 7, 6])}, "lengths: must be in 1..6 (steps of the input), got 1..7"),
        ({"input": X, "lengths": torch.tensor([1, 6])}, BAD_LENGTHS + "(2,) torch.int64 on cpu"),
        ({"input": X, "lengths": torch.ones(3)}, BAD_LENGTHS + "(3,) torch.float32 on cpu"),
        (
            {"input": X[0], "lengths": torch.tensor([1])},
            "lengths: only for a padded batch, not with a PackedSequence or a single sequence",
        ),
        (
            {"input": pack_sequence([X[0]]), "lengths": torch.tensor([1])},
            "lengths: only for a padded batch, not with a PackedSequence or a single sequence",
        ),
        ({"input": X, "hx": torch.zeros(1, B, H)}, "hx: must be 2 tensor(s) (h, c), got 1"),
        (
            {"input": X, "hx": (torch.zeros(1, B, H), torch.zeros(1, B, H + 1))},
            "hx: c must have shape (1, 3, 5), got (1, 3, 6)",
        ),
        (
            {"input": X[0], "hx": (torch.zeros(1, 1, H), torch.zeros(1, H))},
            "hx: h must have shape (1, 5), got (1, 1, 5)",
        ),
    ],
)
def test_wrong_calls(call, message):
    layer = Recurrent(LSTM, I, H, batch_first=True)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        layer(call.pop("input"), **call)
    assert str(error.value) == message


EVERYTHING = {
    "variational_dropout": {"x": 0.2, "h": 0.3},
    "recurrent_dropout": 0.4,
    "zoneout": 0.3,
    "weight_dropout": 0.5,
    "layer_norm": True,
    "connection": "highway",
    "learned_state": True,
    "dropout": 0.2,
}


def deep(cell=LSTM, seed=0, **options):
    torch.manual_seed(seed)
    sizes = {"num_layers": 2, "bidirectional": True, "batch_first": True, "dtype": torch.float64}
    return Recurrent(cell, I, H, **{**sizes, **options})


def noisy(layer, seed=3, **call):
    """Outputs, final states and gradients of a padded batch of unequal lengths."""
    x = torch.randn(B, T, I, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    torch.manual_seed(seed)
    out, hidden = layer(x, **{"lengths": torch.tensor([4, 1, 6]), **call})
    states = hidden if isinstance(hidden, tuple) else (hidden,)
    loss = out.square().sum() + sum(s.pow(3).sum() for s in states)
    return [out, *states, *torch.autograd.grad(loss, [x, *layer.parameters()])]


@pytest.fixture
def calls(monkeypatch):
    """What the layer hands to its engine."""
    found = []

    def spy(engine, cell, params, data, *rest, **options):
        found.append((data.detach(), {name: p.detach() for name, p in params.items()}, options["extra"]))
        return run_engine(engine, cell, params, data, *rest, **options)

    monkeypatch.setattr(recurrent, "run_engine", spy)
    return found


def test_keys_of_the_state_dict():
    plain = [name + suffix for suffix in ("_l0", "_l1") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    assert list(deep(bidirectional=False).state_dict()) == plain
    noise = {
        name: EVERYTHING[name] for name in ("variational_dropout", "recurrent_dropout", "zoneout", "weight_dropout")
    }
    assert list(deep(bidirectional=False, **noise, connection="residual").state_dict()) == plain
    more = deep(bidirectional=False, layer_norm=True, connection="highway", learned_state=True).state_dict()
    gains = {f"gain_{side}_l{layer}" for side in ("ih", "hh") for layer in (0, 1)}
    starts = {f"initial_{state}_l{layer}" for state in "hc" for layer in (0, 1)}
    assert set(more) - set(plain) == gains | starts | {"weight_highway_l1", "bias_highway_l1"}


def test_weights_that_are_there_anyway_are_drawn_alike():
    plain, more = deep().state_dict(), deep(**EVERYTHING).state_dict()
    assert all(torch.equal(plain[name], more[name]) for name in plain)


@pytest.mark.parametrize("cell", [LSTM, GRU, partial(GRU, reset="before"), PeepholeLSTM, partial(LSTM, proj_size=3)])
def test_engines_agree_on_everything_at_once(cell):
    if trouble():
        pytest.skip(str(trouble()))
    loop, fused = (noisy(deep(cell, engine=engine, **EVERYTHING)) for engine in ("loop", "fused"))
    for a, b in zip(loop, fused):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_a_seed_gives_the_noise_and_evaluation_has_none():
    layer = deep(**EVERYTHING)
    first, again, other = noisy(layer), noisy(layer), noisy(layer, seed=4)
    assert torch.equal(first[0], again[0])
    assert not torch.allclose(first[0], other[0])
    layer.eval()
    assert torch.equal(noisy(layer)[0], noisy(layer, seed=4)[0])
    dropped = {name: EVERYTHING[name] for name in ("variational_dropout", "recurrent_dropout", "weight_dropout")}
    torch.testing.assert_close(noisy(deep(**dropped).eval())[0], noisy(deep().eval())[0], rtol=1e-12, atol=1e-14)


def test_everything_at_evaluation_does_not_see_the_padding():
    layer = deep(**EVERYTHING).eval()
    x, lengths = torch.randn(B, T, I, dtype=torch.float64), torch.tensor([4, 1, 6])
    out, _ = layer(x, lengths=lengths)
    for b, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(out[b, :length], layer(x[b, :length])[0], rtol=1e-10, atol=1e-13)


def test_evaluation_is_the_mean_of_one_step_of_zoneout():
    """The new state is linear in the mask, so that its mean over masks is what evaluation takes."""
    layer = Recurrent(LSTM, I, H, zoneout={"h": 0.2, "c": 0.5}, dtype=torch.float64)
    hx = (torch.ones(1, 20_000, H, dtype=torch.float64), -torch.ones(1, 20_000, H, dtype=torch.float64))
    x = torch.randn(1, 1, I, dtype=torch.float64).expand(1, 20_000, I)
    torch.manual_seed(0)
    _, noisy_state = layer(x, hx)
    _, calm = layer.eval()(x, hx)
    for seen, expected in zip(noisy_state, calm):
        torch.testing.assert_close(seen.mean(1), expected[:, 0], rtol=0, atol=0.05)
        assert seen.std(1).min() > 0.01


def test_variational_masks_stay_for_a_whole_sequence(calls):
    layer = deep(variational_dropout=0.5)
    x = torch.rand(B, T, I, dtype=torch.float64) + 1
    layer(x)
    (seen, _, noise), (backwards, _, other) = calls[:2]
    ratio = seen.unflatten(0, (T, B)) / x.transpose(0, 1)
    assert torch.allclose(ratio, ratio[:1].expand_as(ratio))
    assert set(ratio.round(decimals=9).unique().tolist()) == {0.0, 2.0}
    assert not torch.equal(ratio[0, 0], ratio[0, 1])
    assert torch.equal(seen, backwards)
    assert noise["kept_hidden"].shape == (B, H)
    assert not torch.equal(noise["kept_hidden"], other["kept_hidden"])


def test_weight_dropout_acts_on_the_recurrent_matrix_of_a_pass(calls):
    layer = Recurrent(LSTM, I, 60, weight_dropout=0.3, dtype=torch.float64)
    x = torch.randn(T, B, I, dtype=torch.float64)
    for _ in range(2):
        layer(x)
    layer.eval()(x)
    (_, first, _), (_, second, _), (_, calm, _) = calls
    kept = first["weight_hh"] != 0
    assert torch.allclose(first["weight_hh"][kept], layer.weight_hh_l0[kept] / 0.7)
    assert abs((~kept).double().mean() - 0.3) < 4 * (0.21 / kept.numel()) ** 0.5
    assert not torch.equal(first["weight_hh"], second["weight_hh"])
    assert torch.equal(calm["weight_hh"], layer.weight_hh_l0)
    assert torch.equal(first["weight_ih"], layer.weight_ih_l0)


@pytest.mark.parametrize("connection", ["residual", "highway"])
def test_connections_by_hand(connection):
    layer = Recurrent(GRU, I, H, num_layers=3, connection=connection, dtype=torch.float64)
    given = torch.randn(T, B, I, dtype=torch.float64)
    x = given
    for l, cell in enumerate(layer.cells):
        one = torch.nn.GRU(x.shape[-1], H, dtype=torch.float64)
        one.load_state_dict({f"{name}_l0": layer.get_parameter(f"{name}_l{l}") for name in cell.parameter_shapes()})
        below, (y, _) = x, one(x)
        if l == 0:
            x = y
        elif connection == "residual":
            x = below + y
        else:
            assert (layer.get_parameter(f"bias_highway_l{l}") == -1).all()
            t = torch.sigmoid(below @ layer.get_parameter(f"weight_highway_l{l}").T - 1)
            x = t * y + (1 - t) * below
    torch.testing.assert_close(layer(given)[0], x, rtol=1e-10, atol=1e-12)


def test_a_residual_connection_carries_what_dropout_did_not_touch(calls):
    layer = Recurrent(GRU, I, H, num_layers=2, connection="residual", dropout=0.5, dtype=torch.float64)
    out, _ = layer(torch.randn(T, B, I, dtype=torch.float64))
    (first, *_), (second, params, _) = calls
    y, _ = run_engine("loop", layer.cells[0], layer._params(layer.cells[0], "_l0"), first, [B] * T, (layer_zeros(),))
    z, _ = run_engine("loop", layer.cells[1], params, second, [B] * T, (layer_zeros(),))
    assert (second == 0).any()
    torch.testing.assert_close(out.flatten(0, 1), y + z, rtol=1e-10, atol=1e-12)


def layer_zeros():
    return torch.zeros(B, H, dtype=torch.float64)


def test_a_learned_state_is_where_sequences_begin():
    layer = deep(learned_state=True)
    initial = {name: p for name, p in layer.named_parameters() if name.startswith("initial_")}
    assert {name: tuple(p.shape) for name, p in initial.items()} == {
        f"initial_{s}_l{l}{d}": (H,) for l in (0, 1) for d in ("", "_reverse") for s in "hc"
    }
    for parameter in initial.values():
        assert (parameter == 0).all()
        parameter.data.normal_()
    hx = tuple(torch.stack([p for name, p in initial.items() if f"_{s}_" in name])[:, None] for s in "hc")
    x, lengths = torch.randn(B, T, I, dtype=torch.float64), torch.tensor([4, 1, 6])
    out, _ = layer(x, lengths=lengths)
    given, _ = deep()(x, tuple(s.expand(-1, B, -1) for s in hx), lengths=lengths)
    assert torch.equal(out, given)
    gradients = torch.autograd.grad(out.sum(), list(initial.values()))
    assert all((g != 0).any() for g in gradients)
    assert layer(x[0])[0].shape == (T, 2 * H)


def test_replicas_under_vmap_draw_noise_of_their_own():
    layers = [deep(seed=seed, engine="loop", **EVERYTHING) for seed in range(2)]
    params, _ = stack_module_state(layers)
    params = {name: p[:1].expand_as(p) for name, p in params.items()}
    x = torch.randn(B, T, I, dtype=torch.float64)

    def run(params):
        return functional_call(layers[0], params, (x,))[0]

    first, second = vmap(run, randomness="different")(params)
    assert not torch.allclose(first, second)
    layers[0].eval()
    first, second = vmap(run)(params)
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(first, layers[0](x)[0])


def test_everything_runs_under_autocast():
    layer = Recurrent(LSTM, I, H, num_layers=2, **EVERYTHING)
    with torch.autocast("cpu", torch.bfloat16):
        out, _ = layer(torch.randn(T, B, I))
    out.float().sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


def test_repr_names_what_is_around_the_cell():
    text = repr(Recurrent(GRU, I, H, zoneout=0.1, layer_norm=True))
    assert text == "Recurrent(4, 5, cell=GRU(), layer_norm=True, zoneout={'h': 0.1})"


@pytest.mark.parametrize(
    ("cell", "arguments", "message"),
    [
        (GRU, {"connection": "dense"}, "connection='dense': must be None, 'residual' or 'highway'"),
        (GRU, {"zoneout": {"c": 0.1}}, "zoneout.c: no such value; there are h"),
        (QRNN, {"zoneout": {"p": 0.1}}, "zoneout.p: no such value; there are c"),
        (MLSTM, {"zoneout": 0.1}, "zoneout=0.1: this cell has no value that it could act on"),
        (GRU, {"zoneout": 1.0}, "zoneout=1.0: must be at least 0 and less than 1"),
        (GRU, {"weight_dropout": 2}, "weight_dropout=2: must be at least 0 and less than 1"),
        (MinGRU, {"weight_dropout": 0.5}, "weight_dropout=0.5: MinGRU has no weight_hh"),
        (GRU, {"variational_dropout": {"y": 0.1}}, "variational_dropout.y: no such value; there are x, h"),
        (MinGRU, {"recurrent_dropout": 0.5}, "recurrent_dropout=0.5: MinGRU has no candidate that it could drop"),
        (GRU, {"t_max": 9}, "t_max=9: init='chrono' needs one, the longest dependency in steps; nothing else does"),
    ],
)
def test_wrong_options(cell, arguments, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        Recurrent(cell, I, H, **arguments)
    assert str(error.value) == message


def test_a_connection_around_one_layer_warns():
    with pytest.warns(UserWarning, match=r"connection=residual has no effect with num_layers=1"):
        Recurrent(GRU, I, H, connection="residual")
