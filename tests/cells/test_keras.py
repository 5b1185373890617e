"""Our LSTM and GRU against those of Keras on its torch backend, in float64: outputs, final states, gradients."""

import os

import pytest
import torch

from rnnbench.cells import GRU, LSTM
from rnnbench.layers import Recurrent

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="keras is not installed: it is in the dev extra")
if keras.backend.backend() != "torch":
    pytest.skip("keras runs on another backend: set KERAS_BACKEND=torch", allow_module_level=True)

I, H = 3, 5


@pytest.fixture
def x_BTI():
    return torch.randn(2, 6, I, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()


def reorder(rows, order):
    blocks = rows.split(H)
    return torch.cat([blocks[k] for k in order])


def compare(ours, theirs, x_BTI, weights, tolerance=1e-10):
    """``weights``: ours as the list of Keras, matrices transposed."""
    theirs.build((2, 6, I))
    theirs.set_weights([weight.detach().numpy() for weight in weights])
    out_BTH, state = ours(x_BTI)
    theirs_BTH, *their_state = theirs(x_BTI)
    torch.testing.assert_close(out_BTH, theirs_BTH, rtol=tolerance, atol=tolerance)
    for a, b in zip(state if isinstance(state, tuple) else (state,), their_state):
        torch.testing.assert_close(a[0], b, rtol=tolerance, atol=tolerance)
    a, b = (torch.autograd.grad(out.square().sum(), x_BTI)[0] for out in (out_BTH, theirs_BTH))
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def layer(cell, **options):
    torch.manual_seed(0)
    return Recurrent(lambda **sizes: cell(**sizes, **options), I, H, batch_first=True, dtype=torch.float64)


@pytest.mark.parametrize(
    ("reset_after", "options"),
    [(True, {}), (False, {"reset": "before", "recurrent_bias": False})],
    ids=["reset_after", "reset_before"],
)
def test_gru(reset_after, options, x_BTI):
    """Keras orders the rows z r n; with reset_after (its default) it has two biases, without one.

    Without reset_after its loop calls keras.ops.matmul, which on this backend multiplies float64 in float32.
    """
    ours = layer(GRU, **options)
    theirs = keras.layers.GRU(H, reset_after=reset_after, return_sequences=True, return_state=True, dtype="float64")
    order = (1, 0, 2)
    matrices = [reorder(ours.get_parameter(name), order).T for name in ("weight_ih_l0", "weight_hh_l0")]
    bias = reorder(ours.bias_ih_l0, order)
    if reset_after:
        bias = torch.stack((bias, reorder(ours.bias_hh_l0, order)))
    compare(ours, theirs, x_BTI, [*matrices, bias], 1e-10 if reset_after else 1e-6)


def test_lstm(x_BTI):
    """The same order of rows, i f g o; one bias, the sum of ours."""
    ours = layer(LSTM)
    theirs = keras.layers.LSTM(H, return_sequences=True, return_state=True, dtype="float64")
    compare(ours, theirs, x_BTI, [ours.weight_ih_l0.T, ours.weight_hh_l0.T, ours.bias_ih_l0 + ours.bias_hh_l0])
