"""One step of the GRU family and of the light-weight cells in numpy, from the papers; see ``references.py``."""

import numpy as np

from tests.cells.references_lstm import layer_norm, sigmoid


def part(p, name, k, H):
    """Block k of a stacked parameter; a bias that there is not is 0."""
    return p[name][k * H : (k + 1) * H] if name in p else np.zeros(H)


def linear(p, k, x, H):
    """``W x + b`` of block k."""
    return part(p, "weight_ih", k, H) @ x + part(p, "bias_ih", k, H)


def mgu(gate):
    def step(cell, p, x, state):
        h, H = state["h"], cell.hidden_size
        f = sigmoid(gate(p, x, h, H))
        n = np.tanh(linear(p, len(cell.gates) - 1, x, H) + p["weight_hh"][-H:] @ (f * h))
        return {"h": (1 - f) * h + f * n}

    return step


def mut1(cell, p, x, state):
    h, H = state["h"], cell.hidden_size
    z = sigmoid(part(p, "weight_ih", 0, H) @ x + part(p, "bias_ih", 0, H))
    r = sigmoid(part(p, "weight_ih", 1, H) @ x + part(p, "weight_hh", 0, H) @ h + part(p, "bias_hh", 0, H))
    seen = x if cell.raw_input else part(p, "weight_ih", 2, H) @ x
    n = np.tanh(part(p, "weight_hh", 1, H) @ (r * h) + np.tanh(seen) + part(p, "bias_hh", 1, H))
    return {"h": n * z + h * (1 - z)}


def mut2(cell, p, x, state):
    h, H = state["h"], cell.hidden_size
    z = sigmoid(linear(p, 0, x, H) + part(p, "weight_hh", 0, H) @ h)
    seen = x if cell.raw_input else part(p, "weight_ih", 1, H) @ x
    r = sigmoid(seen + part(p, "weight_hh", 1, H) @ h + part(p, "bias_ih", 1, H))
    W_n = p["weight_ih"][-H:]
    n = np.tanh(part(p, "weight_hh", 2, H) @ (r * h) + W_n @ x + part(p, "bias_ih", 2, H))
    return {"h": n * z + h * (1 - z)}


def mut3(cell, p, x, state):
    h, H = state["h"], cell.hidden_size
    z = sigmoid(linear(p, 0, x, H) + part(p, "weight_hh", 0, H) @ np.tanh(h))
    r = sigmoid(linear(p, 1, x, H) + part(p, "weight_hh", 1, H) @ h)
    n = np.tanh(linear(p, 2, x, H) + part(p, "weight_hh", 2, H) @ (r * h))
    return {"h": n * z + h * (1 - z)}


def ugrnn(cell, p, x, state):
    h, H = state["h"], cell.hidden_size
    n = np.tanh(linear(p, 0, x, H) + part(p, "weight_hh", 0, H) @ h)
    g = sigmoid(linear(p, 1, x, H) + part(p, "weight_hh", 1, H) @ h)
    return {"h": g * h + (1 - g) * n}


def li_gru(cell, p, x, state):
    h, H = state["h"], cell.hidden_size
    z = sigmoid(linear(p, 0, x, H) + part(p, "weight_hh", 0, H) @ h)
    n = np.maximum(linear(p, 1, x, H) + part(p, "weight_hh", 1, H) @ h, 0)
    return {"h": z * h + (1 - z) * n}


def minimal(cell, p, x, state):
    h = state["h"]
    v = np.tanh(linear(p, 0, x, cell.hidden_size))
    u = sigmoid(p["weight_hh"] @ h + p["weight_vh"] @ v + p.get("bias_hh", 0))
    return {"h": u * h + (1 - u) * v}


def layer_norm_gru(cell, p, x, state):
    h, H = state["h"], cell.hidden_size
    W, U = p["weight_ih"], p["weight_hh"]
    gates = layer_norm(U[: 2 * H] @ h, p["gain_hh"]) + layer_norm(W[: 2 * H] @ x, p["gain_ih"], p.get("shift", 0))
    r, z = sigmoid(gates[:H]), sigmoid(gates[H:])
    seen = layer_norm(W[2 * H :] @ x, p["gain_in"], p.get("shift_in", 0))
    n = np.tanh(seen + r * layer_norm(U[2 * H :] @ h, p["gain_hn"], p.get("shift_hn", 0)))
    return {"h": (1 - z) * h + z * n}


def ran(cell, p, x, state):
    h, H = state["h"], cell.hidden_size
    i = sigmoid(linear(p, 0, x, H) + part(p, "weight_hh", 0, H) @ h)
    f = sigmoid(linear(p, 1, x, H) + part(p, "weight_hh", 1, H) @ h)
    c = i * (part(p, "weight_ih", 2, H) @ x) + f * state["c"]
    return {"h": np.tanh(c) if cell.output_map == "tanh" else c, "c": c}


