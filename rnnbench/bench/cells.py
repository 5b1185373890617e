"""Seconds and memory of every cell by every engine, beside ``torch.nn`` and torchrecurrent, in one process.

A cell, its rivals, the own LSTM and a matrix product are timed in turn, round after round, so that all share the
machine's mood; what counts are ratios of their medians.
"""

from __future__ import annotations

import math
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from rnnbench.bench.contenders import Contender, Size, matrix, multiplications, namesake, own, twin
from rnnbench.bench.memory import peak_bytes
from rnnbench.catalogue.entries import build, gates, models
from rnnbench.cells import GRU
from rnnbench.cells.gated import Gated
from rnnbench.errors import UserError, nearest
from rnnbench.layers.engines import engines_for

SIZES = tuple(
    Size(*size)
    for size in (
        (8, 60, 88, 36),
        (32, 100, 64, 64),
        (64, 100, 128, 128),
        (32, 100, 256, 256),
        (128, 28, 28, 128),
        (64, 200, 2, 128),
    )
)
SMALL = SIZES[:2]
LONG = Size(8, 2048, 128, 128)  # for cells with a scan
MODES = ("forward", "training")
#: Timed with every model: the own LSTM, a call of it for one step of one sequence, a matrix product.
REFERENCES = ("own lstm", "call", "matrix")
SAMPLE = 0.02  # seconds that a sample takes at least: short work is repeated
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Row:
    """One contender at one size: ``seconds`` a call (median of all rounds), ``peak`` bytes (None if not known)."""

    size: Size
    threads: int
    model: str
    contender: str
    mode: str
    seconds: float
    peak: int | None = None


@dataclass(frozen=True)
class How:
    """How times were taken.

    Attributes:
        clock: one of ``CLOCKS``; that of the processor is blind to other load, and to what two threads gain.
        rounds: samples of each row.
        load: the machine's lowest and highest load average meanwhile, if known.
    """

    clock: str = "wall"
    rounds: int = 5
    load: tuple[float, float] | None = None

    def beside(self, other: How) -> How:
        """Both runs as one."""
        loads = (*(self.load or ()), *(other.load or ()))
        return replace(self, load=(min(loads), max(loads)) if loads else None)


