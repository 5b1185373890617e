"""Where a result came from: commit, versions, hardware, command; and the memory that one run took."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "lightning", "hydra-core", "omegaconf", "torchmetrics", "numpy", "tensorboard")


def provenance(threads: int) -> dict[str, Any]:
    """Commit and uncommitted changes of a checkout, versions, hardware, command and time of start."""
    from rnnbench import __version__

    return {
        "rnnbench": __version__,
        **_git(Path(__file__).resolve().parent),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "hardware": {**hardware(), "threads": threads},
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def hardware() -> dict[str, Any]:
    """Processor, cores, and the name of each CUDA device."""
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {"system": platform.system(), "cpu": _cpu_name(), "cores": os.cpu_count(), "gpus": gpus}


def device_name(device: torch.device) -> str:
    """The name of the CUDA device, or of the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_name()


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _git(folder: Path) -> dict[str, Any]:
    def ask(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None

    tracked = ask("ls-files", "--error-unmatch", "provenance.py") or ask("ls-files", "training/provenance.py")
    if not tracked:
        return {"commit": None, "dirty_diff": None}  # an installed wheel has no commit, only a version
    return {
        "commit": (ask("rev-parse", "HEAD") or "").strip() or None,
        "dirty_diff": ask("diff", "HEAD", "--", folder.name),
    }


class PeakMemory:
    """The most memory a run had beyond what its process held before it.

    On CUDA the allocator's own peak; elsewhere the resident set, whose high-water mark Linux lets a process reset. What
    the C library keeps of memory that an earlier run has freed is given back first, so that this one asks for its own.
    """

    def __init__(self) -> None:
        self.cuda = torch.cuda.is_available()
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
        self.before = None
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        try:
            Path("/proc/self/clear_refs").write_text("5")
            self.before = self._status("VmRSS")
        except OSError:
            self.before = None  # no such interface here: the peak of this run alone is not known

    def bytes(self) -> int | None:
        """The peak so far; None where the system does not tell."""
        if self.cuda and torch.cuda.max_memory_allocated():
            return int(torch.cuda.max_memory_allocated())
        peak = None if self.before is None else self._status("VmHWM")
        return None if peak is None or self.before is None else max(peak - self.before, 0)

    @staticmethod
    def _status(field: str) -> int | None:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
        return None
