"""References of the oscillators and of the orthogonal and unitary cells; see references.py."""

import numpy as np

from tests.cells.references_simple import linear, skew


def sigmoid(a):
    return 0.5 + 0.5 * np.tanh(a / 2)


def cornn(cell, p, x, state):
    y, z, H, dt = state["y"], state["z"], cell.hidden_size, cell.dt
    W_y, W_z = p["weight_hh"][:, :H], p["weight_hh"][:, H:]
    force = np.tanh(linear(p, x, y, weight_hh=W_y) + W_z @ z) - cell.gamma * y
    if cell.damping == "explicit":
        z = z + dt * (force - cell.epsilon * z)
    else:
        z = (z + dt * force) / (1 + dt * cell.epsilon)
    return {"y": y + dt * z, "z": z}


def unicornn(cell, p, x, state):
    y, z = state["y"], state["z"]
    step = cell.dt * sigmoid(p["control"])
    z = z - step * (np.tanh(p["vector_hh"] * y + linear(p, x, None)) + cell.alpha * y)
    return {"y": y + step * z, "z": z}


def lem(cell, p, x, state):
    y, z, H = state["y"], state["z"], cell.hidden_size
    row = [slice(i * H, (i + 1) * H) for i in range(4)]
    d = cell.dt * sigmoid(linear(p, x, y, row[0]))
    e = cell.dt * sigmoid(linear(p, x, y, row[1]))
    z = (1 - d) * z + d * np.tanh(linear(p, x, y, row[2]))
    no_state = {name: value for name, value in p.items() if name != "weight_hh"}
    y = (1 - e) * y + e * np.tanh(linear(no_state, x, None, row[3]) + p["weight_zy"] @ z)
    return {"y": y, "z": z}


def modrelu(a, p):
    return np.sign(a) * np.maximum(np.abs(a) + p["threshold"], 0) if "threshold" in p else a


def exprnn(cell, p, x, state):
    """exp of the normal matrix A by its eigenvectors."""
    values, vectors = np.linalg.eig(skew(p["skew_hh"], cell.hidden_size))
    Q = ((vectors * np.exp(values)) @ np.linalg.inv(vectors)).real
    return {"h": modrelu(Q @ state["h"] + p["weight_ih"] @ x, p)}


def scornn(cell, p, x, state):
    H = cell.hidden_size
    A, one = skew(p["skew_hh"], H), np.eye(H)
    D = np.diag([-1.0 if unit < round(cell.negative * H) else 1.0 for unit in range(H)])
    Q = np.linalg.inv(one + A) @ (one - A) @ D
    return {"h": modrelu(Q @ state["h"] + p["weight_ih"] @ x, p)}


def urnn(cell, p, x, state):
    """Factor by factor on a complex vector."""
    N = cell.hidden_size
    D1, D2, D3 = np.exp(1j * p["phases"]).reshape(3, N)
    re1, im1, re2, im2 = p["reflections"].reshape(4, N)

    def reflect(v, h):
        return h - 2 * v * np.vdot(v, h) / np.vdot(v, v)

    h = state["h"][:N] + 1j * state["h"][N:]
    h = np.fft.fft(D1 * h) / np.sqrt(N)
    h = D2 * reflect(re1 + 1j * im1, h)[cell.permutation]
    h = np.fft.ifft(h) * np.sqrt(N)
    h = D3 * reflect(re2 + 1j * im2, h)
    V = p["weight_ih"][:N] + 1j * p["weight_ih"][N:]
    h = h + V @ x
    if "threshold" in p:
        m = np.sqrt(np.abs(h) ** 2 + 1e-10)
        h = h * np.maximum(m + p["threshold"], 0) / m
    return {"h": np.concatenate((h.real, h.imag))}


PHYSICS = {"CoRNN": cornn, "UnICORNN": unicornn, "LEM": lem, "ExpRNN": exprnn, "ScoRNN": scornn, "URNN": urnn}
