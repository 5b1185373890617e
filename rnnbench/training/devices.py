"""Several processes for one run: this one leads, and starts the others itself.

Lightning's launcher would start the command line once more, which under a sweep, a paper or a notebook is not this run.
So the processes are started here, each for the run's own directory, and Lightning finds them in the environment as it
finds those of torchrun. Everything else is the strategy that the configuration names.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

import lightning as L
import torch
import torch.distributed
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from lightning.pytorch.strategies.launchers import _MultiProcessingLauncher, _SubprocessScriptLauncher

PATIENCE = 20.0  # seconds that a follower has to end by itself after the leader


def quiet() -> None:
    """Silence what Lightning and torch say at every start; errors and our own lines remain."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning.*")
    warnings.filterwarnings("ignore", message=".*ended before the epoch ended and your dataloader is.*")


def use_processor(threads: int) -> None:
    """Set what training does on the CPU: its threads, and that numbers too small for a whole float are 0.

    Gradients that vanish over many steps come to such numbers, and arithmetic on them takes ten times as long.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def on_cpu(accelerator: str) -> bool:
    """Whether Lightning will run on the CPU with this ``trainer.accelerator``."""
    return accelerator == "cpu" or (accelerator == "auto" and not torch.accelerator.is_available())


@cache
def device_problem(
    accelerator: str, devices: int | str | tuple[int, ...], strategy: str, batch_size: int
) -> str | None:
    """Why Lightning cannot have these devices here, in a line that begins with the key; None when it can.

    Args:
        accelerator: as configured.
        devices: as configured, a list as a tuple.
        strategy: as configured.
        batch_size: sequences of a batch, of which every process needs one.
    """
    quiet()
    try:
        trainer = L.Trainer(
            accelerator=accelerator,
            devices=list(devices) if isinstance(devices, tuple) else devices,
            strategy=strategy,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
    except Exception as error:  # Lightning has a dozen types for these
        reason = " ".join(str(error).split())[:200]
        return f"trainer.accelerator={accelerator} trainer.devices={devices} trainer.strategy={strategy}: {reason}"
    if isinstance(trainer.strategy.launcher, _MultiProcessingLauncher):
        return f"trainer.strategy={strategy}: rnnbench starts the processes itself; use ddp"
    if trainer.world_size > batch_size:
        return f"trainer.devices={devices}: {trainer.world_size} processes cannot share batches of {batch_size}"
    return None


@contextmanager
def followers(trainer: L.Trainer, folder: Path) -> Iterator[None]:
    """Start the other processes of the run in ``folder``, if ``trainer`` needs any; none is left at the end."""
    launcher = trainer.strategy.launcher
    count = launcher.num_processes - 1 if isinstance(launcher, _SubprocessScriptLauncher) else 0
    if not count:
        yield
        return
    group = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(find_free_network_port()),
        "NODE_RANK": "0",
        "WORLD_SIZE": str(count + 1),
        "LOCAL_RANK": "0",
    }
    with ExitStack() as stack, _environment(group):
        stack.callback(_leave_group)
        started = [stack.enter_context(_follower(folder, rank)) for rank in range(1, count + 1)]
        yield
        for process in started:
            with suppress(subprocess.TimeoutExpired):  # the training is over: one that is slow to leave fails nothing
                process.wait(PATIENCE)


@contextmanager
def _follower(folder: Path, rank: int) -> Iterator[subprocess.Popen[bytes]]:
    path = os.pathsep.join(entry for entry in sys.path if entry)  # a user's own classes lie where we found them
    with open(folder / f"process{rank}.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rnnbench.training.follow", str(folder)],
            env={**os.environ, "LOCAL_RANK": str(rank), "PYTHONPATH": path},
            stdin=subprocess.PIPE,  # closed by the system when this process dies, however it dies
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the leader, who stops the others
        )
    try:
        yield process
    finally:
        process.kill()  # without effect when it has ended; it writes nothing that could be torn
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _leave_group() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()  # else metrics of the next evaluation wait for the others


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
