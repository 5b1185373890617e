"""The loop that a researcher would write in an afternoon, doing the work of one run: the yardstick of the framework.

Same data, order of batches, initial weights, loss, clipping, optimiser and number of steps, so it ends with the same
weights to the last bit; the benchmarks check that, or else they would compare different work. It has no metrics
beside the loss, no logging, no checkpoints on disk, no resume and no record.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rnnbench.data.dataset import Sequences
from rnnbench.data.loader import EpochOrder
from rnnbench.data.seeding import derive
from rnnbench.errors import UserError
from rnnbench.models import PARTS, build_model
from rnnbench.training.devices import use_processor
from rnnbench.training.plan import Plan

LOSSES = {"regression": F.mse_loss, "classification": F.cross_entropy}


@dataclass
class Bare:
    """What the loop ends with: its last weights, the loss on validation of each epoch, and that on test."""

    weights: dict[str, Tensor]
    valid: list[float] = field(default_factory=list)
    test: float = math.nan


def train_bare(plan: Plan) -> Bare:
    """Train ``plan`` on the CPU with plain PyTorch; the weights of the best epoch are tested once, at the end.

    Raises:
        UserError: the plan asks for what this loop does not have.
    """
    _check(plan)
    trainer, seed = plan.config["trainer"], plan.config["seed"]
    use_processor(plan.config["threads"])
    splits = plan.dataset.load(derive(seed, "data"))
    spec, loss_of = plan.dataset.spec, LOSSES[plan.task.name]
    model = build_model(plan.backbone, spec, plan.task, [derive(seed, "init", part) for part in PARTS])
    parameters = list(model.parameters())
    optimizer = plan.optimizer(parameters)
    order = EpochOrder(len(splits.train), None, plan.dataset.batch_size, derive(seed, "order"), shuffle=True)
    x_NTI, targets_N = splits.train.inputs, splits.train.targets
    bare = Bare({})
    best, best_weights = math.inf, model.state_dict()
    for epoch in range(trainer["max_epochs"]):
        order.set_epoch(epoch)
        model.train()
        for indices in order.batches()[: plan.config["debug"]["limit_batches"]]:
            loss = loss_of(model(x_NTI[indices]), targets_N[indices])
            optimizer.zero_grad()
            loss.backward()
            if trainer["clip_norm"] is not None:
                nn.utils.clip_grad_norm_(parameters, trainer["clip_norm"])
            optimizer.step()
        bare.valid.append(_mean_loss(model, splits.valid, plan, loss_of))
        if bare.valid[-1] < best:
            best, best_weights = bare.valid[-1], copy.deepcopy(model.state_dict())
    bare.weights = copy.deepcopy(model.state_dict())
    model.load_state_dict(best_weights)
    bare.test = _mean_loss(model, splits.test, plan, loss_of)
    return bare


@torch.no_grad()
def _mean_loss(model: nn.Module, split: Sequences, plan: Plan, loss_of: Any) -> float:
    model.eval()
    total, count, size = 0.0, 0, plan.dataset.eval_batch_size
    for start in list(range(0, len(split), size))[: plan.config["debug"]["limit_batches"]]:
        targets_N = split.targets[start : start + size]
        loss = loss_of(model(split.inputs[start : start + size]), targets_N)
        total, count = total + float(loss) * len(targets_N), count + len(targets_N)
    return total / count


def _check(plan: Plan) -> None:
    """Say in one line what would make the two loops do different work."""
    trainer, defaults = plan.config["trainer"], {"precision": "32", "validate_every": 1, "weight_noise": 0.0}
    unlike = [f"trainer.{k}={trainer[k]}" for k, v in defaults.items() if trainer[k] != v]
    unlike += [f"trainer.{k}={trainer[k]}" for k in ("max_steps", "patience", "clip_value") if trainer[k] is not None]
    if plan.scheduler is not None:
        unlike.append("scheduler")
    if plan.config["init_from"] is not None:
        unlike.append("init_from")
    if plan.task.name not in LOSSES or plan.dataset.spec.per_step or getattr(plan.task, "loss", "softmax") != "softmax":
        unlike.append(f"task={plan.task.name} on {plan.dataset.name}")
    if any(plan.config["model"].get(key) for key in ("dropout",)):
        unlike.append(f"model.dropout={plan.config['model']['dropout']}")
    if unlike:
        raise UserError(f"bench: the bare loop knows no {', '.join(unlike)}: leave that at its default")
