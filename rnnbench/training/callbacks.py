"""What a run adds to Lightning: exact resume, which weights count, and an end that loses nothing."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint

from rnnbench.data.seeding import derive


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM arrived; the run's state is saved and the same command goes on from there."""


class StopFlag:
    """Set by the first SIGINT or SIGTERM; a second one acts as it would without us."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._told: Path | None = None
        self._asked: Path | None = None
        self._numbers: tuple[int, ...] = ()

    @contextmanager
    def listening(self, tell: Path | None = None) -> Iterator[StopFlag]:
        """Install the handlers, where this thread may, and put the old ones back.

        Args:
            tell: a file that exists from the signal to the end, by which other processes know. Not a signal to them:
                one that is just starting would die of it, and joblib would then kill those that are saving.
        """
        self.signal, self._told, self._asked = None, tell, None
        before = self._install((signal.SIGINT, signal.SIGTERM))
        try:
            yield self
        finally:
            self._numbers = ()
            for number, handler in before.items():
                signal.signal(number, handler)
            if tell is not None:
                tell.unlink(missing_ok=True)

    def obey(self, ask: Path) -> None:
        """In a worker: stop when the file ``ask`` is there. Ctrl-C, which reaches the parent too, is for the parent."""
        self.signal, self._asked = None, ask
        if self._install((signal.SIGTERM,)):
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def reclaim(self) -> None:
        """Take the handlers back from Lightning, whose own also stops in the middle of a validation."""
        self._install(self._numbers)

    def _install(self, numbers: tuple[int, ...]) -> dict[int, Any]:
        try:
            before = {n: signal.signal(n, self._note) for n in numbers}
        except ValueError:  # only the main thread may; elsewhere the process's own handlers stay
            return {}
        self._numbers = numbers
        return before

    def _note(self, number: int, frame: Any) -> None:
        if self.signal is not None:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            signal.raise_signal(number)
        self.signal = number
        if self._told is not None:
            self._told.touch()

    def check(self) -> None:
        """Raise :class:`Interrupted` once the flag is set."""
        if self.signal is None and self._asked is not None and self._asked.exists():
            self.signal = signal.SIGTERM
        if self.signal is not None:
            raise Interrupted(signal.Signals(self.signal).name)

    def seen(self, epoch: int, value: float) -> None:
        """Told the validation value that selects, after each epoch that has one; may raise :class:`Interrupted`."""


class ExactResume(Callback):
    """Makes a resumed run equal the uninterrupted one, bit for bit on the same machine and thread count.

    Lightning restarts an epoch's loader at its first batch and keeps no generator state. Here order depends on (seed,
    epoch) alone, batches already seen are skipped, and randomness inside a step is seeded by the step's number.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Skip what the interrupted epoch has already seen."""
        loader: Any = trainer.train_dataloader
        seen = trainer.fit_loop.epoch_loop.batch_progress.current.completed  # `ready` counts one that had begun
        loader.skip = seen if seen < trainer.num_training_batches else 0  # a whole epoch: the next one begins

    def on_train_batch_start(self, trainer: L.Trainer, module: L.LightningModule, batch: Any, batch_idx: int) -> None:
        """Seed dropout and noise of this step."""
        reseed(derive(self.seed, "step", trainer.global_step), module.device.type)


def reseed(seed: int, device: str) -> None:
    """``torch.manual_seed`` for the CPU and the kind of device in use.

    torch's own also keeps a call, with a formatted stack trace, for each kind of device not in use: 1 ms a step.
    """
    torch.default_generator.manual_seed(seed)
    if device == "cuda":
        torch.cuda.manual_seed_all(seed)
    elif device == "mps":
        torch.mps.manual_seed(seed)


