"""Several runs trained as one program: the loop over their epochs and steps.

Every run has its own data order, weights, optimiser state, schedule, gradient norm, clipping, noise, selection and
end; one that ends leaves, and the others go on without it.

Shape suffixes: M runs, P all trainable weights of a run in a row.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

import torch
from torch import Tensor

from rnnbench.data.seeding import derive
from rnnbench.training.callbacks import Interrupted, StopFlag
from rnnbench.training.replica import Replica
from rnnbench.training.stacked_data import StackedSequences
from rnnbench.training.stacked_metrics import StackedMetrics
from rnnbench.training.stacked_model import InTurn, SideBySide, StackedModel, stands_side_by_side
from rnnbench.training.stacked_optimizers import StackedOptimizer

SCORED = 128  # sequences of a run that are scored at once at least: on small batches most time is not arithmetic

Finish = Callable[[Replica, bool], None]


def train_replicas(replicas: Sequence[Replica], stop: StopFlag, finish: Finish) -> None:
    """Train runs that stand at one position to their ends, in one program.

    Args:
        replicas: runs that ``groups`` found alike.
        stop: asked before every step.
        finish: called with each run when it ends, and whether it diverged.

    Raises:
        Interrupted: ``stop`` was set; every run's state is saved.
    """
    going = [replica for replica in replicas if not replica.done]
    for replica in replicas:
        if replica.done:
            finish(replica, False)
    if not going:
        return
    group = _Group(going, finish)
    try:
        while group.replicas:
            group.epoch(stop)
    except Interrupted:
        group.keep_account()
        for replica in group.replicas:
            replica.save()
        raise


def scored_at_once(batch_size: int) -> int:
    """Sequences of a run: whole batches of ``batch_size``."""
    return max(1, SCORED // batch_size) * batch_size


def kind_of(first: Replica) -> type[StackedModel]:
    """How the models of a group like ``first`` are run."""
    splits = first.parts.data.splits
    ragged = splits.train.lengths is not None or splits.valid.lengths is not None
    return SideBySide if stands_side_by_side(first.plan, ragged) else InTurn


class _Group:
    """The runs still in training, and the tensors they share.

    Attributes:
        replicas: the runs.
        rows: for each of them its place among the runs that the group began with, by which data are found.
    """

    def __init__(self, replicas: list[Replica], finish: Finish):
        self.replicas, self.finish = replicas, finish
        self.rows = list(range(len(replicas)))
        plan = replicas[0].plan
        self.per_step, self.task = plan.dataset.spec.per_step, plan.task
        self.limit, self.validate_every = (
            plan.config["debug"]["limit_batches"],
            plan.config["trainer"]["validate_every"],
        )
        self.max_steps = replicas[0].selection.max_steps
        splits = [replica.parts.data.splits for replica in replicas]
        dtype = next(replicas[0].module.parameters()).dtype
        self.train, self.valid = (
            StackedSequences([getattr(own, name) for own in splits], self.per_step, dtype)
            for name in ("train", "valid")
        )
        self.kind = kind_of(replicas[0])
        self.clock = time.perf_counter()
        self._stack()

    def _stack(self) -> None:
        """Put the weights and sums of the runs side by side."""
        modules: list[Any] = [replica.module for replica in self.replicas]
        noise = [m.weight_noise for m in modules]
        judged = [split for split in ("train", "valid") if modules[0].criterion and modules[0].criterion.sees(split)]
        self.model = self.kind([m.model for m in modules], self.task, self.per_step, noise, judged)
        self.optimizer = StackedOptimizer([r.optimizer for r in self.replicas], self.model.weights_MP)
        self.loss_sum_M = torch.stack([m.loss_sum for m in modules])
        self.norm_sum_M = torch.stack([m.grad_norm_sum for m in modules])
        self.steps_M1 = torch.tensor([[float(r.step)] for r in self.replicas], dtype=torch.float64)
        self.train_metrics = StackedMetrics([m.task for m in modules], [m.train_metrics for m in modules])
        like = self.model.weights_MP.detach()
        self.clip_norm_M = _column(like, [m.clip_norm for m in modules])[:, 0]
        self.clip_value_M1 = _column(like, [m.clip_value for m in modules])

    # --- an epoch

    def epoch(self, stop: StopFlag) -> None:
        """Train and validate one epoch; runs that end leave."""
        batches = {row: replica.batches_of_epoch() for row, replica in zip(self.rows, self.replicas)}
        begin = self.replicas[0].batches
        for i in range(begin, len(next(iter(batches.values())))):
            stop.check()
            self._step([batches[row][i] for row in self.rows])
            if not self.replicas:
                return
            if self.replicas[0].step >= self.max_steps:
                break
        self._close_epoch()

    def _close_epoch(self) -> None:
        self.keep_account()
        validated = (self.replicas[0].epoch + 1) % self.validate_every == 0
        if validated:
            self._validate()
        for replica in self.replicas:
            replica.end_epoch(validated)
        self._charge(training=False)
        self._after_epoch()

    def _after_epoch(self) -> None:
        ended = [replica.done for replica in self.replicas]
        if any(ended):
            self._leave(ended, diverged=False)
        else:
            self.optimizer.read()  # schedules have stepped
            modules = [replica.module for replica in self.replicas]
            self.loss_sum_M = torch.stack([m.loss_sum for m in modules])  # which the modules have set to zero
            self.norm_sum_M = torch.stack([m.grad_norm_sum for m in modules])

    def _step(self, indices: Sequence[Tensor]) -> None:
        seeds = [derive(replica.plan.config["seed"], "step", replica.step) for replica in self.replicas]
        found = self.model.train(self.train, self.rows, indices, seeds)
        norm_M = found.grad_MP.norm(dim=1)
        self.norm_sum_M = self.norm_sum_M + norm_M
        self.loss_sum_M = self.loss_sum_M + found.loss_M
        self.train_metrics.add(found.scores)
        self.steps_M1 += 1
        self.optimizer.step(self._clipped(found.grad_MP, norm_M), self.steps_M1)
        errors = found.scores.errors or [[]] * len(indices)
        for replica, rows, own in zip(self.replicas, indices, errors):
            replica.advance(len(rows), own)
        finite_M = self.loss_sum_M.isfinite()
        if not finite_M.all():
            self.export()
            self._leave((~finite_M).tolist(), diverged=True)
        succeeded = [replica.module.succeeded for replica in self.replicas]
        if any(succeeded):
            self._succeed(succeeded)

    def _succeed(self, which: Sequence[bool]) -> None:
        """Runs whose criterion holds end their epoch here, as a group of their own."""
        self.keep_account()
        ahead = copy.copy(self)
        ahead.replicas, ahead.rows = _chosen(self.replicas, which), _chosen(self.rows, which)
        ahead._stack()
        self._keep([not goes for goes in which])
        ahead._close_epoch()
        self.clock = time.perf_counter()

    def _clipped(self, grad_MP: Tensor, norm_M: Tensor) -> Tensor:
        if self.clip_norm_M.isfinite().any():
            part_M = (self.clip_norm_M / (norm_M + 1e-6)).clamp(max=1.0)
            unclipped_M = self.clip_norm_M.isinf()  # whatever the norm: it may have overflown
            grad_MP = grad_MP * torch.where(unclipped_M, 1.0, part_M)[:, None]
        if self.clip_value_M1.isfinite().any():
            grad_MP = grad_MP.clamp(-self.clip_value_M1, self.clip_value_M1)
        return grad_MP

    def _validate(self) -> None:
        modules = [replica.module for replica in self.replicas]
        metrics = StackedMetrics([m.task for m in modules], [m.valid_metrics for m in modules])
        orders = [r.parts.data.val_dataloader().sampler.batches()[: self.limit] for r in self.replicas]
        for some in self._portions(len(orders[0])):
            scores = self.model.score(self.valid, self.rows, [torch.cat(order[some]) for order in orders])
            metrics.add(scores)
            for replica, errors in zip(self.replicas, scores.errors or ()):
                replica.module.valid_errors += errors
        metrics.flush()

    def _portions(self, batches: int) -> list[slice]:
        """Batches of validation that are scored at once."""
        batch_size = self.replicas[0].plan.dataset.eval_batch_size
        size = scored_at_once(batch_size) // batch_size
        return [slice(i, i + size) for i in range(0, batches, size)]

    # --- accounts

    def export(self) -> None:
        """Give each run's own objects what the group keeps for it; weights and optimiser state are views already."""
        self.train_metrics.flush()
        self.optimizer.export([replica.step for replica in self.replicas])
        for m, replica in enumerate(self.replicas):
            module: Any = replica.module
            module.loss_sum.copy_(self.loss_sum_M[m])
            module.grad_norm_sum.copy_(self.norm_sum_M[m])
            module.batches.fill_(replica.batches)

    def keep_account(self) -> None:
        """Give each run's own objects what it has by now, the time of its steps too."""
        self.export()
        self._charge(training=True)

    def _charge(self, training: bool) -> None:
        now = time.perf_counter()
        share = (now - self.clock) / len(self.replicas)
        self.clock = now
        for replica in self.replicas:
            replica.spend(share, training)

    def _leave(self, which: Sequence[bool], diverged: bool) -> None:
        self._charge(training=diverged)
        leaving = _chosen(self.replicas, which)
        for replica in leaving:
            replica.leave()
        self._keep([not goes for goes in which])
        for replica in leaving:
            self.finish(replica, diverged)
        self.clock = time.perf_counter()

    def _keep(self, which: Sequence[bool]) -> None:
        self.replicas, self.rows = _chosen(self.replicas, which), _chosen(self.rows, which)
        if self.replicas:
            self._stack()


def _chosen(items: Sequence[Any], which: Sequence[bool]) -> list[Any]:
    return list(compress(items, which))


def _column(like: Tensor, values: Sequence[Any]) -> Tensor:
    """``(M, 1)``; None is infinity."""
    numbers = [[math.inf if value is None else value] for value in values]
    return torch.tensor(numbers, dtype=torch.float64).to(like)
