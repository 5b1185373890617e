"""The times of ``bench cells`` as a page, CSV, JSON and a picture."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from itertools import cycle
from pathlib import Path
from typing import Any

from rnnbench.bench.cells import LONG, SIZES, How, Result, Row
from rnnbench.bench.contenders import Size
from rnnbench.bench.ratios import Group, Ratios, in_threads
from rnnbench.bench.reasons import reasons
from rnnbench.errors import UserError

NOTHING = "–"
COLUMNS = ("batch", "steps", "input", "hidden", "threads", "model", "contender", "mode", "ms", "peak_mib")
HEAD = """\
# Speed and memory of the cells

Made by `rnnbench bench cells`. A training step is a forward pass and the gradients of all weights (not of the input) in
float32; forward is a pass without gradients. Times are medians of rounds in which a cell, its rivals, the own LSTM, a
call of it for one step of one sequence, and a product of two 1024 x 1024 matrices take turns in one process; all ratios
are of such medians from the same rounds.
{how}
Memory is the peak of the process's resident memory during one call beyond what it held before it (after `malloc_trim`).
Sizes are batch, steps, input, hidden.

Machine: {machine}.
"""
CLOCKS = {
    "wall": "wall time, in which other work on the machine counts",
    "cpu": "time of the processor, in which other work counts only as far as it shares caches and cores",
}
NOTE = """\
`x torch.nn`, `x torchrecurrent`, `x loop`: how many times as fast the training step is as by the layer of torch.nn with
the same equations, by the namesake in torchrecurrent, by the plain loop. `per gate`: time of a training step per gate
(block of H rows) in units of the own LSTM's; `less call`: the same when the time of a call for one step is taken from
both; `per product`: time per multiplication in matrix products, in units of the own LSTM's. `matrix`: multiplications a
second, in those of the matrix product."""


def page(result: Result, picture: str | None = None) -> str:
    """Markdown: the targets, then a table for each number of threads and size."""
    ratios = Ratios(result)
    how = " ".join(_how(threads, result.how[threads]) for threads in sorted(result.how))
    about = {"how": textwrap.fill(how, 120), "machine": result.machine}
    parts = [
        HEAD.format(**about),
        *([f"![Time per gate and speed against torchrecurrent]({picture})\n"] if picture else []),
    ]
    parts += ["## Targets\n", _list(ratios.targets())]
    if why := reasons(ratios):
        parts += ["## Why some are missed\n", _list(why)]
    parts.append(f"## Times\n\n{NOTE}\n")
    for threads, size in dict.fromkeys((group.threads, group.size) for group in ratios.groups):
        here = [group for group in ratios.groups if (group.threads, group.size) == (threads, size)]
        parts.append(f"### {size}, {in_threads(threads)}\n\n{_table(here)}\n")
        mean = ratios.mean("torchrecurrent", size, threads)
        if mean is not None:
            parts.append(f"Geometric mean against torchrecurrent: {mean:.1f}.\n")
    if left := [*_gathered(result.notes), *_elsewhere(ratios, result.notes)]:
        parts += ["## Left out\n", _list(left)]
    return "\n".join(parts)


def _elsewhere(ratios: Ratios, notes: Sequence[str]) -> list[str]:
    """Models that a table lacks without a note of the measurement: nobody asked for them at that size."""
    every = sorted({group.model for group in ratios.groups})
    noted = {tuple(note.split(")")[0].split(" (")) for note in notes}
    lines = []
    for threads, size in dict.fromkeys((group.threads, group.size) for group in ratios.groups if group.size != LONG):
        here = {group.model for group in ratios.groups if (group.threads, group.size) == (threads, size)}
        absent = ", ".join(name for name in every if name not in here and (name, str(size)) not in noted)
        lines += [f"{absent} ({size}; {in_threads(threads)}): measured elsewhere only"] if absent else []
    return lines


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) + "\n"


def _how(threads: int, how: How) -> str:
    load = "" if how.load is None else f", load average {how.load[0]:g} to {how.load[1]:g}"
    return f"{in_threads(threads).capitalize()}: {CLOCKS[how.clock]}; {how.rounds} rounds{load}."


def _gathered(notes: Sequence[str]) -> list[str]:
    """One note for all models of which it says the same."""
    found: dict[str, list[str]] = {}
    for note in notes:
        name, _, rest = note.partition(" ")
        found.setdefault(rest, []).append(name)
    return [f"{', '.join(names)} {rest}" for rest, names in found.items()]


def _table(groups: list[Group]) -> str:
    header = ["model", "engine", "forward ms", "training ms", "forward MiB", "training MiB", "x torch.nn"]
    header += ["x torchrecurrent", "x loop", "per gate", "less call", "per product", "matrix"]
    lines = [header, ["---", "---", *["---:"] * (len(header) - 2)]]
    lines += [line for group in groups for line in _lines(group)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _lines(group: Group) -> list[list[str]]:
    """One for the engine that ``auto`` takes, and one for a scan beside it."""
    engines = [group.engine, *(["scan"] if group.engine != "scan" and group.seconds("scan", "training") else [])]
    lines = []
    for engine in engines:
        first = engine == group.engine
        rows = [group.rows.get((engine, mode)) for mode in ("forward", "training")]
        speeds = [group.speed(rival, engine=engine) for rival in ("torch.nn", "torchrecurrent", "loop")]
        times = [_number(row and row.seconds * 1e3) for row in rows]
        peaks = [_number(row.peak / 2**20 if row and row.peak is not None else None) for row in rows]
        units = (group.per_gate, group.per_gate_less_call, group.per_product) if first else (None, None, None)
        share = _percent(group.share) if first else NOTHING
        lines.append([group.model, engine, *times, *peaks, *map(_number, (*speeds, *units)), share])
    return lines


def _number(value: float | None) -> str:
    return (
        NOTHING
        if value is None
        else f"{value:.2f}"
        if value < 10
        else f"{value:.1f}"
        if value < 100
        else f"{value:.0f}"
    )


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.0%}"


def as_csv(result: Result) -> str:
    """A line a row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_plain(row) for row in result.rows)
    return out.getvalue()