class Selection(Checkpoint):
    """Saves the state to resume from and the weights that will be tested, and stops when patience is over.

    Args:
        folder: where ``last.ckpt`` (everything) and ``selected.ckpt`` (weights) go.
        rule: ``best`` on validation, or ``last``.
        monitor: the series of the validation metric; ``mode`` says whether less (``min``) or more (``max``) is better.
        patience: evaluations without an improvement of more than ``min_delta`` before training stops; None: never.
        every: epochs between saved states.
        max_steps: training stops here, inside an epoch too, and is validated; None: no limit. Not Lightning's own
            ``max_steps``, with which it takes a state saved at the end of an epoch for one inside it.
        stop: asked before every step.
    """

    def __init__(
        self,
        folder: Path,
        rule: str,
        monitor: str,
        mode: str,
        patience: int | None,
        min_delta: float,
        every: int,
        max_steps: int | None,
        stop: StopFlag,
    ):
        self.folder, self.rule, self.monitor, self.sign = folder, rule, monitor, 1 if mode == "min" else -1
        self.patience, self.min_delta, self.every, self.stop = patience, min_delta, every, stop
        self.max_steps = math.inf if max_steps is None else max_steps
        self.state: dict[str, Any] = {"best": None, "patient_best": None, "epoch": 0, "step": 0, "waited": 0}

    def on_train_start(self, trainer: L.Trainer, module: Any) -> None:
        """A run that had no more to train when it was cut off trains no further."""
        self.stop.reclaim()
        trainer.should_stop = self._out_of_patience() or trainer.global_step >= self.max_steps or module.succeeded

    def on_train_batch_start(self, trainer: L.Trainer, module: L.LightningModule, batch: Any, batch_idx: int) -> None:
        """The one place inside an epoch where a run may be interrupted: between two steps."""
        self.stop.check()

    def on_train_batch_end(self, trainer: L.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Stop at ``max_steps`` and at success; Lightning then validates before it ends the epoch."""
        if trainer.global_step >= self.max_steps or module.succeeded:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: L.Trainer, module: Any) -> None:
        """Judge the epoch by the point that the module has just closed, then save."""
        value = module.series.get(self.monitor, [None])[-1]  # None: an epoch without validation
        better = value is not None and self._judge(value, trainer)
        early = module.succeeded and self.state["best"] is None  # before there was anything to choose by
        if self.rule == "last" or better or early:
            if self.rule == "last" or early:
                self.state |= {"epoch": trainer.current_epoch + 1, "step": trainer.global_step}
            self._save_weights(trainer)
        trainer.should_stop = trainer.should_stop or self._out_of_patience() or module.succeeded
        last = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        stopped = self.stop.signal is not None and trainer.world_size == 1
        if last or stopped or (trainer.current_epoch + 1) % self.every == 0:
            self._save_all(trainer)
        self.stop.check()
        if value is not None:
            self.stop.seen(trainer.current_epoch + 1, value)

    def on_exception(self, trainer: L.Trainer, module: L.LightningModule, exception: BaseException) -> None:
        """An interrupted epoch is saved where it stands.

        Not with several processes, whose steps are not at rest together: these go on from the last saved epoch.
        """
        if isinstance(exception, Interrupted) and trainer.world_size == 1:
            self._save_all(trainer)

    def _save_all(self, trainer: L.Trainer) -> None:
        # Lightning writes to the system's temporary folder and moves, which between two disks is a copy that can tear
        temporary = self.folder / ".last.ckpt.tmp"
        trainer.save_checkpoint(temporary)
        if trainer.is_global_zero:
            os.replace(temporary, self.folder / "last.ckpt")

    def _save_weights(self, trainer: L.Trainer) -> None:
        # not Lightning's weights_only, which keeps the series and the state of its loops too
        state = trainer.strategy.lightning_module_state_dict()  # in every process: a strategy may gather it from all
        if trainer.is_global_zero:
            temporary = self.folder / ".selected.ckpt.tmp"
            torch.save({"state_dict": {k: v for k, v in state.items() if k.startswith("model.")}}, temporary)
            os.replace(temporary, self.folder / "selected.ckpt")

    def _judge(self, value: float, trainer: L.Trainer) -> bool:
        cost = self.sign * value if math.isfinite(value) else math.inf
        patient = self.state["patient_best"]
        if patient is None or cost < patient - self.min_delta:
            self.state |= {"patient_best": cost, "waited": 0}
        else:
            self.state["waited"] += 1
        if self.state["best"] is not None and cost >= self.state["best"]:
            return False
        self.state["best"] = cost
        if self.rule == "best":
            self.state |= {"epoch": trainer.current_epoch + 1, "step": trainer.global_step}
        return True

    def _out_of_patience(self) -> bool:
        return self.patience is not None and self.state["waited"] >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """Kept in ``last.ckpt``."""
        return dict(self.state)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Taken back on resume."""
        self.state = dict(state_dict)
