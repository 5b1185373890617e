"""Which runs of a sweep may be trained as one program, and training such a group to its records."""

from __future__ import annotations

import copy
import json
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from rnnbench.data.dataset import Splits
from rnnbench.errors import UserError
from rnnbench.records.store import RunBusy, RunDirectory
from rnnbench.training.callbacks import StopFlag
from rnnbench.training.plan import Plan
from rnnbench.training.provenance import PeakMemory
from rnnbench.training.replica import Replica
from rnnbench.training.replicas import train_replicas
from rnnbench.training.stacked_optimizers import why_not_stacked

# What members of a group may differ in, beside their schedules and the numbers of their optimisers.
OWN = {"trainer": ("clip_norm", "clip_value", "weight_noise", "patience", "min_delta", "select")}
OWN_OF_CELL = ("forget_bias",)  # read when weights are first drawn, and never again
LARGEST = 32  # runs that `auto` puts into one group

Report = Callable[[Plan, str, "dict[str, Any] | None", str], None]


def group_plans(
    plans: Sequence[Plan], replicas: Any, workers: int = 1
) -> tuple[list[list[Plan]], dict[str, list[Plan]]]:
    """Sort runs into groups of one or more, in the order of their first members.

    Args:
        plans: runs without a result.
        replicas: ``auto``, ``off`` or the most runs of a group.
        workers: processes that share the groups.

    Returns:
        The groups, and for each reason to be alone the runs that have it.
    """
    if replicas in ("off", False):
        return [[plan] for plan in plans], {}
    found: dict[str, list[Plan]] = {}
    for plan in plans:
        found.setdefault(_shape(plan), []).append(plan)
    groups, alone = [], {}
    for alike in found.values():
        reason = why_alone(alike[0]) if len(alike) > 1 else None
        if reason is not None:
            alone.setdefault(reason, []).extend(alike)
        most = 1 if reason is not None else min(_most(replicas), -(-len(alike) // workers))
        groups += [alike[i : i + most] for i in range(0, len(alike), most)]
    return groups, alone


def _most(replicas: Any) -> int:
    return replicas if isinstance(replicas, int) else LARGEST


def _shape(plan: Plan) -> str:
    """What must be equal in a group."""
    config = copy.deepcopy({k: v for k, v in plan.config.items() if k not in ("seed", "scheduler", "budget")})
    for group, keys in OWN.items():
        for key in keys:
            config[group].pop(key)
    optimizer = config["optimizer"]
    for key in [k for k, v in optimizer.items() if k == "betas" or _is_number(v)]:
        optimizer.pop(key)
    cell = config["model"].get("cell")
    for key in OWN_OF_CELL:
        if isinstance(cell, dict):
            cell.pop(key, None)
    return json.dumps([config, plan.engine, plan.versions], sort_keys=True, default=str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def why_alone(plan: Plan) -> str | None:
    """What keeps a run from being trained together with others, in one line; None if nothing does."""
    trainer = plan.config["trainer"]
    if plan.engine == "torch":
        return f"{plan.job.model} is not made of our cells"
    if trainer["precision"] not in ("32", "64"):
        return f"trainer.precision={trainer['precision']}"
    if trainer["accelerator"] != "cpu" and (trainer["accelerator"] != "auto" or torch.cuda.is_available()):
        return f"trainer.accelerator={trainer['accelerator']}: groups train on the CPU so far"
    if trainer["devices"] not in (1, "1", "auto") or trainer["strategy"] != "auto":
        return "several devices"
    if plan.config["debug"]["detect_anomaly"]:
        return "debug.detect_anomaly"
    return why_not_stacked(plan.optimizer([nn.Parameter(torch.zeros(1))]))


def run_group(plans: Sequence[Plan], stop: StopFlag, report: Report) -> None:
    """Train runs of one group to their records; each has its own lock, files, failure and end.

    Args:
        plans: one group of ``group_plans``.
        stop: asked before every step.
        report: called with each run at its end: its status, its record, and what went wrong.

    Raises:
        Interrupted: every run's state is saved.
    """
    memory = PeakMemory()
    with ExitStack() as locks:
        replicas = _open(plans, locks, stop, report)
        share = max(len(replicas), 1)

        def finish(replica: Replica, diverged: bool) -> None:
            peak = memory.bytes()
            try:
                record = replica.finish(diverged, None if peak is None else peak // share, share)
            except Exception as error:
                _fail(replica.plan, error, report)
            else:
                report(replica.plan, record["status"], record, "")

        for position in sorted({replica.position for replica in replicas}):
            together = [replica for replica in replicas if replica.position == position]
            _train(together, stop, finish, report)


def _train(replicas: list[Replica], stop: StopFlag, finish: Any, report: Report) -> None:
    ended: list[Replica] = []

    def end(replica: Replica, diverged: bool) -> None:
        ended.append(replica)
        finish(replica, diverged)

    try:
        train_replicas(replicas, stop, end)
    except Exception as error:
        for replica in replicas:
            if replica not in ended:
                _fail(replica.plan, error, report)
    finally:
        for replica in replicas:
            if replica not in ended:
                replica.close()


def _open(plans: Sequence[Plan], locks: ExitStack, stop: StopFlag, report: Report) -> list[Replica]:
    """The runs that can start, each behind its lock; data from files are loaded once."""
    replicas: list[Replica] = []
    shared: Splits | None = None
    for plan in plans:
        directory = RunDirectory(plan.path)
        stop.check()
        try:
            locks.enter_context(directory.lock())
            record = directory.result()
            if record is not None:
                report(plan, record["status"], record, "")
                continue
            replica = Replica(plan, shared)
        except RunBusy as busy:
            report(plan, "running", None, str(busy))
            continue
        except Exception as error:
            _fail(plan, error, report)
            continue
        if plan.dataset.fingerprint():  # published files: the seed changes nothing in them
            shared = replica.parts.data.splits
        replicas.append(replica)
    return replicas


def _fail(plan: Plan, error: Exception, report: Report) -> None:
    mistake = isinstance(error, UserError)
    line = str(error) if mistake else f"{type(error).__name__}: {error}"
    text = "".join(traceback.format_exception(error))
    RunDirectory(plan.path).write_failure({"error": line, "mistake": mistake, "traceback": text})
    report(plan, "failed", None, line)
