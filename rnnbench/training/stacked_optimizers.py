"""The optimisers of ``torch.optim`` for many runs at once: element by element, each run with its own numbers.

The formulas are those of torch's single-tensor implementations. State lies in one tensor a kind, of which each run's
own optimiser holds views, so that its ``state_dict`` is what it would be had the run been alone.

Shape suffixes: M runs, P all trainable weights of a run in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Values = dict[str, Tensor]  # one column (M, 1) for each number of an optimiser
Update = Callable[[Tensor, Tensor, Values, Values, Tensor], None]
# What the updates below do not do; torch's defaults.
PLAIN = {"maximize": False, "amsgrad": False, "differentiable": False, "capturable": False}


def _decayed(weights_MP: Tensor, grad_MP: Tensor, v: Values) -> Tensor:
    return grad_MP if not v["weight_decay"].any() else grad_MP + weights_MP * v["weight_decay"]


def _gathered(buffer_MP: Tensor, grad_MP: Tensor, momentum_M1: Tensor) -> Tensor:
    """What moves the weights; torch leaves a buffer as it is while there is no momentum, as a schedule may have it."""
    new_MP = buffer_MP * momentum_M1 + grad_MP
    buffer_MP.copy_(torch.where(momentum_M1 == 0, buffer_MP, new_MP))
    return new_MP


def _sgd(weights_MP: Tensor, grad_MP: Tensor, v: Values, state: Values, steps_M1: Tensor) -> None:
    grad_MP = _decayed(weights_MP, grad_MP, v)
    if v["momentum"].any():
        undamped_M1 = (steps_M1 == 1) | (v["momentum"] == 0)  # torch damps what goes into a buffer that has begun
        part_M1 = torch.where(undamped_M1, 1.0, v["1 - dampening"]).to(grad_MP)
        buffer = _gathered(state["momentum_buffer"], grad_MP * part_M1, v["momentum"])
        ahead = grad_MP + buffer * v["momentum"]
        grad_MP = torch.where(v["nesterov"].bool(), ahead, buffer)
    weights_MP.sub_(grad_MP * v["lr"])


def _rmsprop(weights_MP: Tensor, grad_MP: Tensor, v: Values, state: Values, steps_M1: Tensor) -> None:
    grad_MP = _decayed(weights_MP, grad_MP, v)
    square = state["square_avg"].mul_(v["alpha"]).add_(grad_MP.square() * v["1 - alpha"])
    if "grad_avg" in state:
        mean = state["grad_avg"].lerp_(grad_MP, v["1 - alpha"].expand_as(grad_MP))
        square = square - mean.square()
    update = grad_MP / (square.sqrt() + v["eps"])
    if v["momentum"].any():
        update = _gathered(state["momentum_buffer"], update, v["momentum"])
    weights_MP.sub_(update * v["lr"])


def _adam(weights_MP: Tensor, grad_MP: Tensor, v: Values, state: Values, steps_M1: Tensor) -> None:
    _moments(weights_MP, _decayed(weights_MP, grad_MP, v), v, state, steps_M1)


def _adamw(weights_MP: Tensor, grad_MP: Tensor, v: Values, state: Values, steps_M1: Tensor) -> None:
    weights_MP.mul_(1 - v["lr"] * v["weight_decay"])
    _moments(weights_MP, grad_MP, v, state, steps_M1)


def _moments(weights_MP: Tensor, grad_MP: Tensor, v: Values, state: Values, steps_M1: Tensor) -> None:
    mean = state["exp_avg"].lerp_(grad_MP, v["1 - beta1"].expand_as(grad_MP))
    square = state["exp_avg_sq"].mul_(v["beta2"]).add_(grad_MP.square() * v["1 - beta2"])
    correction1, correction2 = (1 - v[f"{beta}_double"] ** steps_M1 for beta in ("beta1", "beta2"))
    step_M1, root_M1 = (v["lr_double"] / correction1).to(grad_MP), correction2.sqrt().to(grad_MP)
    weights_MP.sub_(mean / (square.sqrt() / root_M1 + v["eps"]) * step_M1)


_UPDATES: dict[type, Update] = {
    torch.optim.SGD: _sgd,
    torch.optim.RMSprop: _rmsprop,
    torch.optim.Adam: _adam,
    torch.optim.AdamW: _adamw,
}


def why_not_stacked(optimizer: torch.optim.Optimizer) -> str | None:
    """What keeps an optimiser from being run for many runs at once; None if nothing does."""
    name = type(optimizer).__name__
    if type(optimizer) not in _UPDATES:
        return f"{name} has no form for replicas"
    group = optimizer.param_groups[0]
    other = [key for key, usual in PLAIN.items() if group.get(key, usual) != usual]
    if type(optimizer) is torch.optim.Adam and group.get("decoupled_weight_decay"):
        other.append("decoupled_weight_decay")
    if len(optimizer.param_groups) > 1 or other:
        return f"{name} has no form for replicas with {', '.join(other) or 'several groups of parameters'}"
    return None


class StackedOptimizer:
    """Steps the optimisers of M runs together.

    Args:
        optimizers: one for each run, all of one class; their ``lr`` and other numbers are read by ``read``, and
            their state, as far as there is any, is where this one starts.
        weights_MP: changed in place.
    """

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer], weights_MP: Tensor):
        self.optimizers, self.weights_MP = list(optimizers), weights_MP
        self.update = _UPDATES[type(optimizers[0])]
        names = [_state_names(optimizer) for optimizer in optimizers]
        kept = sorted({name for own in names for name in own})
        self.state: Values = {name: torch.zeros_like(weights_MP) for name in kept}
        for m, optimizer in enumerate(self.optimizers):
            self._adopt(m, optimizer, names[m])
        self.read()

    def _adopt(self, m: int, optimizer: torch.optim.Optimizer, names: Sequence[str]) -> None:
        """Put a run's state into the common tensors, and views of these into the run's optimiser."""
        if not names:
            return
        start = 0
        for p in optimizer.param_groups[0]["params"]:
            old, new = optimizer.state[p], {}
            for name in names:
                view = self.state[name][m, start : start + p.numel()].view_as(p)
                if old.get(name) is not None:
                    view.copy_(old[name])
                new[name] = view
            optimizer.state[p] = new | {k: v for k, v in old.items() if k == "step"}
            start += p.numel()

    def read(self) -> None:
        """Take the numbers of all runs, which a schedule may have changed, from their optimisers."""
        groups = [optimizer.param_groups[0] for optimizer in self.optimizers]
        numbers: dict[str, list[float]] = {}
        for group in groups:
            betas = group.get("betas", (0.0, 0.0))
            own = {k: v for k, v in group.items() if isinstance(v, (int, float)) or k == "lr"}
            for name, value in {**own, "beta1": betas[0], "beta2": betas[1]}.items():
                numbers.setdefault(name, []).append(float(value))
        double = {name: torch.tensor(v, dtype=torch.float64)[:, None] for name, v in numbers.items()}
        device = self.weights_MP.device
        self.values = {name: v.to(self.weights_MP) for name, v in double.items()}
        for name in double.keys() & {"beta1", "beta2", "alpha", "dampening"}:
            self.values[f"1 - {name}"] = (1 - double[name]).to(self.weights_MP)  # exact before it is rounded
        self.values |= {f"{name}_double": double[name].to(device) for name in ("lr", "beta1", "beta2")}

    def step(self, grad_MP: Tensor, steps_M1: Tensor) -> None:
        """One step of every run, by a gradient that is not written to; ``steps_M1``: how many it makes, float64."""
        with torch.no_grad():
            self.update(self.weights_MP, grad_MP, self.values, self.state, steps_M1)

    def export(self, steps: Sequence[int]) -> None:
        """Tell each run's optimiser how many steps it has made: with its views, all that its ``state_dict`` holds."""
        for optimizer, done in zip(self.optimizers, steps):
            vars(optimizer)["_opt_called"] = True  # or a schedule warns that nothing has been trained
            for p in optimizer.param_groups[0]["params"]:
                if not isinstance(optimizer, torch.optim.SGD):
                    optimizer.state[p]["step"] = torch.tensor(float(done))


def _state_names(optimizer: torch.optim.Optimizer) -> list[str]:
    group = optimizer.param_groups[0]
    begun = any(state.get("momentum_buffer") is not None for state in optimizer.state.values())
    momentum = ["momentum_buffer"] if group.get("momentum") or begun else []
    if isinstance(optimizer, torch.optim.SGD):
        return momentum
    if isinstance(optimizer, torch.optim.RMSprop):
        return ["square_avg", *momentum, *(["grad_avg"] if group["centered"] else [])]
    return ["exp_avg", "exp_avg_sq"]
