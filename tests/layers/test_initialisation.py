"""Each initialisation against what its source says, and against Keras itself."""

import math
import os
from functools import partial

import pytest
import torch

from rnnbench.cells import (
    GRU,
    IRNN,
    JANET,
    LSTM,
    LSTMCIFG,
    MGU,
    QRNN,
    RAN,
    RHN,
    RNN,
    SRU,
    TGRU,
    TLSTM,
    TRNN,
    WMCLSTM,
    LayerNormLSTM,
    LightRU,
    LipschitzRNN,
    MinGRU,
    MogrifierLSTM,
    MultiplicativeLSTM,
    OriginalLSTM,
    PeepholeLSTM,
)
from rnnbench.layers import Recurrent

I, H = 30, 40


def start(cell, init=None, **options):
    """The parameters of a layer by name, all from one seed."""
    torch.manual_seed(0)
    layer = Recurrent(cell, I, H, init=init, dtype=torch.float64, **options)
    return {name.removesuffix("_l0"): p.detach() for name, p in layer.named_parameters()}


def blocks(params, name):
    return dict(zip("ifgo", params[name].split(H)))


def unchanged(one, other, *but):
    assert [name for name in one if not torch.equal(one[name], other[name])] == list(but)


def orthonormal(columns):
    torch.testing.assert_close(
        columns.T @ columns, torch.eye(columns.shape[1], dtype=torch.float64), rtol=0, atol=1e-12
    )


def test_none_is_the_cell_s_own():
    torch.manual_seed(0)
    theirs = torch.nn.LSTM(I, H, dtype=torch.float64)
    for name, p in theirs.named_parameters():
        assert torch.equal(start(LSTM)[name.removesuffix("_l0")], p)


def test_torch_overrides_the_cell_s_own():
    params, bound = start(IRNN, "torch"), H**-0.5
    for p in params.values():
        assert p.abs().max() <= bound
    assert abs(params["weight_hh"].std() - bound / 3**0.5) < 0.05 * bound


def test_jozefowicz_opens_the_forget_gate():
    own, params = start(LSTM), start(LSTM, "jozefowicz")
    unchanged(own, params, "bias_ih", "bias_hh")
    for name, value in (("bias_ih", 1), ("bias_hh", 0)):
        assert (blocks(params, name)["f"] == value).all()
        assert all(torch.equal(blocks(params, name)[g], blocks(own, name)[g]) for g in "igo")


@pytest.mark.parametrize(
    ("cell", "row"),
    [
        *((cell, 1) for cell in (LSTM, MogrifierLSTM, WMCLSTM, RAN, QRNN, TGRU, TLSTM)),
        (MultiplicativeLSTM, 1),  # rows i f g o: m has no bias
        *((cell, 0) for cell in (JANET, SRU, TRNN)),  # in the last two the candidate has none
    ],
)
def test_the_forget_gate_of_any_cell_is_found(cell, row):
    own, params = start(cell)["bias_ih"].split(H), start(cell, "jozefowicz")["bias_ih"].split(H)
    assert [i for i, (one, other) in enumerate(zip(own, params)) if not torch.equal(one, other)] == [row]
    assert (params[row] == 1).all()


def test_irnn_is_the_cell_of_that_name():
    plain, own = start(partial(RNN, nonlinearity="relu"), "irnn"), start(IRNN)
    assert torch.equal(plain["weight_hh"], torch.eye(H, dtype=torch.float64))
    assert all((plain[name] == 0).all() for name in ("bias_ih", "bias_hh"))
    assert abs(plain["weight_ih"].std() / own["weight_ih"].std() - 1) < 0.1


@pytest.mark.parametrize("cell", [LSTM, GRU, RNN], ids=lambda c: c.__name__)
def test_keras_starts_as_keras(cell):
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    theirs = {LSTM: keras.layers.LSTM, GRU: keras.layers.GRU, RNN: keras.layers.SimpleRNN}[cell](H)
    theirs.build((2, 6, I))
    kernel, recurrent, bias = (torch.tensor(w).double() for w in theirs.get_weights())
    params = start(cell, "keras")
    assert kernel.T.shape == params["weight_ih"].shape
    assert abs(kernel.abs().max() / params["weight_ih"].abs().max() - 1) < 0.01  # the bounds of a uniform
    assert abs(kernel.std() / params["weight_ih"].std() - 1) < 0.1
    torch.testing.assert_close(recurrent @ recurrent.T, torch.eye(H, dtype=torch.float64), rtol=0, atol=1e-5)
    orthonormal(params["weight_hh"])
    assert torch.equal(params["bias_ih"] + params["bias_hh"], bias.reshape(-1, len(params["bias_ih"])).sum(0))


def test_keras_without_biases():
    assert set(start(LSTM, "keras", bias=False)) == {"weight_ih", "weight_hh"}


