import math

import numpy as np
import pytest
import torch

from rnnbench.cells import MLSTM, SLSTM
from rnnbench.layers import Recurrent


def count(cell):
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


def layer(cell, I, H, dtype=torch.float64, **options):
    torch.manual_seed(0)
    return Recurrent(lambda **sizes: cell(**sizes, **options), I, H, dtype=dtype)


def test_parameter_counts():
    I, H = 7, 6
    assert count(SLSTM(I, H)) == 4 * H * (I + H + 1)
    assert count(SLSTM(I, H, heads=3)) == 4 * H * (I + H // 3 + 1)
    assert count(MLSTM(I, H, heads=2)) == (4 * H + 2 * 2) * (I + 1)
    assert MLSTM(I, H, heads=2).state == {"C": 2 * 3 * 3, "n": 6, "m": 2}


@pytest.mark.parametrize("cell", [SLSTM, MLSTM])
@pytest.mark.parametrize("forget", ["sigmoid", "exp"])
def test_the_stabiliser_changes_no_output(cell, forget):
    """A memory scaled by exp(-k) with m larger by k is the same memory."""
    built = layer(cell, 3, 4, forget=forget)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    _, state = built(x)
    names = list(cell(3, 4).state)
    moved = tuple(s + 7 if name == "m" else s * math.exp(-7) if name in "cCn" else s for name, s in zip(names, state))
    torch.testing.assert_close(built(x, moved)[0], built(x, state)[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("cell", [SLSTM, MLSTM])
@pytest.mark.parametrize("forget", ["sigmoid", "exp"])
def test_gates_beyond_exp_stay_finite(cell, forget):
    built = layer(cell, 3, 4, torch.float32, forget=forget)
    out, _ = built(300 * torch.randn(30, 2, 3))
    out.sum().backward()
    assert out.isfinite().all()
    assert all(p.grad.isfinite().all() for p in built.parameters())


def test_slstm_heads_do_not_see_each_other():
    built = layer(SLSTM, 3, 4, heads=2)
    h = torch.zeros(1, 1, 4, dtype=torch.float64, requires_grad=True)
    others = [torch.ones(1, 1, 4, dtype=torch.float64) for _ in range(3)]
    out, _ = built(torch.randn(1, 1, 3, dtype=torch.float64), (h, *others))
    gradient = torch.autograd.grad(out[..., :2].sum(), h)[0].squeeze()
    assert (gradient[:2] != 0).all()
    assert (gradient[2:] == 0).all()


def test_mlstm_equals_the_parallel_form():
    """The paper's appendix: decayed attention over all steps, D_ts = exp(i_s) prod of f between, in plain numpy."""
    H, T = 4, 7
    built = layer(MLSTM, 3, H)
    W, b = built.weight_ih_l0.detach().numpy(), built.bias_ih_l0.detach().numpy()
    x = np.random.default_rng(0).normal(size=(T, 3))
    q, k, v, o, i, f = np.split(x @ W.T + b, [H, 2 * H, 3 * H, 4 * H, 4 * H + 1], axis=1)
    decay = np.cumsum(-np.log1p(np.exp(-f[:, 0])))
    weights = np.tril(np.exp(decay[:, None] - decay[None] + i[None, :, 0]) * (q @ k.T) / math.sqrt(H))
    h = weights @ v / np.maximum(np.abs(weights.sum(1)), 1)[:, None] / (1 + np.exp(-o))
    seen = built(torch.from_numpy(x)[:, None])[0][:, 0].detach().numpy()
    np.testing.assert_allclose(seen, h, rtol=1e-10, atol=1e-12)


def test_slstm_is_a_weighted_mean_without_recurrent_weights():
    """c / n is the mean of the candidates, weighted by exp(i) and what was forgotten since."""
    built = layer(SLSTM, 3, 4, forget="exp")
    with torch.no_grad():
        built.weight_hh_l0.zero_()
    x = np.random.default_rng(0).normal(size=(7, 3))
    total = x @ built.weight_ih_l0.detach().numpy().T + built.bias_ih_l0.detach().numpy()
    i, f, z, o = np.split(total, 4, axis=1)
    weights = np.array([np.exp(i[s] + f[s + 1 :].sum(0)) for s in range(7)])
    mean = (weights * np.tanh(z)).sum(0) / weights.sum(0)
    seen = built(torch.from_numpy(x)[:, None])[0][-1, 0].detach().numpy()
    np.testing.assert_allclose(seen, mean / (1 + np.exp(-o[-1])), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("cell", [SLSTM, MLSTM])
def test_refused_heads(cell):
    with pytest.raises(ValueError, match=r"^heads=3: must be an integer that divides hidden_size=4$"):
        cell(3, 4, heads=3)


def test_slstm_from_an_empty_memory_is_its_candidate():
    """One step from zero: c / n = tanh(z), however small exp(i) is."""
    built = layer(SLSTM, 3, 4, torch.float32)
    with torch.no_grad():
        built.bias_ih_l0[:4] = -500.0
    x = torch.randn(1, 2, 3)
    total = x[0] @ built.weight_ih_l0.T + built.bias_ih_l0
    expected = torch.sigmoid(total[:, 12:]) * torch.tanh(total[:, 8:12])
    torch.testing.assert_close(built(x)[0][0], expected)
