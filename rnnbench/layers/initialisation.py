"""How the parameters of a layer can start, by source, in place of the cell's own way.

Shape suffixes: H hidden size, G rows of a weight (gates times H).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from rnnbench.cells import RNN, Cell
from rnnbench.cells.gated import Gated

Init = Literal["torch", "jozefowicz", "irnn", "keras", "orthogonal", "chrono"]
Params = Mapping[str, Tensor]

_BIASES = ("forget_bias", "t_max")
_ALL = (*_BIASES, "transform_bias", "gate_bias", "input_bias", "output_bias", "init_range", "scale")
#: Options of cells that say how parameters start, which an init of this name would overwrite.
_OVERWRITES = {
    **dict.fromkeys(("torch", "irnn", "keras"), _ALL),
    **dict.fromkeys(("jozefowicz", "chrono"), _BIASES),
    "orthogonal": ("scale",),
}


@torch.no_grad()
def initialise(init: Init | None, cell: Cell, params: Params, t_max: int | None = None) -> None:
    """Change in place parameters that the cell has filled its own way; None changes nothing.

    - ``torch``: all uniform in ±1/sqrt(H), as ``torch.nn``.
    - ``jozefowicz``: the forget gate's bias 1, all else the cell's own (Jozefowicz, Zaremba and Sutskever 2015).
    - ``irnn``: weight_hh the identity, biases 0, weight_ih normal with standard deviation 0.001 (Le, Jaitly and
      Hinton 2015, arXiv:1504.00941).
    - ``keras``: weight_ih uniform in ±sqrt(6 / (G + I)) (Glorot and Bengio 2010), weight_hh with orthonormal
      columns over all gates (Saxe, McClelland and Ganguli 2014), biases 0, the forget gate's 1.
    - ``orthogonal``: every gate's block of weight_hh orthogonal (Saxe et al. 2014), all else the cell's own.
    - ``chrono``: the biases of the gates of memory so that they forget in 1 to t_max steps: log(u) for a gate that
      keeps, -log(u) for one that writes, u uniform in 1..t_max-1, one u a unit; all else the cell's own (Tallec and
      Ollivier 2018, arXiv:1804.11188, section 3).

    Args:
        init: its name.
        cell: the cell.
        params: its parameters by name.
        t_max: longest dependency, in steps, for ``chrono``.

    Raises:
        ValueError: in one line, for another name, or where the cell has not what is to be filled.
    """
    if init is None and t_max is None:
        return
    if init not in (None, *get_args(Init)):
        raise ValueError(f"init={init!r}: must be one of {', '.join(map(repr, get_args(Init)))}")
    if (t_max is None) == (init == "chrono"):
        raise ValueError(f"t_max={t_max}: init='chrono' needs one, the longest dependency in steps; nothing else does")
    starts = {
        "torch": _torch,
        "jozefowicz": _jozefowicz,
        "irnn": _irnn,
        "keras": _keras,
        "orthogonal": _orthogonal,
        "chrono": lambda cell, params: _chrono(cell, params, t_max or 0),
    }
    for option in fields(cell):
        own = getattr(cell, option.name)
        if option.name in _OVERWRITES[str(init)] and own != option.default:
            raise ValueError(f"{option.name}={own}: init={init!r} sets this too: leave one of them out")
    starts[str(init)](cell, params)


def _torch(cell: Cell, params: Params) -> None:
    Cell.reset_parameters(cell, params)


def _jozefowicz(cell: Cell, params: Params) -> None:
    if not _open_forget_gate(cell, params):
        raise ValueError(f"init='jozefowicz': {_name(cell)} has no forget gate that is a sigmoid with a bias")


def _irnn(cell: Cell, params: Params) -> None:
    weight_hh = _recurrent("irnn", cell, params)
    if not isinstance(cell, RNN) or not set(params) <= _STANDARD:
        raise ValueError(f"init='irnn': starts simple recurrent networks, {_name(cell)} is none")
    for parameter in params.values():
        nn.init.zeros_(parameter)
    nn.init.normal_(params["weight_ih"], std=0.001)
    weight_hh.fill_diagonal_(1)


def _keras(cell: Cell, params: Params) -> None:
    weight_hh = _recurrent("keras", cell, params)
    if not set(params) <= _STANDARD:
        more = ", ".join(sorted(set(params) - _STANDARD))
        raise ValueError(f"init='keras': says nothing about {more} of {_name(cell)}")
    bound = math.sqrt(6 / sum(params["weight_ih"].shape))
    nn.init.uniform_(params["weight_ih"], -bound, bound)
    nn.init.orthogonal_(weight_hh)
    for name in {"bias_ih", "bias_hh"} & set(params):
        nn.init.zeros_(params[name])
    _open_forget_gate(cell, params)


def _orthogonal(cell: Cell, params: Params) -> None:
    weight_hh = _recurrent("orthogonal", cell, params)
    if len(weight_hh) % cell.hidden_size:
        raise ValueError(f"init='orthogonal': weight_hh of {_name(cell)} has {len(weight_hh)} rows, not H a gate")
    for block in weight_hh.split(cell.hidden_size):
        nn.init.orthogonal_(block)


def _chrono(cell: Cell, params: Params, t_max: int) -> None:
    if t_max < 3:
        raise ValueError(f"t_max={t_max}: must be at least 3")
    gates = _memory_gates(cell, params)
    if not gates:
        raise ValueError(f"init='chrono': {_name(cell)} has no gate of memory that is a sigmoid with a bias")
    assert isinstance(cell, Gated)
    first = params["bias_ih"]
    log_u_H = torch.empty(cell.hidden_size, dtype=first.dtype, device=first.device).uniform_(1, t_max - 1).log_()
    for gate, sign in gates.items():
        cell.set_gate_bias(params, gate, sign * log_u_H)


_STANDARD = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}


def _name(cell: Cell) -> str:
    return type(cell).__name__


def _recurrent(init: str, cell: Cell, params: Params) -> Tensor:
    """weight_hh, where a cell multiplies by it as it is."""
    if "weight_hh" not in params:
        raise ValueError(f"init={init!r}: {_name(cell)} has no weight_hh")
    with torch.device("cpu"):
        trial = {name: torch.eye(*p.shape) if p.dim() == 2 else torch.ones(p.shape) for name, p in params.items()}
        if cell.prepare(trial).get("weight_hh", trial["weight_hh"]) is not trial["weight_hh"]:
            raise ValueError(f"init={init!r}: {_name(cell)} computes its recurrent matrix from other parameters")
    return params["weight_hh"]


def _memory_gates(cell: Cell, params: Params) -> dict[str, int]:
    """The gates that decide how long the cell remembers, if they have a bias of their own."""
    if not isinstance(cell, Gated) or "bias_ih" not in params:
        return {}
    return {gate: sign for gate, sign in cell.memory_gates.items() if gate in cell.gates}


def _open_forget_gate(cell: Cell, params: Params) -> bool:
    """Start the bias of the forget gate at 1; whether there is one."""
    found = "f" in _memory_gates(cell, params)
    if found:
        assert isinstance(cell, Gated)
        cell.set_gate_bias(params, "f", 1.0)
    return found