def as_json(result: Result) -> str:
    """Everything, a line a row; ``load`` reads it."""
    head = {key: value for key, value in vars(result).items() if key != "rows"}
    head["how"] = {threads: astuple(how) for threads, how in result.how.items()}
    rows = ",\n".join(json.dumps(_plain(row)) for row in result.rows)
    return (
        json.dumps({"benchmark": "cells", **head, "columns": COLUMNS}, indent=1)[:-2] + f',\n "rows": [\n{rows}\n]}}\n'
    )


def _plain(row: Row) -> list[Any]:
    milliseconds = float(f"{row.seconds * 1e3:.4g}")
    peak = None if row.peak is None else round(row.peak / 2**20, 2)
    return [*row.size, row.threads, row.model, row.contender, row.mode, milliseconds, peak]


def load(paths: Sequence[Path]) -> Result:
    """What ``as_json`` wrote, of several runs together.

    Of a model measured twice at a size counts what the first file says; of reasons why it was not, the last.

    Raises:
        UserError: for a file that is none, runs on two machines, or with as many threads but another clock or rounds.
    """
    merged: Result | None = None
    for path in paths:
        try:
            one = _parsed(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise UserError(f"--read {path}: not what `bench cells --json` writes: {error}") from error
        if merged is None:
            merged = one
            continue
        if merged.machine != one.machine or any(_differ(merged.how.get(n, how), how) for n, how in one.how.items()):
            raise UserError(f"--read {path}: rounds, clock or machine differ from those of the files before it")
        merged.how |= {threads: how.beside(merged.how.get(threads, how)) for threads, how in one.how.items()}
        known = set(map(_group, merged.rows))
        merged.rows += [row for row in one.rows if _group(row) not in known]
        merged.gates |= one.gates
        merged.products |= one.products
        merged.notes += one.notes
    assert merged is not None
    measured = tuple(f"{row.model} ({row.size})" for row in merged.rows)
    reasons = {note.split(": ")[0]: note for note in merged.notes}
    merged.notes = [note for note in reasons.values() if not note.startswith(measured)]
    merged.rows.sort(key=_group)
    return merged


def _group(row: Row) -> tuple[Any, ...]:
    """What is measured together, in the order of the page."""
    sizes = (*SIZES, LONG)
    return row.threads, sizes.index(row.size) if row.size in sizes else len(sizes), row.size, row.model


def _differ(one: How, other: How) -> bool:
    return (one.clock, one.rounds) != (other.clock, other.rounds)


def _parsed(data: Mapping[str, Any]) -> Result:
    rows = []
    for b, t, i, h, threads, model, contender, mode, milliseconds, mebibytes in data["rows"]:
        peak = None if mebibytes is None else round(mebibytes * 2**20)
        rows.append(Row(Size(b, t, i, h), threads, model, contender, mode, milliseconds / 1e3, peak))
    products = {name: tuple(pair) for name, pair in data["products"].items()}
    how = {
        int(threads): How(clock, rounds, load and tuple(load)) for threads, (clock, rounds, load) in data["how"].items()
    }
    kept = {key: data[key] for key in ("machine", "gates", "notes")}
    return Result(how, rows=rows, products=products, **kept)


def picture(result: Result, path: Path) -> None:
    """PNG: time per gate, and speed against torchrecurrent and the loop, a line a model, a colour a size."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import LogLocator

    groups = Ratios(result).groups
    names = sorted({group.model for group in groups}, reverse=True)
    sizes = list(dict.fromkeys(group.size for group in groups))
    marks = dict(zip(sorted({group.threads for group in groups}), cycle("ox+v")))
    panels: tuple[tuple[str, Any], ...] = (
        ("time per gate / own LSTM's", lambda group: group.per_gate),
        ("speed / torchrecurrent's", lambda group: group.speed("torchrecurrent")),
        ("speed / own loop's", lambda group: group.speed("loop")),
    )
    figure = Figure(figsize=(12, 1.5 + 0.17 * len(names)), layout="constrained")
    for axes, (title, value) in zip(figure.subplots(1, len(panels), sharey=True), panels):
        axes.set_xscale("log")
        for size, threads in dict.fromkeys((group.size, group.threads) for group in groups):
            here = [group for group in groups if (group.size, group.threads) == (size, threads)]
            known = [(value(group), names.index(group.model)) for group in here if value(group) is not None]
            if known:
                axes.plot(*zip(*known), marks[threads], color=f"C{sizes.index(size)}", markersize=4)
        axes.axvline(1, color="0.6", linewidth=1)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
        axes.set_xlabel(f"{title} (training step)")
        axes.set_yticks(range(len(names)), names, fontsize=7)
        axes.set_ylim(-1, len(names))
        axes.grid(axis="y", color="0.93")
    shapes = [Line2D([], [], linestyle="", marker="s", color=f"C{n}", label=str(size)) for n, size in enumerate(sizes)]
    shapes += [Line2D([], [], linestyle="", marker=m, color="0.4", label=in_threads(n)) for n, m in marks.items()]
    figure.legend(handles=shapes, loc="outside upper center", ncols=len(shapes), fontsize=7, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
