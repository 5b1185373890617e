"""The other processes of a run on several devices; started by ``devices.followers``, one for each.

A follower trains along and leaves the record, the checkpoints and the lock to the leader.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from rnnbench.records.store import RunDirectory
from rnnbench.tasks.module import Diverged
from rnnbench.training.callbacks import StopFlag
from rnnbench.training.plan import make_plan
from rnnbench.training.run import assemble


def follow(folder: Path) -> None:
    """Join the training of the run in ``folder``."""
    config = OmegaConf.load(folder / "config.yaml")
    assert isinstance(config, DictConfig)
    parts = assemble(make_plan(config), RunDirectory(folder), StopFlag(), progress_bar=False)
    try:
        parts.fit()
    except Diverged:
        return  # the leader sees the same loss and records it


def _end_with_leader() -> None:
    os.read(sys.stdin.fileno(), 1)  # returns when the leader is gone; sys.stdin itself is locked at our own end
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_leader, daemon=True).start()
    follow(Path(sys.argv[1]))
