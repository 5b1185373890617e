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
from rnnbench.models import SequenceModel, build_model
from rnnbench.records.store import RunBusy, RunDirectory
from rnnbench.tasks import Task
from rnnbench.training.callbacks import StopFlag
from rnnbench.training.devices import on_cpu
from rnnbench.training.memory import members_within
from rnnbench.training.plan import Plan
from rnnbench.training.provenance import PeakMemory
from rnnbench.training.replica import Replica
from rnnbench.training.replicas import kind_of, train_replicas
from rnnbench.training.stacked_optimizers import why_not_stacked

# What members of a group may differ in, beside their schedules and the numbers of their optimisers.
OWN = ("clip_norm", "clip_value", "weight_noise", "patience", "min_delta", "select")  # of the trainer
RATES = ("dropout", "variational_dropout", "recurrent_dropout", "zoneout", "weight_dropout")  # above 0
START = ("init", "t_max")  # how weights are first drawn
START_OF_CELL = ("forget_bias", "gate_bias", "transform_bias", "scale", "largest")
START_OF_CELL += ("dt_min", "dt_max", "r_min", "r_max", "max_phase")
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
    for key in OWN:
        config["trainer"].pop(key)
    optimizer = config["optimizer"]
    for key in [k for k, v in optimizer.items() if k == "betas" or _is_number(v)]:
        optimizer.pop(key)
    if isinstance(cell := config["model"].get("cell"), dict):
        model = config["model"]
        model |= {key: _drops(model[key]) for key in RATES if key in model}
        for key in START:
            model.pop(key, None)
        if str(cell.get("_target_")).startswith("rnnbench.cells."):  # a user's own may read them at every step
            for key in START_OF_CELL:
                cell.pop(key, None)
    return json.dumps([config, plan.engine, plan.versions], sort_keys=True, default=str)


def _drops(rate: Any) -> Any:
    """Where something is dropped, whatever the rate below 1: at that nothing is drawn, which looks like no rate."""
    if isinstance(rate, dict):
        return {name: _drops(own) for name, own in rate.items()}
    return "everything" if rate == 1 else bool(rate)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def why_alone(plan: Plan) -> str | None:
    """What keeps a run from being trained together with others, in one line; None if nothing does."""
    trainer = plan.config["trainer"]
    if plan.engine == "torch":
        return f"{plan.job.model} is not made of our cells"
    if trainer["precision"] not in ("32", "64"):
        return f"trainer.precision={trainer['precision']}"
    if not on_cpu(trainer["accelerator"]):
        return f"trainer.accelerator={trainer['accelerator']}: groups train on the CPU so far"
    if trainer["devices"] not in (1, "1", "auto") or trainer["strategy"] != "auto":
        return "several devices"
    if plan.config["debug"]["detect_anomaly"]:
        return "debug.detect_anomaly"
    task, spec = plan.task, plan.dataset.spec
    if task.augments:
        return "task.augment"
    if type(task).score is not Task.score or type(task).listen is not Task.listen:
        return f"{task.name} scores sequences as a whole"
    model = build_model(plan.backbone, spec, task, device="meta")
    plain = type(model) is SequenceModel and model.encoder is None and model.attention is None
    if not plain or spec.carries_state or spec.side_size:
        return f"models of {task.name} on {plan.dataset.name} are more than a backbone and a linear head"
    return why_not_stacked(plan.optimizer([nn.Parameter(torch.zeros(1))]))


def run_group(plans: Sequence[Plan], stop: StopFlag, report: Report) -> None:
    """Train runs of one group to their records; each has its own lock, files, failure and end.

    Where ``replicas_max_memory`` does not hold all of them, some wait until others have ended.

    Args:
        plans: one group of ``group_plans``.
        stop: asked before every step.
        report: called with each run at its end: its status, its record, and what went wrong.

    Raises:
        Interrupted: every run's state is saved.
    """
    rest = list(plans)
    while rest:
        rest = _run_some(rest, stop, report)


def _run_some(plans: Sequence[Plan], stop: StopFlag, report: Report) -> list[Plan]:
    """Train as many as fit; those that are left."""
    memory = PeakMemory()
    with ExitStack() as locks:
        replicas, left = _open_some(plans, locks, stop, report)
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
    return left


def _open_some(
    plans: Sequence[Plan], locks: ExitStack, stop: StopFlag, report: Report
) -> tuple[list[Replica], list[Plan]]:
    """The runs that can start, as many as memory allows, each behind its lock; data from files are loaded once."""
    replicas: list[Replica] = []
    most = len(plans)
    for i, plan in enumerate(plans):
        if len(replicas) == most:
            limit = plan.config["replicas_max_memory"]
            print(f"together: {most} at once, within replicas_max_memory={limit} MiB", flush=True)
            return replicas, list(plans[i:])
        stop.check()
        published, shared = bool(plan.dataset.fingerprint()), None  # the seed changes nothing in files
        if published and replicas:
            plan.dataset = replicas[0].plan.dataset  # which has kept what it saw when it was loaded
            shared = replicas[0].parts.data.splits
        replica = _open(plan, shared, locks, report)
        if replica is not None:
            replicas.append(replica)
            if len(replicas) == 1 and len(plans) > 1:
                most = _most_within_memory(replica, published, len(plans))
    return replicas, []


def _most_within_memory(first: Replica, shared: bool, most: int) -> int:
    try:
        return members_within(first.plan.config["replicas_max_memory"] * 2**20, first, kind_of(first), shared)
    except Exception:
        return most  # training fails likewise, and says whose fault it is


def _open(plan: Plan, shared: Splits | None, locks: ExitStack, report: Report) -> Replica | None:
    directory = RunDirectory(plan.path)
    try:
        locks.enter_context(directory.lock())
        if (record := directory.result()) is None:
            return Replica(plan, shared)
        report(plan, record["status"], record, "")
    except RunBusy as busy:
        report(plan, "running", None, str(busy))
    except Exception as error:
        _fail(plan, error, report)
    return None


def _train(replicas: list[Replica], stop: StopFlag, finish: Any, report: Report) -> None:
    ended: list[Replica] = []

    def end(replica: Replica, diverged: bool) -> None:
        ended.append(replica)
        finish(replica, diverged)

    try:
        train_replicas(replicas, stop, end)
    except Exception as error:
        for replica in [replica for replica in replicas if replica not in ended]:
            if len(replicas) == 1:
                _fail(replica.plan, error, report)
            else:
                _go_on_alone(replica, stop, finish, report)
    finally:
        for replica in replicas:
            if replica not in ended:
                replica.close()


def _go_on_alone(replica: Replica, stop: StopFlag, finish: Any, report: Report) -> None:
    """Train a run of a group that has failed from its saved state: the failure may be another's."""
    replica.close()
    try:
        again = Replica(replica.plan, replica.parts.data.splits)
    except Exception as error:
        _fail(replica.plan, error, report)
    else:
        _train([again], stop, finish, report)


def _fail(plan: Plan, error: Exception, report: Report) -> None:
    mistake = isinstance(error, UserError)
    line = str(error) if mistake else f"{type(error).__name__}: {error}"
    text = "".join(traceback.format_exception(error))
    RunDirectory(plan.path).write_failure({"error": line, "mistake": mistake, "traceback": text})
    report(plan, "failed", None, line)
