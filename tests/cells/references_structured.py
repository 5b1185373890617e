"""References of the cells with a slow part, the highways and the other connections; see references.py."""

import numpy as np


def sigmoid(a):
    return 0.5 + 0.5 * np.tanh(a / 2)


def relu(a):
    return np.maximum(a, 0)


def block(p, name, index, H):
    """Rows of one gate; zeros for a bias that is not there."""
    return p[name][index * H : (index + 1) * H] if name in p else np.zeros(H)


def sums(p, x, h, H, count):
    """W x + b + U h of every gate."""
    return [
        block(p, "weight_ih", k, H) @ x + block(p, "bias_ih", k, H) + block(p, "weight_hh", k, H) @ h
        for k in range(count)
    ]


def scrn(cell, p, x, state):
    h, s, H, C = state["h"], state["s"], cell.hidden_size, len(state["s"])
    B, A = p["weight_ih"][:C], p["weight_ih"][C:]
    R, P = p["weight_hh"][:, :H], p["weight_hh"][:, H:]
    b_s, b_h = np.split(p.get("bias_ih", np.zeros(C + H)), [C])
    alpha = sigmoid(p["context_decay"]) if cell.learned else cell.alpha
    s = (1 - alpha) * (B @ x + b_s) + alpha * s
    h = sigmoid(P @ s + A @ x + b_h + R @ h)
    return {"h": h, "s": s, "y": np.concatenate((h, s))}


def clockwork(cell, p, x, state):
    """Module by module; a fraction of a step does not count."""
    h, t, new, first = state["h"], state["t"], state["h"].copy(), 0
    for i, (period, size) in enumerate(zip(cell.periods, cell.sizes)):
        units = slice(first, first + size)
        if int(np.floor(t[0])) % period == 0:
            bias = p["bias_ih"][units] if "bias_ih" in p else 0
            new[units] = np.tanh(p["weight_ih"][units] @ x + bias + p[f"weight_hh_{i}"] @ h[first:])
        first += size
    assert first == cell.hidden_size
    return {"h": new, "t": (t + 1) % np.lcm.reduce(cell.periods)}


def taugru(cell, p, x, state):
    h, H = state["h"], cell.hidden_size
    history = [*np.split(state["past"], cell.delay), h]  # h[-delay], ..., h[-1], h
    _, u, g, a = sums(p, x, h, H, 4)
    z = np.tanh(sums(p, x, history[0], H, 1)[0])
    h = (1 - sigmoid(g)) * h + sigmoid(g) * (np.tanh(u) + sigmoid(a) * z)
    return {"h": h, "past": np.concatenate(history[1:])}


def rhn(cell, p, x, state):
    H, s = cell.hidden_size, state["h"]
    gates = 2 if cell.coupled else 3
    for layer in range(cell.depth):
        a = []
        for k in range(gates):
            row = layer * gates + k
            a.append(block(p, "weight_hh", row, H) @ s + block(p, "bias_hh", row, H))
            if layer == 0:
                a[k] = a[k] + block(p, "weight_ih", k, H) @ x
        t = sigmoid(a[1])
        s = np.tanh(a[0]) * t + s * (1 - t if cell.coupled else sigmoid(a[2]))
    return {"h": s}


def intersection(cell, p, x, state):
    h = state["h"]
    n, m, gate_y, gate_h = sums(p, x, h, cell.hidden_size, 4)
    gate_y, gate_h = sigmoid(gate_y), sigmoid(gate_h)
    return {"y": gate_y * x + (1 - gate_y) * relu(n), "h": gate_h * h + (1 - gate_h) * np.tanh(m)}


def sgrn(cell, p, x, state):
    h = state["h"]
    candidate = p["weight_ih"] @ x + p.get("bias_ih", 0)
    f = sigmoid(candidate + p["weight_hh"] @ h)
    return {"h": np.tanh((1 - f) * candidate + f * h)}


def integrated(p, x, h):
    Wx, Uh = p["weight_ih"] @ x, p["weight_hh"] @ h
    return p["alpha"] * Wx * Uh + p["beta_h"] * Uh + p["beta_x"] * Wx + p.get("bias_mi", 0)


def mirnn(cell, p, x, state):
    return {"h": np.tanh(integrated(p, x, state["h"]))}


def milstm(cell, p, x, state):
    i, f, g, o = np.split(integrated(p, x, state["h"]), 4)
    c = sigmoid(f) * state["c"] + sigmoid(i) * np.tanh(g)
    return {"h": sigmoid(o) * np.tanh(c), "c": c}


def wmclstm(cell, p, x, state):
    h, c, H = state["h"], state["c"], cell.hidden_size
    i, f, g, o = sums(p, x, h, H, 4)
    W_ci, W_cf, W_co = np.split(p["weight_ch"], 3)
    i, f = sigmoid(i + np.tanh(W_ci @ c)), sigmoid(f + np.tanh(W_cf @ c))
    c = f * c + i * np.tanh(g)
    return {"h": sigmoid(o + np.tanh(W_co @ c)) * np.tanh(c), "c": c}


def nas(cell, p, x, state):
    """Layer by layer of the tree in the authors' code."""
    X = np.split(p["weight_ih"] @ x, 8)
    M = np.split(p["weight_hh"] @ state["h"] + p.get("bias_hh", 0), 8)
    first = [sigmoid, relu, sigmoid, relu, np.tanh, sigmoid, np.tanh, sigmoid]
    leaf = [f(X[k] * M[k] if k == 3 else X[k] + M[k]) for k, f in enumerate(first)]
    second = [np.tanh(leaf[0] * leaf[1]), np.tanh(leaf[2] + leaf[3])]
    second += [np.tanh(leaf[4] * leaf[5]), sigmoid(leaf[6] + leaf[7])]
    c = np.tanh(second[0] + state["c"]) * second[1]
    return {"h": np.tanh(c * np.tanh(second[2] + second[3])), "c": c}


STRUCTURED = {
    "SCRN": scrn,
    "ClockworkRNN": clockwork,
    "TauGRU": taugru,
    "RHN": rhn,
    "IntersectionRNN": intersection,
    "SGRN": sgrn,
    "MIRNN": mirnn,
    "MILSTM": milstm,
    "WMCLSTM": wmclstm,
    "NAS": nas,
}
