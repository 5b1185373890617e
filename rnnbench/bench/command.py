"""``rnnbench bench``: what the framework and its cells cost on this machine."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnbench.errors import UserError
from rnnbench.parsers import Parser
from rnnbench.records.files import write_whole

if TYPE_CHECKING:
    from rnnbench.bench.contenders import Size
    from rnnbench.bench.overhead import Overhead
    from rnnbench.bench.replicas import ReplicaCost
    from rnnbench.bench.sweep import SweepCost

LIMIT = 1.10  # what a whole run may take, in units of the bare loop, on adding
AIM = 0.5  # seconds that a job of a sweep may add to its training


def build_parser() -> argparse.ArgumentParser:
    """The benchmarks and their options."""
    parser = Parser(prog="rnnbench bench", description="What the framework costs, beside plain PyTorch.")
    benchmarks = parser.add_subparsers(dest="benchmark", required=True, metavar="benchmark")
    overhead = benchmarks.add_parser(
        "overhead", help="a whole run against a bare loop with the same weights at its end"
    )
    overhead.add_argument("--repeats", type=_positive, default=3, help="pairs of run and bare loop (default: 3)")
    sweep = benchmarks.add_parser("sweep", help="seconds that a job of a sweep adds to its training")
    sweep.add_argument("--jobs", type=_positive, default=20, help="seeds (default: 20)")
    replicas = benchmarks.add_parser("replicas", help="runs as one program against the same runs one by one")
    replicas.add_argument("--singles", type=_positive, default=3, help="runs trained alone in each case (default: 3)")
    for benchmark in (overhead, sweep, replicas):
        benchmark.add_argument("--json", type=Path, metavar="FILE", help="write every number there, too")
        benchmark.add_argument(
            "overrides", nargs="*", help="as for train: dataset=digits trainer.max_epochs=5 threads=2"
        )
    _cells_options(
        benchmarks.add_parser("cells", help="every cell by every engine, beside torch.nn and torchrecurrent")
    )
    return parser


def _cells_options(cells: argparse.ArgumentParser) -> None:
    several: dict[str, Any] = {"nargs": "+", "default": []}
    cells.add_argument("--cells", metavar="MODEL", help="models, as lstm gru mgu (default: all)", **several)
    cells.add_argument("--sizes", metavar="B,T,I,H", type=_size, help="batch,steps,input,hidden, several", **several)
    cells.add_argument("--engines", choices=("loop", "fused", "scan"), help="default: all", **several)
    cells.add_argument("--threads", nargs="+", type=_positive, default=[1, 2], help="default: 1 2")
    cells.add_argument("--against", nargs="*", choices=("torch", "torchrecurrent"), default=["torch", "torchrecurrent"])
    cells.add_argument("--rounds", type=_positive, default=5, help="samples of each, in turn (default: 5)")
    cells.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu is blind to other load; 1 thread")
    cells.add_argument(
        "--limit", type=float, default=3600, metavar="SECONDS", help="start nothing new after (default: 3600)"
    )
    cells.add_argument(
        "--quick", action="store_true", help="the smallest size, one thread, two rounds, at most a minute"
    )
    for name, text in (("md", "the page"), ("csv", "every row"), ("json", "everything"), ("png", "a picture")):
        cells.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"write {text} there")
    cells.add_argument("--read", nargs="+", type=Path, metavar="FILE", help="measure nothing: take what --json wrote")


def _size(text: str) -> Size:
    from rnnbench.bench.contenders import Size

    parts = text.split(",")
    if len(parts) != 4 or not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r}: must be batch,steps,input,hidden, as 32,100,64,64")
    return Size(*map(int, parts))


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number from 1 on")
    return int(text)


def main(rest: Sequence[str]) -> int:
    """Run one benchmark and print its table; returns 0, 1 when the two loops did different work, 130 when stopped."""
    args = build_parser().parse_args(list(rest))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # read when torch is loaded; `threads=` counts from then on
        os.environ.setdefault(name, "1")
    if args.benchmark == "cells":
        return cells(args)
    from rnnbench.bench.overhead import DifferentWork, measure_overhead
    from rnnbench.bench.replicas import measure_replicas
    from rnnbench.bench.sweep import measure_sweep

    try:
        if args.benchmark == "overhead":
            result = measure_overhead(args.overrides, args.repeats)
            text, found = overhead_table(result), result.as_dict()
        elif args.benchmark == "replicas":
            cases = measure_replicas(args.overrides, args.singles)
            text, found = replicas_table(cases), {"cases": [case.as_dict() for case in cases]}
        else:
            result = measure_sweep(args.overrides, args.jobs)
            text, found = sweep_table(result), result.as_dict()
    except DifferentWork as error:
        print(f"rnnbench bench: {error}: the times would say nothing", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    machine = _machine()
    print(f"{text}\n\n{machine['line']}")
    if args.json is not None:
        from rnnbench.records.store import write_json

        write_json(args.json, {"benchmark": args.benchmark, "machine": machine, **found})
    return 0


def cells(args: argparse.Namespace) -> int:
    """Measure the cells, or read what was measured; print the page and write the files that were asked for."""
    from rnnbench.bench import report
    from rnnbench.bench.cells import SIZES, Options, measure

    if args.clock == "cpu" and args.threads != [1]:
        raise UserError("--clock cpu adds up the time of all threads: give --threads 1, too")
    if args.read is not None:
        result = report.load(args.read)
    else:
        quick = {"sizes": args.sizes or SIZES[:1], "threads": [1], "rounds": 2, "limit": 60.0} if args.quick else {}
        kept = {name: getattr(args, name) for name in ("cells", "sizes", "threads", "engines", "against", "rounds")}
        options = Options(**{**kept, "clock": args.clock, "limit": args.limit, **quick})
        result = measure(options, say=lambda line: print(line, file=sys.stderr, flush=True))
        result.machine = _machine()["kind"]
    if args.png is not None:
        report.picture(result, args.png)
    link = os.path.relpath(args.png, args.md.parent) if args.png and args.md else None
    text = report.page(result, link)
    for file, content in ((args.md, text), (args.csv, report.as_csv), (args.json, report.as_json)):
        if file is not None:
            write_whole(file, content if isinstance(content, str) else content(result))
    if args.md is None:
        print(text, end="")
    return 0


def overhead_table(result: Overhead) -> str:
    """A Markdown table: each loop's seconds, and their ratio."""
    rows = [
        ["rnnbench train", *(f"{result.median('ours', c):.2f}" for c in ("wall", "cpu"))],
        ["bare PyTorch loop", *(f"{result.median('bare', c):.2f}" for c in ("wall", "cpu"))],
        ["**ratio**", *(f"**{result.ratio(c):.3f}**" for c in ("wall", "cpu"))],
    ]
    ratios = ", ".join(f"{p.ours.wall / p.bare.wall:.3f}" for p in result.pairs)
    return "\n".join(
        [
            f"`{' '.join(result.overrides)}`: {result.steps} steps, the same weights at the end "
            f"(largest difference {max(p.difference for p in result.pairs):g}).",
            "",
            *_markdown(["whole run, median", "seconds", "CPU seconds"], rows),
            "",
            f"{len(result.pairs)} pairs in turn, wall ratios {ratios}; at most {LIMIT:.2f} is wanted for adding.",
        ]
    )


