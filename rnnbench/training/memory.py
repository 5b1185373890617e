"""What a run of a group takes, measured on one step before the others are opened."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from rnnbench.data.dataset import Sequences
from rnnbench.training.replica import Replica
from rnnbench.training.replicas import scored_at_once
from rnnbench.training.stacked_data import StackedSequences
from rnnbench.training.stacked_metrics import HELD
from rnnbench.training.stacked_model import InTurn, StackedModel

# Of what a step keeps for its backward pass: with the gradients on their way.
STEP = 1.5
# Of the same, for a batch that is only scored. Measured on an LSTM of 100 units, T 300.
SCORING = 0.5
# Copies of the weights: themselves, gradient, up to three of the optimiser, clean ones, three on the way to an update.
COPIES = 9
# Module, trainer, loggers and metrics of a run, in bytes.
OBJECTS = 3_000_000


def members_within(limit: float, first: Replica, kind: type[StackedModel], shared: bool) -> int:
    """How many runs like ``first`` fit into ``limit`` bytes, at least one.

    Args:
        limit: of memory, for all together.
        first: an opened run.
        kind: how the models of the group will be run.
        shared: whether all runs have the same data.
    """
    once, each = needs(first, kind, shared)
    return max(1, int((limit - once) // each))


def needs(first: Replica, kind: type[StackedModel], shared: bool) -> tuple[float, float]:
    """Bytes that a group takes once, and for each of its runs."""
    weights = sum(p.numel() * p.element_size() for p in first.module.parameters())
    size = next(first.module.parameters()).element_size()
    splits = first.parts.data.splits
    data = sum(_bytes(part) for part in (splits.train, splits.valid, splits.test))
    largest = _largest(first)
    kept = _kept(first, kind, largest)
    longest_N = _steps(splits.valid).sort(descending=True).values
    scored = longest_N[: scored_at_once(first.plan.dataset.eval_batch_size)].sum()
    step = kept * max(STEP, SCORING * float(scored / _steps(splits.train)[largest].sum()))
    each = OBJECTS + COPIES * weights + 3 * HELD * size
    if not shared:
        each += data if kind is InTurn else 2 * data  # once more, joined with the others'
    return (step, each) if kind is InTurn else (0.0, each + step)


def _largest(first: Replica) -> Tensor:
    """The sequences of the largest batch of an epoch."""
    steps_N = _steps(first.parts.data.splits.train)
    return max(first.batches_of_epoch(), key=lambda rows: int(steps_N[rows].sum()))


def _steps(sequences: Sequences) -> Tensor:
    """Of each sequence."""
    if sequences.lengths is not None:
        return sequences.lengths
    assert isinstance(sequences.inputs, Tensor)
    return torch.full((len(sequences),), sequences.inputs.shape[1])


def _kept(first: Replica, kind: type[StackedModel], largest: Tensor) -> int:
    """Bytes that the largest batch of an epoch keeps for the backward pass."""
    plan, module = first.plan, first.module
    dtype = next(module.parameters()).dtype
    data = StackedSequences([first.parts.data.splits.train], plan.dataset.spec.per_step, dtype)
    models: list[Any] = [copy.deepcopy(module.model)]
    model = kind(models, plan.task, plan.dataset.spec.per_step)
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    random = torch.get_rng_state()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        model.train(data, [0], [largest], [0])
    torch.set_rng_state(random)
    return sum(kept.values())


def _bytes(sequences: Sequences) -> int:
    def size(part: Any) -> int:
        tensors = part if isinstance(part, list) else [] if part is None else [part]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    total = sum(size(part) for part in (sequences.inputs, sequences.targets, sequences.mask))
    return total if sequences.lengths is None else 2 * total  # and all in a row
