"""``rnnbench bench overhead`` and ``rnnbench bench sweep``: what the framework costs on this machine."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnbench.bench.overhead import Overhead
    from rnnbench.bench.sweep import SweepCost

LIMIT = 1.10  # what a whole run may take, in units of the bare loop, on adding
AIM = 0.5  # seconds that a job of a sweep may add to its training


def build_parser() -> argparse.ArgumentParser:
    """The benchmarks and their options."""
    parser = argparse.ArgumentParser(
        prog="rnnbench bench", description="What the framework costs, beside plain PyTorch."
    )
    benchmarks = parser.add_subparsers(dest="benchmark", required=True, metavar="benchmark")
    overhead = benchmarks.add_parser(
        "overhead", help="a whole run against a bare loop with the same weights at its end"
    )
    overhead.add_argument("--repeats", type=_positive, default=3, help="pairs of run and bare loop (default: 3)")
    sweep = benchmarks.add_parser("sweep", help="seconds that a job of a sweep adds to its training")
    sweep.add_argument("--jobs", type=_positive, default=20, help="seeds (default: 20)")
    for benchmark in (overhead, sweep):
        benchmark.add_argument("--json", type=Path, metavar="FILE", help="write every number there, too")
        benchmark.add_argument(
            "overrides", nargs="*", help="as for train: dataset=digits trainer.max_epochs=5 threads=2"
        )
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value}: must be at least 1")
    return value


def main(rest: Sequence[str]) -> int:
    """Run one benchmark and print its table; returns 0, 1 when the two loops did different work, 130 when stopped."""
    args = build_parser().parse_args(list(rest))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # read when torch is loaded; `threads=` counts from then on
        os.environ.setdefault(name, "1")
    from rnnbench.bench.overhead import DifferentWork, measure_overhead
    from rnnbench.bench.sweep import measure_sweep

    try:
        if args.benchmark == "overhead":
            result = measure_overhead(args.overrides, args.repeats)
            text = overhead_table(result)
        else:
            result = measure_sweep(args.overrides, args.jobs)
            text = sweep_table(result)
    except DifferentWork as error:
        print(f"rnnbench bench: {error}: the times would say nothing", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    machine = _machine()
    print(f"{text}\n\n{machine['line']}")
    if args.json is not None:
        from rnnbench.records.store import write_json

        write_json(args.json, {"benchmark": args.benchmark, "machine": machine, **result.as_dict()})
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


def _markdown(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _machine() -> dict[str, Any]:
    """Hardware, versions, threads and load, and all of it in one line."""
    import torch

    from rnnbench.training.provenance import hardware

    found = {**hardware(), "torch": torch.__version__, "threads": torch.get_num_threads()}
    found["load"] = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    line = (
        f"{found['cpu']}, {found['cores']} cores, {found['system']}, torch {found['torch']}, threads {found['threads']}"
    )
    return {**found, "line": line + ("" if found["load"] is None else f", load average {found['load']}")}
