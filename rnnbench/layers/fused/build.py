"""Compiling generated sources, once for a source, compiler and machine.

Shared libraries are kept in a cache folder (environment ``RNNBENCH_CACHE``, else the user's cache folder).
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import platformdirs
import torch

FLAGS = ("-O3", "-march=native", "-std=c++17", "-fPIC", "-shared", "-pthread", "-ffp-contract=fast", "-fno-math-errno")
_HERE = Path(__file__).parent


class BuildError(RuntimeError):
    """The compiler refused a source; the message holds what it printed first."""


@cache
def compiler() -> str | None:
    """The C++ compiler: environment ``CXX``, else g++, clang++ or c++; None where there is none."""
    wanted = os.environ.get("CXX")
    names = (wanted,) if wanted else ("g++", "clang++", "c++")
    return next((found for name in names if (found := shutil.which(name))), None)


@cache
def _machine() -> str:
    """What a library depends on besides its source: compiler, flags, processor, torch."""
    version = subprocess.run([str(compiler()), "--version"], capture_output=True, text=True, check=False).stdout
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        processor = platform.processor()
    return "\n".join(
        [version, *FLAGS, processor, platform.machine(), torch.__version__, (_HERE / "kernel.hpp").read_text()]
    )


def folder() -> Path:
    """Where built libraries are kept."""
    return Path(os.environ.get("RNNBENCH_CACHE") or platformdirs.user_cache_dir("rnnbench")) / "fused"


@cache
def trouble() -> str | None:
    """Why nothing can be built on this machine, in one line; None if it can."""
    try:
        runtime("float")
    except (BuildError, OSError) as error:
        return str(error).strip().splitlines()[0]
    return None


@cache
def runtime(number: str) -> ctypes.CDLL:
    """The library that all cells share: products and threads."""
    return build((_HERE / "runtime.cpp").read_text(), number)


def build(source: str, number: str) -> ctypes.CDLL:
    """The library of ``source``, built if need be.

    Args:
        source: C++ text that includes ``kernel.hpp``.
        number: ``float`` or ``double``.

    Raises:
        BuildError: there is no compiler, or it failed.
    """
    if compiler() is None:
        raise BuildError("no C++ compiler found: install g++ or clang++, or name one in CXX")
    digest = hashlib.sha256("\n".join([source, number, _machine()]).encode()).hexdigest()[:24]
    library = folder() / f"{digest}.so"
    if not library.exists():
        _compile(source, number, library)
    return ctypes.CDLL(str(library))


def _compile(source: str, number: str, library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as scratch:
        text, built = Path(scratch, "cell.cpp"), Path(scratch, "cell.so")
        text.write_text(source)
        command = [str(compiler()), *FLAGS, f"-DNUMBER={number}", f"-I{_HERE}", str(text), "-o", str(built)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError((done.stderr or done.stdout).strip().splitlines()[0])
        os.replace(built, library)
