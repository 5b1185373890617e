"""One step of every cell in numpy, one sequence at a time, gate by gate, straight from the equations.

Nothing is shared with the package but the names and the layout of the parameters. A function takes the cell
(for its options), its parameters, the input ``(I,)`` and the state by name, and returns the new state by name.
"""

import numpy as np

from tests.cells.references_gru import GRU_REFERENCES
from tests.cells.references_linear import REFERENCES as LINEAR_REFERENCES
from tests.cells.references_lstm import LSTM_REFERENCES
from tests.cells.references_physics import PHYSICS
from tests.cells.references_simple import SIMPLE
from tests.cells.references_structured import STRUCTURED


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gate(p, source, index, H):
    """Matrix and bias of one gate; a missing bias is zero."""
    rows = slice(index * H, (index + 1) * H)
    bias = p.get(f"bias_{source}")
    return p[f"weight_{source}"][rows], np.zeros(H) if bias is None else bias[rows]


def lstm(cell, p, x, state):
    h, c, H = state["h"], state["c"], cell.hidden_size
    sums = []
    for index in range(4):
        W_i, b_i = gate(p, "ih", index, H)
        W_h, b_h = gate(p, "hh", index, H)
        sums.append(W_i @ x + b_i + W_h @ h + b_h)
    i, f, g, o = sigmoid(sums[0]), sigmoid(sums[1]), np.tanh(sums[2]), sigmoid(sums[3])
    c = f * c + i * g
    h = o * np.tanh(c)
    return {"h": p["weight_hr"] @ h if cell.proj_size else h, "c": c}


def gru(cell, p, x, state):
    h, H = state["h"], cell.hidden_size
    W_ir, b_ir = gate(p, "ih", 0, H)
    W_iz, b_iz = gate(p, "ih", 1, H)
    W_hr, b_hr = gate(p, "hh", 0, H)
    W_hz, b_hz = gate(p, "hh", 1, H)
    r = sigmoid(W_ir @ x + b_ir + W_hr @ h + b_hr)
    z = sigmoid(W_iz @ x + b_iz + W_hz @ h + b_hz)
    if cell.candidate == "sum":
        n = np.tanh(p["weight_n"] @ (r * h + (1 - r) * x) + p.get("bias_n", 0))
    else:
        W_in, b_in = gate(p, "ih", 2, H)
        W_hn, b_hn = gate(p, "hh", 2, H)
        if cell.reset == "after":
            n = np.tanh(W_in @ x + b_in + r * (W_hn @ h + b_hn))
        else:
            n = np.tanh(W_in @ x + b_in + W_hn @ (r * h) + b_hn)
    return {"h": z * h + (1 - z) * n if cell.update == "keep" else (1 - z) * h + z * n}


def rnn(cell, p, x, state):
    W_i, b_i = gate(p, "ih", 0, cell.hidden_size)
    W_h, b_h = gate(p, "hh", 0, cell.hidden_size)
    total = W_i @ x + b_i + W_h @ state["h"] + b_h
    return {"h": np.tanh(total) if cell.nonlinearity == "tanh" else np.maximum(total, 0)}


REFERENCES = (
    {"LSTM": lstm, "GRU": gru, "RNN": rnn}
    | LSTM_REFERENCES
    | GRU_REFERENCES
    | SIMPLE
    | PHYSICS
    | LINEAR_REFERENCES
    | STRUCTURED
)
