"""One run of a group that is trained as one program: everything of it but its training steps.

Its module, selection, logger and trainer are those of a run that is alone. The trainer never runs: it keeps the
counters, and writes the very checkpoint that a run alone would, so that either kind of run goes on from the other's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities import CombinedLoader
from torch import Tensor

from rnnbench.data.dataset import Sequences, Splits
from rnnbench.data.loader import BatchLoader
from rnnbench.records.store import RunDirectory
from rnnbench.training.callbacks import StopFlag
from rnnbench.training.plan import Plan
from rnnbench.training.run import assemble, conclude, open_run


class Replica:
    """A run in a group, between its first step here and its record.

    Args:
        plan: of the run, whose directory the caller has locked.
        splits: its data, when another run of the group has loaded the same.

    Attributes:
        epoch: finished epochs.
        batches: finished steps of the epoch in work.
        step: finished steps.
    """

    def __init__(self, plan: Plan, splits: Splits | None = None):
        self.plan, self.directory = plan, RunDirectory(plan.path)
        self.attempts = open_run(plan, self.directory)
        # a flag that nobody sets: the group saves all its runs before it stops
        self.parts = assemble(plan, self.directory, StopFlag(), splits=splits)
        self.module, self.selection, self.trainer = self.parts.module, self.parts.selection, self.parts.trainer
        self.loader: BatchLoader = self.parts.data.train_dataloader()
        self.optimizer: torch.optim.Optimizer = self.module.configure_optimizers()
        self._attach()
        self.epoch, self.batches, self.step = 0, 0, 0
        if self.parts.resume_from is not None:
            self._resume(self.parts.resume_from)
        self._count()
        self.module.on_fit_start()
        self.module.on_train_start()
        self.selection.on_train_start(self.trainer, self.module)

    def _attach(self) -> None:
        self.module.trainer = self.trainer
        self.trainer.strategy.connect(self.module)
        self.trainer.strategy.optimizers = [self.optimizer]
        self.trainer.fit_loop._combined_loader = CombinedLoader(self.loader)
        # views of the group's tensors would be saved with all that these hold
        self.module.register_state_dict_post_hook(lambda module, state, *_: _own(state))
        self.optimizer.register_state_dict_post_hook(lambda _, state: {**state, "state": _owned(state["state"])})

    def _resume(self, path: Path) -> None:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        self.module.load_state_dict(checkpoint["state_dict"])
        self.module.on_load_checkpoint(checkpoint)
        self.optimizer.load_state_dict(checkpoint["optimizer_states"][0])
        self.selection.load_state_dict(checkpoint["callbacks"][self.selection.state_key])
        loop = checkpoint["loops"]["fit_loop"]
        self.loader.load_state_dict(loop["state_dict"]["combined_loader"][0])
        self.epoch = loop["epoch_progress"]["current"]["processed"]
        seen = loop["epoch_loop.batch_progress"]["current"]["completed"]
        # one that stands at the end of an epoch counts its batches still
        self.batches = 0 if self.epoch > loop["epoch_progress"]["current"]["completed"] else seen
        self.step = checkpoint["global_step"]

    @property
    def done(self) -> bool:
        """Whether there is no more to train."""
        return self.trainer.should_stop or self.epoch >= (self.trainer.max_epochs or 0)

    @property
    def position(self) -> tuple[int, ...]:
        """Runs of a group stand at the same epoch and batch, of as many sequences as long."""
        splits = self.parts.data.splits
        return self.epoch, self.batches, *_extent(splits.train), *_extent(splits.valid)

    def batches_of_epoch(self) -> list[Tensor]:
        """The sequences of every batch of the epoch in work."""
        self.loader.sampler.set_epoch(self.epoch)
        return self.loader.sampler.batches()[: self.plan.config["debug"]["limit_batches"]]

    def _size(self) -> int:
        return min(len(self.loader), self.plan.config["debug"]["limit_batches"] or len(self.loader))

    def _count(self, closing: bool = False, validated: bool = False) -> None:
        """Put into the trainer what Lightning's loops would have counted: at the end of an epoch, or at a new batch."""
        loop, epoch, k, begun = self.trainer.fit_loop, self.epoch, self.batches, int(not closing)
        whole = {"ready": epoch + 1, "started": epoch + 1, "processed": epoch + int(closing), "completed": epoch}
        for progress in (loop.epoch_progress.current, loop.epoch_progress.total):
            vars(progress).update(whole)
        batch = loop.epoch_loop.batch_progress
        optimizer = loop.epoch_loop.automatic_optimization.optim_progress.optimizer
        for which, count in (("current", k), ("total", self.step)):
            for progress in (batch, optimizer.step, optimizer.zero_grad):
                part = getattr(progress, which)
                for name in vars(part):
                    setattr(part, name, count)
            getattr(batch, which).ready += begun
        batch.is_last_batch = batch.current.ready == self._size()
        loop.epoch_loop._batches_that_stepped = self.step
        self._count_validation(validated)

    def _count_validation(self, validated: bool) -> None:
        progress = self.trainer.fit_loop.epoch_loop.val_loop.batch_progress
        ever = validated or any(value is not None for value in self.module.series.get(self.module.monitor, ()))
        batches = len(self.parts.data.val_dataloader()) if ever else 0
        for name in vars(progress.current):
            setattr(progress.current, name, batches)
            setattr(progress.total, name, batches if validated else 0)
        progress.is_last_batch = ever

    def advance(self, sequences: int, errors: list[float]) -> None:
        """Count a step; ``errors`` of its sequences are for the criterion."""
        self.step, self.batches = self.step + 1, self.batches + 1
        self.module.sequences += sequences
        if self.module.criterion is not None:
            self.module.criterion.trained(sequences, errors)

    def end_epoch(self, validated: bool) -> None:
        """Close the epoch, whose batches are all done, as the trainer would: series, schedule, selection, files."""
        if validated:
            self.module.on_validation_epoch_end()
        if self.step >= self.selection.max_steps:
            self.trainer.should_stop = True
        self._count(closing=True, validated=validated)
        self.module.on_train_epoch_end()
        self.selection.on_train_epoch_end(self.trainer, self.module)
        self.epoch, self.batches = self.epoch + 1, 0

    def save(self) -> None:
        """Save where it stands, between two steps."""
        self._count()
        self.selection._save_all(self.trainer)

    def spend(self, seconds: float, training: bool) -> None:
        """Put ``seconds``, its part of what the group has taken, to the run's account."""
        module = self.module
        module.seconds_before, module._started = module.seconds_before + seconds, time.perf_counter()
        module.train_seconds += seconds if training else 0.0

    def leave(self) -> None:
        """Take its weights out of the group's tensors."""
        for p in self.module.parameters():
            p.data = p.detach().clone()

    def finish(self, diverged: bool, memory: int | None, replicas: int) -> dict[str, Any]:
        """Score, and write the record: ``memory`` is its part of its group's bytes, ``replicas`` the group's size."""
        self.spend(0.0, training=False)  # the clock ran while others were scored
        record = conclude(self.plan, self.directory, self.parts, self.attempts, lambda: memory, diverged, replicas)
        self.close()
        self.directory.write_result(record)
        return record

    def close(self) -> None:
        """Let go of the event file."""
        for logger in self.trainer.loggers:
            logger.finalize("success")


def _extent(split: Sequences) -> tuple[int, int]:
    """What a dataset may let the seed decide: sequences, and their steps, 0 where these differ."""
    return len(split), split.inputs.shape[1] if isinstance(split.inputs, Tensor) else 0


def _own(state: dict[str, Any]) -> None:
    for name, value in state.items():
        state[name] = value.clone()


def _owned(state: Mapping[Any, Any]) -> dict[Any, Any]:
    def copy(value: Any) -> Any:
        return value.clone() if isinstance(value, Tensor) else value

    return {key: {name: copy(value) for name, value in own.items()} for key, own in state.items()}