def cfn(cell, p, x, state):
    h, H = state["h"], cell.hidden_size
    t = sigmoid(linear(p, 0, x, H) + part(p, "weight_hh", 0, H) @ h)
    e = sigmoid(linear(p, 1, x, H) + part(p, "weight_hh", 1, H) @ h)
    return {"h": t * np.tanh(h) + e * np.tanh(part(p, "weight_ih", 2, H) @ x)}


def atr(cell, p, x, state):
    h = state["h"]
    a, b = linear(p, 0, x, cell.hidden_size), p["weight_hh"] @ h + p.get("bias_hh", 0)
    return {"h": sigmoid(a + b) * a + sigmoid(a - b) * h}


def light_ru(around):
    def step(cell, p, x, state):
        h, H = state["h"], cell.hidden_size
        f = sigmoid(linear(p, 1, x, H) + p["weight_hh"] @ h)
        return {"h": around((1 - f) * h + f * np.tanh(linear(p, 0, x, H)))}

    return step


def sgu(output):
    def step(cell, p, x, state):
        h, H = state["h"], cell.hidden_size
        g = np.tanh(part(p, "weight_hh", 0, H) @ (linear(p, 0, x, H) * h))
        z = np.clip((linear(p, 1, x, H) + part(p, "weight_hh", 1, H) @ h) / 5 + 0.5, 0, 1)
        return {"h": (1 - z) * h + z * output(p, g * h)}

    return step


def fast_rnn(cell, p, x, state):
    total = linear(p, 0, x, cell.hidden_size) + p["weight_hh"] @ state["h"]
    n = np.tanh(total) if cell.nonlinearity == "tanh" else np.maximum(total, 0)
    return {"h": sigmoid(p["alpha"]) * n + sigmoid(p["beta"]) * state["h"]}


def fast_grnn(cell, p, x, state):
    total = p["weight_ih"] @ x + p["weight_hh"] @ state["h"]
    z, n = sigmoid(total + p.get("bias_z", 0)), np.tanh(total + p.get("bias_n", 0))
    return {"h": (sigmoid(p["zeta"]) * (1 - z) + sigmoid(p["nu"])) * n + z * state["h"]}


def bistable(own):
    def step(cell, p, x, state):
        h, H = state["h"], cell.hidden_size
        own_a, own_c = own(p, h, H)
        a, c = 1 + np.tanh(linear(p, 0, x, H) + own_a), sigmoid(linear(p, 1, x, H) + own_c)
        return {"h": c * h + (1 - c) * np.tanh(linear(p, 2, x, H) + a * h)}

    return step


def t_rnn(cell, p, x, state):
    H = cell.hidden_size
    f = sigmoid(part(p, "weight_ih", 1, H) @ x + p.get("bias_ih", 0))
    return {"h": f * state["h"] + (1 - f) * (part(p, "weight_ih", 0, H) @ x)}


def typed(cell, p, x, state):
    H = cell.hidden_size
    return [linear(p, k, x, H) + part(p, "weight_hh", k, H) @ state["p"] for k in range(3)]


def t_gru(cell, p, x, state):
    z, f, o = typed(cell, p, x, state)
    return {"h": sigmoid(f) * state["h"] + z * np.tanh(o), "p": x}


def t_lstm(cell, p, x, state):
    z, f, o = typed(cell, p, x, state)
    c = sigmoid(f) * state["c"] + (1 - sigmoid(f)) * z
    return {"h": c * np.tanh(o), "c": c, "p": x}


GRU_REFERENCES = {
    "MGU": mgu(lambda p, x, h, H: linear(p, 0, x, H) + part(p, "weight_hh", 0, H) @ h),
    "MGU1": mgu(lambda p, x, h, H: part(p, "weight_hh", 0, H) @ h + p.get("bias_f", 0)),
    "MGU2": mgu(lambda p, x, h, H: part(p, "weight_hh", 0, H) @ h),
    "MGU3": mgu(lambda p, x, h, H: p["bias_f"]),
    "MUT1": mut1,
    "MUT2": mut2,
    "MUT3": mut3,
    "UGRNN": ugrnn,
    "LiGRU": li_gru,
    "MinimalRNN": minimal,
    "LayerNormGRU": layer_norm_gru,
    "RAN": ran,
    "CFN": cfn,
    "ATR": atr,
    "LightRU": light_ru(lambda h: h),
    "STAR": light_ru(np.tanh),
    "SGU": sgu(lambda p, v: np.log1p(np.exp(v))),
    "DSGU": sgu(lambda p, v: sigmoid(p["weight_oh"] @ v)),
    "FastRNN": fast_rnn,
    "FastGRNN": fast_grnn,
    "BRC": bistable(lambda p, h, H: (p["weight_a"] * h, p["weight_c"] * h)),
    "NBRC": bistable(lambda p, h, H: (p["weight_hh"][:H] @ h, p["weight_hh"][H:] @ h)),
    "TRNN": t_rnn,
    "TGRU": t_gru,
    "TLSTM": t_lstm,
}
