"""``rnnbench train``: Hydra's grammar and flags, our errors, one run or a sweep."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from rnnbench.errors import UserError
from rnnbench.training.compose import CONFIG_NAME, Composer, any_budget

IDLE = {
    **dict.fromkeys(("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir"), "runs go to paths.runs_dir"),
    **dict.fromkeys(("hydra.job.name", "hydra.output_subdir"), "a run's folder is named by dataset, model and seed"),
    "hydra.job.chdir": "runs stay in the folder that the command was started in",
    "hydra.mode": "give -m for a sweep",
    **dict.fromkeys(("hydra/job_logging", "hydra/hydra_logging", "hydra.verbose"), "see the keys of logger"),
    "--config-path": "give --config-dir, a folder beside our configurations",
    "--experimental-rerun": "type the command of the run's provenance.json again",
}
INTERRUPTED = 130
FAILED = 1


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit code, the folder of its sweep, and why not every job was run."""

    code: int
    sweep: Path | None = None
    stopped: str | None = None


def main(arguments: Sequence[str]) -> Outcome:
    """Run ``rnnbench train arguments``; the exit code is 0, 1 when a job failed, 2 for a mistake, 130 when stopped."""
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    parser.prog, parser.error = "rnnbench train", _refuse
    args = parser.parse_intermixed_args(list(arguments))
    _refuse_idle(args)
    composer = Composer(args.config_dir, args.config_name or CONFIG_NAME)
    if _told(composer, parser, args):
        return Outcome(0)
    overrides = [any_budget(o) for o in args.overrides]
    if args.multirun:
        return sweep(composer, overrides, ["rnnbench", "train", *arguments])
    return Outcome(single(composer, overrides))


def _refuse(message: str) -> NoReturn:
    """In place of argparse's own lines of usage, and of its exit."""
    raise UserError(f"{message}; see `rnnbench train --help`")


def _refuse_idle(args: argparse.Namespace) -> None:
    options = {"--config-path": args.config_path, "--experimental-rerun": args.experimental_rerun}
    for option, value in options.items():
        if value is not None:
            raise UserError(f"{option}: has no effect here; {IDLE[option]}")
    refuse_idle(args.overrides)


def refuse_idle(overrides: Sequence[str], launches: bool = True) -> None:
    """Raise ``UserError`` for what Hydra would act on and a run of ours does not: silence would look like obedience."""
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0]
        if key in IDLE:
            raise UserError(f"{override}: has no effect here; {IDLE[key]}")
        if not launches and key.startswith(("hydra/launcher", "hydra.launcher.")):
            raise UserError(f"{override}: has no effect here; nothing is trained side by side")


def _told(composer: Composer, parser: argparse.ArgumentParser, args: argparse.Namespace) -> bool:
    """Answer Hydra's own questions: help, configuration, plugins, completion."""
    hydra, name = composer.hydra, composer.config_name
    logging.raiseExceptions = False  # Hydra tells through its log, which would report each line that `| head` refuses
    with composer.explained(args.overrides):
        if args.help:
            hydra.app_help(config_name=name, args_parser=parser, args=args)
        elif args.hydra_help:
            hydra.hydra_help(config_name=name, args_parser=parser, args=args)
        elif args.cfg:
            hydra.show_cfg(name, args.overrides, args.cfg, args.package, args.resolve)
        elif args.info:
            hydra.show_info(args.info, config_name=name, overrides=args.overrides)
        elif args.shell_completion:
            hydra.shell_completion(config_name=name, overrides=args.overrides)
        else:
            return False
    return True


