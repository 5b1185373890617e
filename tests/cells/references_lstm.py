"""One step of the LSTM family in numpy, from the equations of the papers; see ``references.py``."""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def sums(p, x, h, H, names, bias=True):
    """``W_x x + W_h h + b`` of every gate by name."""
    found = {}
    for k, name in enumerate(names):
        rows = slice(k * H, (k + 1) * H)
        found[name] = p["weight_ih"][rows] @ x + p["weight_hh"][rows] @ h
        if bias and "bias_ih" in p:
            found[name] = found[name] + p["bias_ih"][rows]
    return found


def original(cell, p, x, state):
    h, c = state["h"], state["c"]
    a = sums(p, x, h, cell.hidden_size, "igo")
    if cell.gates_seen:
        for name, seen in zip("igo", np.split(p["weight_qh"] @ state["q"], 3)):
            a[name] = a[name] + seen
    i, o = sigmoid(a["i"]), sigmoid(a["o"])
    gates = {"q": np.concatenate([i, o])} if cell.gates_seen else {}
    if cell.squash == "paper":
        c = c + i * (4 / (1 + np.exp(-a["g"])) - 2)
        return {"h": o * (2 / (1 + np.exp(-c)) - 1), "c": c, **gates}
    c = c + i * np.tanh(a["g"])
    return {"h": o * np.tanh(c), "c": c, **gates}


def vanilla(names, peepholes, input_gate=None, forget_gate=None, output_gate=None, g_of=np.tanh, m_of=np.tanh):
    """Greff et al. 2017, section 2, with one thing changed: a gate that is given as a function is not computed."""

    def step(cell, p, x, state):
        h, c = state["h"], state["c"]
        a = sums(p, x, h, cell.hidden_size, names)
        for name in peepholes.replace("o", ""):
            a[name] = a[name] + p[f"weight_c{name}"] * c
        i = input_gate() if input_gate else sigmoid(a["i"])
        f = forget_gate(i) if forget_gate else sigmoid(a["f"])
        c = f * c + i * g_of(a["g"])
        if "o" in peepholes:
            a["o"] = a["o"] + p["weight_co"] * c
        o = output_gate() if output_gate else sigmoid(a["o"])
        return {"h": o * m_of(c), "c": c}

    return step


def full_gate_recurrence(cell, p, x, state):
    h, c, H = state["h"], state["c"], cell.hidden_size
    a = sums(p, x, h, H, "ifgo")
    old = np.split(state["q"], 3)
    for k, name in enumerate("ifo"):
        for j in range(3):
            a[name] = a[name] + p["weight_qq"][k * H : (k + 1) * H, j * H : (j + 1) * H] @ old[j]
    i, f = sigmoid(a["i"] + p["weight_ci"] * c), sigmoid(a["f"] + p["weight_cf"] * c)
    c = f * c + i * np.tanh(a["g"])
    o = sigmoid(a["o"] + p["weight_co"] * c)
    return {"h": o * np.tanh(c), "c": c, "q": np.concatenate([i, f, o])}


def layer_norm(v, gain, shift=0.0):
    return gain * (v - v.mean()) / np.sqrt(v.var() + 1e-5) + shift


def layer_norm_lstm(cell, p, x, state):
    a = layer_norm(p["weight_hh"] @ state["h"], p["gain_hh"]) + layer_norm(p["weight_ih"] @ x, p["gain_ih"])
    i, f, g, o = np.split(a + p.get("shift", 0), 4)
    c = sigmoid(f) * state["c"] + sigmoid(i) * np.tanh(g)
    return {"h": sigmoid(o) * np.tanh(layer_norm(c, p["gain_c"], p.get("shift_c", 0))), "c": c}


def janet(cell, p, x, state):
    h = state["h"]
    a = sums(p, x, h, cell.hidden_size, "fg")
    return {"h": sigmoid(a["f"]) * h + (1 - sigmoid(a["f"] - cell.beta)) * np.tanh(a["g"])}


def multiplicative(cell, p, x, state):
    h, c, H = state["h"], state["c"], cell.hidden_size
    m = (p["weight_ih"][:H] @ x) * (p["weight_hh"] @ h)
    rest = {"weight_ih": p["weight_ih"][H:], "weight_hh": p["weight_mh"]} | (
        {"bias_ih": p["bias_ih"]} if cell.bias else {}
    )
    a = sums(rest, x, m, H, "ifgo")
    c = sigmoid(a["f"]) * c + sigmoid(a["i"]) * np.tanh(a["g"])
    return {"h": np.tanh(c) * sigmoid(a["o"]), "c": c}


def mogrifier(cell, p, x, state):
    h, c = state["h"], state["c"]
    for k in range(1, cell.rounds + 1):
        if k % 2:
            x = 2 * sigmoid(p[f"weight_q{k}"] @ h) * x
        else:
            h = 2 * sigmoid(p[f"weight_r{k}"] @ x) * h
    a = sums(p, x, h, cell.hidden_size, "ifgo")
    c = sigmoid(a["f"]) * c + sigmoid(a["i"]) * np.tanh(a["g"])
    return {"h": sigmoid(a["o"]) * np.tanh(c), "c": c}


def residual(cell, p, x, state):
    c, H = state["c"], cell.hidden_size
    a = sums(p, x, state["h"], H, "ifgo")
    i, f = sigmoid(a["i"] + p["weight_ci"] * c), sigmoid(a["f"] + p["weight_cf"] * c)
    c = f * c + i * np.tanh(a["g"])
    o = sigmoid(a["o"] + p["weight_co"] * c)
    return {"h": o * (p["weight_p"] @ np.tanh(c) + p["weight_ih"][4 * H :] @ x), "c": c}


def one(*_):
    return 1.0


def linear(v):
    return v


LSTM_REFERENCES = {
    "OriginalLSTM": original,
    "TruncatedLSTM": original,
    "PeepholeLSTM": vanilla("ifgo", "ifo"),
    "LSTMNIG": vanilla("fgo", "fo", input_gate=one),
    "LSTMNFG": vanilla("igo", "io", forget_gate=one),
    "LSTMNOG": vanilla("ifg", "if", output_gate=one),
    "LSTMNIAF": vanilla("ifgo", "ifo", g_of=linear),
    "LSTMNOAF": vanilla("ifgo", "ifo", m_of=linear),
    "LSTMCIFG": vanilla("igo", "io", forget_gate=lambda i: 1 - i),
    "LSTMNP": vanilla("ifgo", ""),
    "LSTMFGR": full_gate_recurrence,
    "LSTMf": vanilla("igo", "", forget_gate=one),
    "LSTMi": vanilla("fgo", "", input_gate=one),
    "LSTMo": vanilla("ifg", "", output_gate=one),
    "LayerNormLSTM": layer_norm_lstm,
    "JANET": janet,
    "MultiplicativeLSTM": multiplicative,
    "MogrifierLSTM": mogrifier,
    "ResidualLSTM": residual,
}