@dataclass
class Result:
    """All rows, and what explains them.

    Attributes:
        rows: in the order of measuring; every model's group has its own rows of ``REFERENCES``.
        how: by the number of threads.
        gates: blocks of rows of each gated cell (two or more), see ``catalogue.entries.gates``.
        products: multiplications of a step and a row, of the input and of the rest, by model and size.
        notes: what was left out, and why.
        machine: one line on the hardware.
    """

    how: dict[int, How] = field(default_factory=dict)
    machine: str = ""
    rows: list[Row] = field(default_factory=list)
    gates: dict[str, int] = field(default_factory=dict)
    products: dict[str, tuple[int, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Options:
    """What is measured; nothing named means everything."""

    cells: Sequence[str] = ()
    sizes: Sequence[Size] = ()
    threads: Sequence[int] = (1, 2)
    engines: Sequence[str] = ()
    against: Sequence[str] = ("torch", "torchrecurrent")
    rounds: int = 5
    clock: str = "wall"
    limit: float = 3600.0


def measure(options: Options, say: Callable[[str], None] = lambda line: None) -> Result:
    """Time everything that ``options`` ask for, until ``limit`` seconds are over.

    Raises:
        UserError: for a model that does not exist or has no cell.
    """
    configs = chosen(options.cells)
    result, end = Result(), time.monotonic() + options.limit
    before = torch.get_num_threads()
    jobs = [(threads, size, name) for threads in options.threads for size, name in _jobs(options, configs)]
    try:
        for done, (threads, size, name) in enumerate(jobs):
            if time.monotonic() > end:
                late = (f"{model} ({at})" for _, at, model in jobs[done:])
                result.notes += [f"{model}: not measured: {options.limit:g} s were over" for model in late]
                break
            torch.set_num_threads(threads)
            say(f"[{done + 1}/{len(jobs)}] {name} ({size}), threads {threads}")
            _group(result, options, name, configs, size, threads)
            how = How(options.clock, options.rounds, _load())
            result.how[threads] = how.beside(result.how.get(threads, how))
    finally:
        torch.set_num_threads(before)
    result.notes = list(dict.fromkeys(result.notes))
    return result


def _load() -> tuple[float, float] | None:
    return (load := round(os.getloadavg()[0], 1), load) if hasattr(os, "getloadavg") else None


def chosen(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Configurations of the models of that name, or of all that have a cell; the own LSTM is always among them."""
    able = {name: config for name, (_, config) in models().items() if "cell" in config}
    for name in names:
        if name not in able:
            raise UserError(f"--cells {name}: no model of ours; {nearest(name, able)}")
    return {name: able[name] for name in dict.fromkeys((*(names or able), "lstm"))}


def _jobs(options: Options, configs: dict[str, Any]) -> Iterator[tuple[Size, str]]:
    names = [name for name in configs if not options.cells or name in options.cells]
    for size in options.sizes or (*SIZES, LONG):
        for name in names:
            if size != LONG or options.sizes or _scans(configs[name]):
                yield size, name


def _scans(config: dict[str, Any]) -> bool:
    try:
        return "scan" in engines_for(build(config, LONG.input, LONG.hidden).cells[0])
    except ValueError:
        return False


def _group(result: Result, options: Options, name: str, configs: dict[str, Any], size: Size, threads: int) -> None:
    try:
        cell, contenders = own(configs[name], size, options.engines)
    except ValueError as error:
        result.notes.append(f"{name} ({size}): not measured: {error}")
        return
    if isinstance(cell, (Gated, GRU)) and gates(cell) > 1:
        result.gates[name] = gates(cell)
    result.products[f"{name} {size}"] = multiplications(cell)
    contenders += _rivals(result, options, name, type(cell), size)
    lstm, reference = own(configs["lstm"], size)
    result.products[f"lstm {size}"] = multiplications(lstm)
    contenders += [replace(reference[0], name="own lstm")] if name != "lstm" else []
    _, call = own(configs["lstm"], size._replace(batch=1, steps=1))
    contenders += [replace(call[0], name="call"), matrix()]
    for mode in MODES:
        times = interleaved([getattr(c, mode) for c in contenders], options.rounds, options.clock)
        for contender, seconds in zip(contenders, times):
            peak = None if contender.name in ("call", "matrix") else peak_bytes(getattr(contender, mode))
            result.rows.append(Row(size, threads, name, contender.name, mode, seconds, peak))


def _rivals(result: Result, options: Options, name: str, cell: type, size: Size) -> list[Contender]:
    found = [twin(name, size)] if "torch" in options.against else []
    if "torchrecurrent" in options.against:
        try:
            found.append(namesake(cell, size))
        except ImportError:
            result.notes.append("torchrecurrent is not installed: nothing is compared with it")
    return [rival for rival in found if rival is not None]


def interleaved(works: Sequence[Callable[[], object]], rounds: int, clock: str = "wall") -> list[float]:
    """Median seconds of a call of each, measured in turn ``rounds`` times after two that do not count."""
    now = CLOCKS[clock]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = [_sample(work, 1, now) for work in works]  # builds, warms caches
        second = [_sample(work, 1, now) for work in works]
    repeats = [max(1, math.ceil(SAMPLE / max(min(pair), 1e-6))) for pair in zip(first, second)]
    samples = [[_sample(work, count, now) for work, count in zip(works, repeats)] for _ in range(rounds)]
    return [statistics.median(of_one) for of_one in zip(*samples)]


def _sample(work: Callable[[], object], repeats: int, now: Callable[[], float]) -> float:
    start = now()
    for _ in range(repeats):
        work()
    return (now() - start) / repeats
