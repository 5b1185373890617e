"""Compiling generated sources, once for a source, compiler and machine.

Shared libraries are kept in a cache folder (environment ``RNNBENCH_CACHE``, else the user's cache folder).
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import platformdirs
import torch
from torch import Tensor

FLAGS = ("-O3", "-march=native", "-std=c++17", "-fPIC", "-shared", "-pthread", "-ffp-contract=fast", "-fno-math-errno")
_NUMBERS = {torch.float32: "float", torch.float64: "double", torch.complex64: "float", torch.complex128: "double"}
_HERE = Path(__file__).parent


class BuildError(RuntimeError):
    """The compiler refused a source; the message holds what it printed first."""


@cache
def compiler() -> tuple[str, ...]:
    """The C++ compiler as a command: environment ``CXX``, else g++, clang++ or c++.

    Raises:
        BuildError: there is none.
    """
    wanted = os.environ.get("CXX")
    commands = [shlex.split(wanted)] if wanted else [["g++"], ["clang++"], ["c++"]]
    for program, *options in commands:
        if found := shutil.which(program):
            return (found, *options)
    if wanted:
        raise BuildError(f"CXX={wanted}: no such program")
    raise BuildError("no C++ compiler found: install g++ or clang++, or name one in CXX")


@cache
def _machine() -> str:
    """What a library depends on besides its source: compiler, flags, processor, torch."""
    version = subprocess.run([*compiler(), "--version"], capture_output=True, text=True, check=False).stdout
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        processor = platform.processor()
    header = (_HERE / "kernel.hpp").read_text()
    return "\n".join([*compiler(), version, *FLAGS, processor, platform.machine(), torch.__version__, header])


def folder() -> Path:
    """Where built libraries are kept."""
    return Path(os.environ.get("RNNBENCH_CACHE") or platformdirs.user_cache_dir("rnnbench")) / "fused"


@cache
def trouble() -> str | None:
    """Why nothing can be built on this machine, in one line; None if it can."""
    try:
        runtime("float")
    except BuildError as error:
        return str(error)
    return None


@cache
def runtime(number: str) -> ctypes.CDLL:
    """The library that all cells share: products and threads."""
    return build((_HERE / "runtime.cpp").read_text(), number)


def runtime_for(tensor: Tensor) -> ctypes.CDLL | None:
    """The runtime that can work on the memory of ``tensor``; None if there is none, or torch is but tracing."""
    number = _NUMBERS.get(tensor.dtype)
    if number is None or tensor.device.type != "cpu" or torch.compiler.is_compiling() or torch.jit.is_tracing():
        return None
    return None if trouble() else runtime(number)


def build(source: str, number: str) -> ctypes.CDLL:
    """The library of ``source``, built if need be.

    Args:
        source: C++ text that includes ``kernel.hpp``.
        number: ``float`` or ``double``.

    Raises:
        BuildError: in one line: there is no compiler, it failed, or the cache folder cannot be used.
    """
    digest = hashlib.sha256("\n".join([source, number, _machine()]).encode()).hexdigest()[:24]
    library = folder() / f"{digest}.so"
    try:
        if not library.exists():
            _compile(source, number, library)
        return ctypes.CDLL(str(library))
    except OSError as error:
        raise BuildError(f"{error}: RNNBENCH_CACHE names a folder that can be written and run from") from error


def _compile(source: str, number: str, library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    # Made beside its place and moved there: another process sees a whole library or none.
    with tempfile.TemporaryDirectory(dir=library.parent) as scratch:
        text, built = Path(scratch, "cell.cpp"), Path(scratch, "cell.so")
        text.write_text(source)
        command = [*compiler(), *FLAGS, f"-DNUMBER={number}", f"-I{_HERE}", str(text), "-o", str(built)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"{command[0]}: {_complaint(done.stderr or done.stdout)}")
        os.replace(built, library)


def _complaint(output: str) -> str:
    """The line of a compiler's output that says what is wrong."""
    lines = output.strip().splitlines() or ["failed without a word"]
    return next((line for line in lines if "error" in line), lines[0])