def sweep_table(result: SweepCost) -> str:
    """A Markdown table: seconds a job, by part."""
    names = {
        "planning": "compose and check, before the first job",
        "running": "compose again, train, score, record",
        "bare": "its training in a bare loop, median",
        "added": "**added by the framework**",
    }
    rows = [[name, *(f"{result.per_job(part, c):.3f}" for c in ("wall", "cpu"))] for part, name in names.items()]
    return "\n".join(
        [
            f"`{' '.join(result.overrides)}`: {result.jobs} jobs, one after the other in one process.",
            "",
            *_markdown(["a job", "seconds", "CPU seconds"], rows),
            "",
            f"At most {AIM} s added is the aim; start-up of the process apart.",
        ]
    )


def replicas_table(cases: Sequence[ReplicaCost]) -> str:
    """A Markdown table: how many times as long the runs take one after the other."""
    rows = []
    for c in cases:
        ratios = (c.ratio_of_steps(), c.ratio("wall"), c.ratio("cpu"))
        rows.append([c.name, *(f"{ratio:.2f}" for ratio in ratios), f"{c.wanted:g}", f"{c.difference:.1g}"])
    header = ["one by one / together", "training steps", "whole runs", "CPU of whole runs", "wanted of steps"]
    return "\n".join(_markdown([*header, "weights differ by at most"], rows))


def _markdown(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _machine() -> dict[str, Any]:
    """Hardware, versions, threads and load; its ``kind`` alone, and all of it, in one line."""
    import torch

    from rnnbench.training.provenance import hardware

    found = {**hardware(), "torch": torch.__version__, "threads": torch.get_num_threads()}
    found["load"] = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    kind = f"{found['cpu']}, {found['cores']} cores, {found['system']}, torch {found['torch']}"
    line = f"{kind}, threads {found['threads']}"
    return {**found, "kind": kind, "line": line + ("" if found["load"] is None else f", load average {found['load']}")}
