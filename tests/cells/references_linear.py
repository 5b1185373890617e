"""One step of the linear and parallel cells in numpy: see ``references.py``.

Shape suffixes: none; one sequence at a time, K heads of D units, N states of a feature.
"""

import math

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def share(cell, p, x, blocks, name="ih"):
    """W x + b, cut into its blocks."""
    total = p[f"weight_{name}"] @ x
    if f"bias_{name}" in p:
        total = total + p[f"bias_{name}"]
    return np.split(total, blocks)


def positive(v):
    return np.where(v >= 0, v + 0.5, sigmoid(v))


def min_gru(cell, p, x, state):
    z, v = share(cell, p, x, 2)
    z = sigmoid(z)
    v = positive(v) if cell.recurrence == "log" else v
    return {"h": (1 - z) * state["h"] + z * v}


def min_lstm(cell, p, x, state):
    f, i, v = share(cell, p, x, 3)
    f, i = sigmoid(f), sigmoid(i)
    v = positive(v) if cell.recurrence == "log" else v
    return {"h": f / (f + i) * state["h"] + i / (f + i) * v}


def sru(cell, p, x, state):
    H, c = cell.hidden_size, state["c"]
    W = p["weight_ih"]
    b_f, b_r = np.split(p.get("bias_ih", np.zeros(2 * H)), 2)
    v_f, v_r = np.split(p.get("weight_c", np.zeros(2 * H)), 2)
    f = sigmoid(W[H : 2 * H] @ x + v_f * c + b_f)
    r = sigmoid(W[2 * H : 3 * H] @ x + v_r * c + b_r)
    c = f * c + (1 - f) * (W[:H] @ x)
    skip = x if cell.input_size == H else W[3 * H :] @ x
    g = np.tanh(c) if cell.activation == "tanh" else c
    return {"c": c, "h": r * g + (1 - r) * skip}


def qrnn(cell, p, x, state):
    gates = 1 + len(cell.pooling)
    total = p["weight_ih"] @ x + p["weight_ph"] @ state["p"] + p.get("bias_ih", 0)
    z, f, *more = np.split(total, gates)
    z, f = np.tanh(z), sigmoid(f)
    if cell.pooling == "f":
        return {"h": f * state["h"] + (1 - f) * z, "p": x}
    o = sigmoid(more[0])
    i = sigmoid(more[1]) if cell.pooling == "ifo" else 1 - f
    c = f * state["c"] + i * z
    return {"c": c, "h": o * c, "p": x}


def lru(cell, p, x, state):
    H = cell.hidden_size
    s = state["s"][:H] + 1j * state["s"][H:]
    b = p.get("bias_ih", np.zeros(3 * H))
    B, D = p["weight_ih"][:H] + 1j * p["weight_ih"][H : 2 * H], p["weight_ih"][2 * H :]
    C = p["weight_c"][:, :H] - 1j * p["weight_c"][:, H:]
    eigenvalues = np.exp(-np.exp(p["nu"]) + 1j * np.exp(p["theta"]))
    s = eigenvalues * s + np.exp(p["gamma"]) * (B @ x + b[:H] + 1j * b[H : 2 * H])
    return {"s": np.concatenate((s.real, s.imag)), "y": (C @ s).real + D @ x + b[2 * H :]}


def s4d(cell, p, x, state):
    """Feature by feature, each with its own small diagonal system."""
    H, real = cell.hidden_size, cell.init == "real"
    u = p["weight_ih"] @ x + p.get("bias_ih", 0)
    M = cell.states if real else cell.states // 2

    def modes(vector):
        return vector.reshape(-1, H)[:M] if real else vector.reshape(2, M, H)[0] + 1j * vector.reshape(2, M, H)[1]

    s, C = modes(state["s"]).copy(), modes(p["C"])
    A = -np.exp(p["log_a"]).reshape(M, H) + (0 if real else 1j * p["a_imag"].reshape(M, H))
    v = np.zeros(H)
    for feature in range(H):
        step = math.exp(p["log_dt"][feature])
        for n in range(M):
            discrete = np.exp(step * A[n, feature])
            s[n, feature] = discrete * s[n, feature] + (discrete - 1) / A[n, feature] * u[feature]
        read = (C[:, feature] * s[:, feature]).sum()
        v[feature] = (read if real else 2 * read.real) + p["D"][feature] * u[feature]
    gelu = np.array([a * 0.5 * (1 + math.erf(a / math.sqrt(2))) for a in v])
    parts = (s,) if real else (s.real, s.imag)
    return {"s": np.concatenate([part.ravel() for part in parts]), "y": p["weight_y"] @ gelu + p.get("bias_y", 0)}


def forget(cell, f):
    return np.exp(f) if cell.forget == "exp" else sigmoid(f)


def slstm(cell, p, x, state):
    """Equations 8 to 14, without a stabiliser: c and n are those of the cell times exp(m)."""
    H, D = cell.hidden_size, cell.hidden_size // cell.heads
    R = np.zeros((4 * H, H))
    for row in range(4 * H):
        head = row % H // D
        R[row, head * D : (head + 1) * D] = p["weight_hh"][row]
    i, f, z, o = np.split(p["weight_ih"] @ x + R @ state["h"] + p.get("bias_ih", 0), 4)
    i, f = np.exp(i), forget(cell, f)
    c = f * state["c"] * np.exp(state["m"]) + i * np.tanh(z)
    n = f * state["n"] * np.exp(state["m"]) + i
    m = np.log(np.where(state["n"] == 0, i, np.maximum(f * np.exp(state["m"]), i)))  # an empty memory has no scale
    return {"h": sigmoid(o) * c / n, "c": c / np.exp(m), "n": n / np.exp(m), "m": m}


def mlstm(cell, p, x, state):
    """Equations 19 to 27, without a stabiliser: C and n are those of the cell times exp(m)."""
    H, K = cell.hidden_size, cell.heads
    D = H // K
    total = p["weight_ih"] @ x + p.get("bias_ih", 0)
    q, k, v, o = np.split(total[: 4 * H], 4)
    gate_i, gate_f = np.exp(total[4 * H : 4 * H + K]), forget(cell, total[4 * H + K :])
    new = {"C": [], "n": [], "m": [], "h": []}
    for head in range(K):
        own = slice(head * D, (head + 1) * D)
        scale = np.exp(state["m"][head])
        key = k[own] / math.sqrt(D)
        C = state["C"].reshape(K, D, D)[head] * scale * gate_f[head] + gate_i[head] * np.outer(v[own], key)
        n = state["n"][own] * scale * gate_f[head] + gate_i[head] * key
        now = max(gate_f[head] * scale, gate_i[head])
        new["h"].append(sigmoid(o[own]) * (C @ q[own]) / max(abs(n @ q[own]), 1))
        new["C"].append((C / now).ravel())
        new["n"].append(n / now)
        new["m"].append([math.log(now)])
    return {name: np.concatenate(parts) for name, parts in new.items()}


REFERENCES = {
    "MinGRU": min_gru,
    "MinLSTM": min_lstm,
    "SRU": sru,
    "QRNN": qrnn,
    "LRU": lru,
    "S4D": s4d,
    "SLSTM": slstm,
    "MLSTM": mlstm,
}
