"""Optimisers and schedules, checked before a run starts: torch's refuse some values only when they take a step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rnnbench.tasks import Task
from rnnbench.training.check import Problems, locate


def set_plateau(scheduler: dict[str, Any], task: Task) -> None:
    """Tell a schedule that waits for a plateau which way is better; ``min`` is torch's default."""
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    if scheduler["_target_"] is None or locate(scheduler["_target_"]) is not ReduceLROnPlateau:
        return
    mode = task.modes[task.primary]
    if scheduler.get("mode", mode) != mode:
        text = f"{task.primary}, which selects, is better the {'less' if mode == 'min' else 'more'} it is; leave it out"
        raise Problems([f"scheduler.mode={scheduler['mode']}: {text}"])
    if mode == "max":
        scheduler["mode"] = mode


def try_step(optimizer: Callable[..., Any], config: dict[str, Any]) -> None:
    """A step of one weight, because some optimisers meet a bad argument only there."""
    import torch

    from rnnbench.training.devices import on_cpu

    if not on_cpu(config["trainer"]["accelerator"]):
        return
    weight = torch.nn.Parameter(torch.zeros(1, 1, dtype=torch.float64))  # a rate that diverges is a result
    weight.grad = torch.zeros_like(weight)
    try:
        trial = optimizer([weight])
        trial.step()
    except Exception as error:
        text = f"cannot take a step with these values: {' '.join(str(error).split())}"
        raise Problems([f"optimizer ({config['optimizer']['_target_']}): {text}"]) from error
    for group in trial.param_groups:
        if not math.isfinite(rate := float(group.get("lr", 0))):
            raise Problems([f"optimizer.lr={rate:g}: must be finite"])


def try_schedule(schedule: Any, config: dict[str, Any]) -> None:
    """As many steps as there are epochs, because some schedules meet a bad argument only there."""
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    name = f"scheduler ({config['scheduler']['_target_']})"
    try:
        schedule.optimizer.step()
        for epoch in range(config["trainer"]["max_epochs"]):
            for group in schedule.optimizer.param_groups:
                if not 0 <= (rate := float(group["lr"])) < math.inf:
                    raise Problems([f"{name}: gives a rate of {rate:g} in epoch {epoch + 1}; give one of at least 0"])
            schedule.step(*((1.0,) if isinstance(schedule, ReduceLROnPlateau) else ()))
    except (ValueError, TypeError, ArithmeticError) as error:
        text = f"cannot take a step with these values: {error}"
        raise Problems([f"{name}: {text}"]) from error
