import math
from functools import partial

import numpy as np
import pytest
import torch

from rnnbench.cells import LRU, S4D
from rnnbench.layers import Recurrent


def count(cell):
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


def layer(cell, I, H, bias=True, **options):
    torch.manual_seed(0)
    return Recurrent(partial(cell, **options), I, H, bias=bias, dtype=torch.float64)


def numpy_params(built):
    return {name.removesuffix("_l0"): p.detach().numpy() for name, p in built.named_parameters()}


def test_parameter_counts():
    I, H, N = 7, 9, 6
    assert count(LRU(I, H, bias=False)) == 2 * H * I + H * I + 2 * H * H + 3 * H
    assert count(LRU(I, H)) - count(LRU(I, H, bias=False)) == 3 * H
    shared = H * I + H + H * H + H + 2 * H + N * H  # the two products, log_dt and D, C
    assert count(S4D(I, H, states=N)) == shared + N // 2 * H * 2
    assert count(S4D(I, H, states=N, init="real")) == shared + N * H


@pytest.mark.parametrize("init", ["lin", "inv", "real"])
def test_s4d_is_a_convolution(init):
    """y = K * u with K_t = 2 Re sum C B_bar A_bar^t, summed term by term."""
    H, N, T = 3, 4, 12
    built = layer(S4D, 2, H, states=N, init=init, dt_min=0.1, dt_max=1.0)
    p = numpy_params(built)
    x = np.random.default_rng(0).normal(size=(T, 2))
    u = x @ p["weight_ih"].T + p["bias_ih"]
    M = N if init == "real" else N // 2
    A = -np.exp(p["log_a"]).reshape(M, H) + 1j * (0 if init == "real" else p["a_imag"].reshape(M, H))
    C = p["C"].reshape(-1, M, H)
    C = C[0] + 1j * (0 if init == "real" else C[1])
    dt = np.exp(p["log_dt"])
    kernel = np.array([(C * (np.exp(dt * A) - 1) / A * np.exp(dt * A * t)).sum(0) for t in range(T)])
    kernel = kernel.real if init == "real" else 2 * kernel.real
    v = np.stack([np.convolve(u[:, h], kernel[:, h])[:T] for h in range(H)], 1) + p["D"] * u
    gelu = v * 0.5 * (1 + np.vectorize(math.erf)(v / math.sqrt(2)))
    expected = gelu @ p["weight_y"].T + p["bias_y"]
    seen = built(torch.from_numpy(x)[:, None])[0][:, 0].detach().numpy()
    np.testing.assert_allclose(seen, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("init", "expected"),
    [
        ("lin", [-0.5, -0.5 + math.pi * 1j, -0.5 + 2 * math.pi * 1j]),
        ("inv", [-0.5 + 1j * 6 / math.pi * (6 / k - 1) for k in (1, 3, 5)]),
        ("real", [-1, -2, -3, -4, -5, -6]),
    ],
)
def test_s4d_starts_at_the_published_eigenvalues(init, expected):
    p = numpy_params(layer(S4D, 2, 4, states=6, init=init))
    A = -np.exp(p["log_a"]) + 1j * p.get("a_imag", 0)
    np.testing.assert_allclose(A.reshape(-1, 4), np.repeat(np.array(expected)[:, None], 4, 1), rtol=1e-12)
    assert (np.exp(p["log_dt"]) >= 0.001).all()
    assert (np.exp(p["log_dt"]) <= 0.1).all()


def test_lru_is_a_sum_of_powers():
    """y_T = Re sum_t C lambda^(T-t) gamma B x_t + D x_T, by matrix powers."""
    H, T = 4, 9
    p = numpy_params(built := layer(LRU, 3, H, bias=False))
    x = np.random.default_rng(0).normal(size=(T, 3))
    eigenvalues = np.diag(np.exp(-np.exp(p["nu"])) * np.exp(1j * np.exp(p["theta"])))
    B = np.exp(p["gamma"])[:, None] * (p["weight_ih"][:H] + 1j * p["weight_ih"][H : 2 * H])
    C = p["weight_c"][:, :H] - 1j * p["weight_c"][:, H:]
    powers = [np.linalg.matrix_power(eigenvalues, k) for k in range(T)]
    expected = (C @ sum(powers[T - 1 - t] @ B @ x[t] for t in range(T))).real + p["weight_ih"][2 * H :] @ x[-1]
    seen = built(torch.from_numpy(x)[:, None])[0][-1, 0].detach().numpy()
    np.testing.assert_allclose(seen, expected, rtol=1e-10, atol=1e-12)


def test_lru_starts_on_the_ring_with_states_of_one_size():
    p = numpy_params(layer(LRU, 3, 4000, bias=False, r_min=0.5, r_max=0.9, max_phase=1.0))
    radius, angle = np.exp(-np.exp(p["nu"])), np.exp(p["theta"])
    assert radius.min() >= 0.5
    assert radius.max() <= 0.9
    assert angle.max() <= 1.0
    # Uniform on the ring's area: the squares are uniform.
    assert np.mean(radius**2) == pytest.approx((0.5**2 + 0.9**2) / 2, abs=0.01)
    np.testing.assert_allclose(np.exp(p["gamma"]) ** 2, 1 - radius**2, rtol=1e-9)


@pytest.mark.parametrize(
    ("cell", "options", "message"),
    [
        (LRU, {"r_min": 0.9, "r_max": 0.5}, "r_min=0.9, r_max=0.5: must be 0 <= r_min < r_max <= 1"),
        (LRU, {"max_phase": 0.0}, "max_phase=0.0: must be above 0 (radians)"),
        (S4D, {"states": 5}, "states=5: must be an even integer of at least 2"),
        (S4D, {"dt_min": 0.0}, "dt_min=0.0, dt_max=0.1: must be 0 < dt_min <= dt_max"),
    ],
)
def test_refused_options(cell, options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        cell(3, 4, **options)
    assert str(error.value) == message


def test_lru_draws_its_products_with_the_variances_of_the_papers_listing():
    I, H = 100, 300
    p = numpy_params(layer(LRU, I, H))
    variances = {"B": p["weight_ih"][: 2 * H], "D": p["weight_ih"][2 * H :], "C": p["weight_c"]}
    expected = {"B": 1 / (2 * I), "D": 1 / I, "C": 1 / H}
    assert {name: v.var() for name, v in variances.items()} == pytest.approx(expected, rel=0.03)
