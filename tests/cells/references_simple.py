"""References of the simple and the differential-equation cells; see references.py."""

import numpy as np


def linear(p, x, h, rows=slice(None), weight_hh=None):
    """W_ih x + b_ih + W_hh h + b_hh of some rows; what is missing is zero."""
    total = p["weight_ih"][rows] @ x
    W = p.get("weight_hh") if weight_hh is None else weight_hh
    total = total + (W[rows] @ h if W is not None else 0)
    for bias in ("bias_ih", "bias_hh"):
        total = total + (p[bias][rows] if bias in p else 0)
    return total


def activation(cell, a):
    return np.tanh(a) if cell.nonlinearity == "tanh" else np.maximum(a, 0)


def skew(entries, H):
    A, rest = np.zeros((H, H)), list(entries)
    for i in range(H):
        for j in range(i + 1, H):
            A[i, j] = rest.pop(0)
            A[j, i] = -A[i, j]
    return A


def irnn(cell, p, x, state):
    return {"h": np.maximum(linear(p, x, state["h"]), 0)}


def leaky(cell, p, x, state):
    h = state["h"]
    return {"h": (1 - cell.leak) * h + cell.leak * activation(cell, linear(p, x, h))}


def indrnn(cell, p, x, state):
    h = np.diag(p["vector_hh"]) @ state["h"]
    return {"h": activation(cell, linear(p, x, None) + h)}


def antisymmetric(cell, p, x, state):
    h, H = state["h"], cell.hidden_size
    A = skew(p["skew_hh"], H) - cell.gamma * np.eye(H)
    return {"h": h + cell.epsilon * np.tanh(linear(p, x, h, weight_hh=A))}


def gated_antisymmetric(cell, p, x, state):
    h, H = state["h"], cell.hidden_size
    a = (skew(p["skew_hh"], H) - cell.gamma * np.eye(H)) @ h
    z = 1 / (1 + np.exp(-(a + linear(p, x, None, slice(0, H)))))
    return {"h": h + cell.epsilon * z * np.tanh(a + linear(p, x, None, slice(H, 2 * H)))}


def lipschitz(cell, p, x, state):
    h, H, beta = state["h"], cell.hidden_size, cell.beta
    M_A, M_W = p["weight_hh"][:H], p["weight_hh"][H:]
    A = (1 - beta) * (M_A + M_A.T) + beta * (M_A - M_A.T) - cell.gamma_A * np.eye(H)
    W = (1 - beta) * (M_W + M_W.T) + beta * (M_W - M_W.T) - cell.gamma_W * np.eye(H)
    return {"h": h + cell.epsilon * (A @ h + np.tanh(linear(p, x, h, weight_hh=W)))}


SIMPLE = {
    "IRNN": irnn,
    "LeakyRNN": leaky,
    "IndRNN": indrnn,
    "AntisymmetricRNN": antisymmetric,
    "GatedAntisymmetricRNN": gated_antisymmetric,
    "LipschitzRNN": lipschitz,
}