def single(composer: Composer, overrides: Sequence[str]) -> int:
    """One run, with a progress bar."""
    from rnnbench.training.plan import make_plan

    cfg = composer.one(overrides)
    plan = make_plan(cfg, overrides)
    if cfg.dry_run:
        return list_jobs([plan])
    from rnnbench.records.store import RunDirectory
    from rnnbench.records.sweep import tensorboard
    from rnnbench.training.callbacks import Interrupted, StopFlag
    from rnnbench.training.run import run
    from rnnbench.training.sweep import check_data, name_columns

    known = RunDirectory(plan.path).result() is not None
    check_data([plan])  # a mistake in them leaves nothing behind
    name_columns(plan.path.parent, [plan], extend=True)
    bar = {"auto": sys.stderr.isatty(), "bar": True}.get(plan.config["logger"]["progress"], False)
    try:
        with StopFlag().listening() as stop:
            status, record = run(plan, stop, progress_bar=bar)
    except (Interrupted, KeyboardInterrupt):
        print(f"interrupted; the state is saved: the same command goes on from there\n{plan.path}")
        return INTERRUPTED
    if record is None:
        failure = RunDirectory(plan.path).failure() or {}
        if failure.get("mistake"):
            raise UserError(failure["error"])
        print(failure.get("traceback", ""), file=sys.stderr)
        print(f"failed: {failure.get('error')}\ntraceback kept in {plan.path / 'failure.json'}", file=sys.stderr)
        return FAILED
    if known:
        print("this run has a result already: nothing was trained")
    _show_one(status, record)
    print(f"\nrun:         {plan.path}\ntensorboard: {tensorboard(plan.path)}")
    return 0


def _show_one(status: str, record: dict) -> None:
    print(f"{record['model']} on {record['dataset']}, seed {record['seed']}: {status}")
    for split, values in record["metrics"].items():
        print(f"  {split:<6}{_in_a_line(values)}")
    if record["baseline"]:
        print(f"  constant prediction, test: {_in_a_line(record['baseline'])}")
    for name, values in record.get("references", {}).items():
        print(f"  {name}, test: {_in_a_line(values)}")
    chosen = record["selection"]
    print(f"  weights: {chosen['rule']} ({chosen['metric']}), epoch {chosen['epoch']} of {record['epochs']}")


def _in_a_line(values: Mapping[str, float | None]) -> str:
    return "  ".join(f"{k} {v:.4g}" for k, v in values.items() if v is not None)


def sweep(composer: Composer, overrides: Sequence[str], command: Sequence[str]) -> Outcome:
    """All jobs of a sweep."""
    from rnnbench.training.sweep import check_data, pin_threads, plan_all

    pin_threads()
    master, jobs = composer.sweep(overrides)
    if not jobs:
        raise UserError(f"{' '.join(overrides)}: is a sweep of no job; a range or a glob in it is empty")
    plans = plan_all(composer, master, jobs)
    if master.dry_run:
        return Outcome(list_jobs(plans))
    check_data(plans)
    return run_jobs(composer, master, jobs, plans, command)


def run_jobs(
    composer: Composer, master: Any, jobs: Sequence[list[str]], plans: Sequence[Any], command: Sequence[str]
) -> Outcome:
    """Run planned jobs as one sweep."""
    from rnnbench.training.callbacks import Interrupted
    from rnnbench.training.sweep import open_sweep, run_sweep

    folder = open_sweep(plans, command)
    print(f"{len(folder.jobs)} jobs, {folder.path}", flush=True)
    stopped = None
    try:
        run_sweep(composer, master, jobs, plans)
    except (Interrupted, KeyboardInterrupt, SystemExit):
        return Outcome(INTERRUPTED, folder.path, "interrupted")
    except Exception as error:  # a launcher whose worker died; the records say which jobs are missing
        stopped = f"the launcher stopped: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return Outcome(FAILED if stopped else 0, folder.path, stopped)


def list_jobs(plans: Sequence) -> int:
    """``dry_run=true``: what would run, and where."""
    for i, plan in enumerate(plans, 1):
        p, size = plan.parameters, plan.config["model"].get("hidden_size", "-")
        print(
            f"[{i}/{len(plans)}] {plan.job.model} {plan.job.dataset} seed {plan.job.seed}: hidden {size}, "
            f"weights {p['backbone']:,} + head {p['head']:,}, engine {plan.engine}\n"
            f"        {' '.join(plan.job.overrides) or '(defaults)'}\n        {plan.path}"
        )
    return 0