@pytest.mark.parametrize("cell", [LSTM, partial(LSTM, proj_size=7), GRU, PeepholeLSTM, JANET, MGU])
def test_orthogonal_makes_every_gate_s_block_orthogonal(cell):
    own, params = start(cell), start(cell, "orthogonal")
    unchanged(own, params, "weight_hh")
    for block in params["weight_hh"].split(H):
        orthonormal(block)


def test_chrono():
    own, params = start(LSTM), start(LSTM, "chrono", t_max=100)
    unchanged(own, params, "bias_ih", "bias_hh")
    f, i = (blocks(params, "bias_ih")[g] for g in "fi")
    assert torch.equal(i, -f)
    u = f.exp()
    assert u.min() >= 1
    assert u.max() <= 99
    # the mean of 40 uniform numbers in 1..99, give or take four of its standard deviations
    assert abs(u.mean() - 50) < 4 * 98 / math.sqrt(12 * H)
    assert all((blocks(params, "bias_hh")[g] == 0).all() for g in "fi")
    assert all(torch.equal(blocks(params, "bias_ih")[g], blocks(own, "bias_ih")[g]) for g in "go")


@pytest.mark.parametrize(
    ("cell", "rows", "sign"),
    [(GRU, 1, 1), (partial(GRU, update="write"), 1, -1), (PeepholeLSTM, 1, 1), (LSTMCIFG, 0, -1)],
)
def test_chrono_of_a_gate_that_keeps_or_writes(cell, rows, sign):
    bias = start(cell, "chrono", t_max=50)["bias_ih"].split(H)[rows]
    assert ((sign * bias).exp() >= 1 - 1e-12).all()
    assert ((sign * bias).exp().mean() - 25).abs() < 4 * 48 / math.sqrt(12 * H)


def test_with_layer_norm_around_the_gains_stay_at_1():
    params = start(LSTM, "keras", layer_norm=True)
    assert (params["gain_hh"] == 1).all()
    orthonormal(params["weight_hh"])


def test_on_the_meta_device():
    for init in ("torch", "jozefowicz", "keras", "orthogonal"):
        with torch.device("meta"):
            assert Recurrent(LSTM, I, H, init=init).weight_hh_l0.is_meta


@pytest.mark.parametrize(
    ("cell", "options", "message"),
    [
        (
            LSTM,
            {"init": "xavier"},
            "init='xavier': must be one of 'torch', 'jozefowicz', 'irnn', 'keras', 'orthogonal', ",
        ),
        (GRU, {"init": "jozefowicz"}, "init='jozefowicz': GRU has no forget gate that is a sigmoid with a bias"),
        (LSTM, {"init": "jozefowicz", "bias": False}, "init='jozefowicz': LSTM has no forget gate that is"),
        (LSTM, {"init": "irnn"}, "init='irnn': starts simple recurrent networks, LSTM is none"),
        (MinGRU, {"init": "keras"}, "init='keras': MinGRU has no weight_hh"),
        (PeepholeLSTM, {"init": "keras"}, "init='keras': says nothing about weight_cf, weight_ci, weight_co of "),
        (
            LipschitzRNN,
            {"init": "orthogonal"},
            "init='orthogonal': LipschitzRNN computes its recurrent matrix from other parameters",
        ),
        (
            LSTM,
            {"init": "chrono"},
            "t_max=None: init='chrono' needs one, the longest dependency in steps; nothing else",
        ),
        (LSTM, {"init": "torch", "t_max": 9}, "t_max=9: init='chrono' needs one, the longest dependency in steps; no"),
        (LSTM, {"t_max": 9}, "t_max=9: init='chrono' needs one"),
        (LSTM, {"init": "chrono", "t_max": 2}, "t_max=2: must be at least 3"),
        (
            LayerNormLSTM,
            {"init": "chrono", "t_max": 9},
            "init='chrono': LayerNormLSTM has no gate of memory that is a sigmoid with a bias",
        ),
        (
            partial(LSTM, forget_bias=1.0),
            {"init": "keras"},
            "forget_bias=1.0: init='keras' sets this too: leave one of them out",
        ),
        (partial(LSTM, forget_bias=1.0), {"init": "torch"}, "forget_bias=1.0: init='torch' sets this too"),
        (partial(RHN, transform_bias=-2.0), {"init": "keras"}, "transform_bias=-2.0: init='keras' sets this too"),
        (partial(JANET, t_max=20), {"init": "chrono", "t_max": 9}, "t_max=20: init='chrono' sets this too"),
        (partial(OriginalLSTM, input_bias=(-1, -3)), {"init": "keras"}, "input_bias=(-1, -3): init='keras' sets this"),
        (partial(IRNN, scale=0.01), {"init": "irnn"}, "scale=0.01: init='irnn' sets this too"),
        (LightRU, {"init": "irnn"}, "init='irnn': starts simple recurrent networks, LightRU is none"),
    ],
)
def test_refused_in_one_line(cell, options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        start(cell, **options)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
