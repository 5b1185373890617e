"""``rnnbench <command>``: parse, dispatch, import late, so that help, status and tables come at once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rnnbench import __version__
from rnnbench.errors import UserError

COMPLETION = """\
_rnnbench() {
  local current=${COMP_WORDS[COMP_CWORD]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "%s" -- "$current"))
  elif [ "${COMP_WORDS[1]}" = train ]; then
    local line="${COMP_LINE/ train/}"
    COMPREPLY=($(COMP_LINE="$line" COMP_POINT=${#line} COMP_CWORD=$((COMP_CWORD - 1)) \\
      rnnbench train -sc query=bash 2>/dev/null))
    [[ "${COMPREPLY[0]}" == *= || "${COMPREPLY[0]}" == *. ]] && compopt -o nospace
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o nosort -F _rnnbench rnnbench
"""


class Parser(argparse.ArgumentParser):
    """One line for a mistake, like every other, instead of the usage."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse."""
        raise UserError(f"{message}; see `{self.prog} --help`")


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options; ``train`` leaves its own to Hydra."""
    parser = Parser(prog="rnnbench", description="Compare recurrent networks.")
    parser.add_argument("--version", action="version", version=f"rnnbench {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("train", add_help=False, help="train one run, or with -m a sweep: model=gru dataset=jsb seed=3")
    for name, text in (
        ("status", "the state of every job of a sweep"),
        ("table", "the comparison table, from records alone"),
        ("compare", "mean-and-band curves over seeds, for TensorBoard and as a picture"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("folders", nargs="*", type=Path, help="run or sweep folders (default: the latest sweep)")
        command.add_argument("--metric", help="default: each dataset's own")
        if name != "status":
            command.add_argument("--rows", default="model", help="any field or hyperparameter, as optimizer.lr")
            command.add_argument("--cols", default="dataset", help="likewise")
        if name == "table":
            command.add_argument("--split", default="test", choices=("train", "valid", "test"))
            command.add_argument("--format", default="terminal", choices=("terminal", "md", "latex", "csv", "json"))
            command.add_argument("--out", type=Path, help="write to this file instead")
        if name == "compare":
            command.add_argument("--out", type=Path, help="folder for the curves (default: <runs>/compare/<sweep>)")
    data = commands.add_parser("data", help="list, prepare or verify data files")
    data.add_argument("action", choices=("list", "prepare", "verify"))
    data.add_argument("names", nargs="*", help="datasets (default: all)")
    data.add_argument("--data-dir", type=Path, help="default: $RNNBENCH_DATA, else ./data")
    cells = commands.add_parser("cells", help="every model: paper, size, engines; or the page of all equations")
    cells.add_argument("--input-size", type=_count, default=64)
    cells.add_argument("--hidden-size", type=_count, default=64)
    cells.add_argument("--format", default="terminal", choices=("terminal", "markdown", "csv", "json"))
    cells.add_argument("--page", action="store_true", help="equations and sources of all cells, in Markdown")
    cells.add_argument("--out", type=Path, help="write to this file instead")
    cells.add_argument("--config-dir", type=Path, help="your own configurations, as for `train`")
    check = commands.add_parser("check-cell", help="the contract tests on a cell of your own")
    check.add_argument("cell", metavar="module:Class", help="as my_module:MyCell, found from the folder you are in")
    bench = commands.add_parser("bench", add_help=False, help="measure: `rnnbench bench overhead`")
    bench.add_argument("rest", nargs=argparse.REMAINDER)
    paper = commands.add_parser("reproduce", help="run what is missing of a paper and make its table")
    paper.add_argument("paper", help="its name in experiments/, or a folder of your own with a paper.yaml")
    paper.add_argument("--quick", action="store_true", help="a small form in minutes, apart from the committed records")
    paper.add_argument("--table-only", action="store_true", help="run nothing; collect what has finished")
    paper.add_argument("--check", action="store_true", help="fail where the table is not what the records give")
    paper.add_argument("--workers", type=_count, default=1, help="runs side by side, one thread each")
    paper.add_argument("--config-dir", type=Path, help="your own configurations, as for `train`")
    completion = commands.add_parser("completion", help='for your shell: eval "$(rnnbench completion bash)"')
    completion.add_argument("shell", choices=("bash",))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code: 0, 1 when a job failed, 2 for a mistake of the user, 130 when stopped."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _train(arguments[1:]) if arguments[:1] == ["train"] else _other(arguments)
        sys.stdout.flush()
        return code
    except UserError as error:
        for line in str(error).splitlines():
            print(f"rnnbench: {line}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `rnnbench table | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # keeps the interpreter's last flush quiet
        return 0
    except OSError as error:  # a folder that cannot be written, a full disk
        if error.filename is None:
            raise
        print(f"rnnbench: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2


def _train(arguments: list[str]) -> int:
    from rnnbench.training.command import main as train

    outcome = train(arguments)
    if outcome.sweep is None:
        return outcome.code
    from rnnbench.results.summary import conclude

    code = conclude(outcome.sweep, outcome.stopped)
    return outcome.code or code  # in this order: an interrupted sweep is 130, though jobs are left


def _other(arguments: list[str]) -> int:
    args = build_parser().parse_args(arguments)
    return _COMMANDS[args.command](args)


def runs_dir() -> Path:
    """Where runs lie when no folder is named."""
    return Path(os.environ.get("RNNBENCH_RUNS", "runs"))


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return number


def _folders(args: argparse.Namespace) -> list[Path]:
    from rnnbench.records.sweep import latest_sweep

    return args.folders or [latest_sweep(runs_dir())]


def _runs(args: argparse.Namespace) -> list:
    from rnnbench.records.load import load_runs

    return load_runs(_folders(args))


def _status(args: argparse.Namespace) -> int:
    from rnnbench.results.status import print_status

    print_status(_runs(args), metric=args.metric)
    return 0


def _table(args: argparse.Namespace) -> int:
    from rnnbench.results.formats import print_table, render
    from rnnbench.results.table import build

    table = build(_runs(args), rows=args.rows, cols=args.cols, metric=args.metric, split=args.split)
    if args.format == "terminal" and args.out is None:
        print_table(table)
        return 0
    text = render(table, "md" if args.format == "terminal" else args.format)
    if args.out is None:
        print(text)
    else:
        args.out.write_text(text + "\n", encoding="utf-8")
    return 0


def _compare(args: argparse.Namespace) -> int:
    from rnnbench.results.compare import compare, plot

    folders = _folders(args)
    runs = _runs(args)
    # Not inside a sweep: TensorBoard would show these curves among its runs.
    made = compare(runs, args.out or runs_dir() / "compare" / folders[0].resolve().name, args.rows, args.cols)
    picture = plot(runs, made.path.with_name(made.path.name + ".png"), args.metric, args.rows, args.cols)
    for note in made.notes:
        print(note)
    print(f"curves:      {made.path}\npicture:     {picture}")
    print(f"tensorboard: tensorboard --host 127.0.0.1 --logdir {made.path}")
    return 0


def _data(args: argparse.Namespace) -> int:
    from rnnbench.data.listing import main as data

    return data(args.action, args.names, args.data_dir or Path(os.environ.get("RNNBENCH_DATA", "data")))


def _cells(args: argparse.Namespace) -> int:
    from rnnbench.catalogue.command import cells

    return cells(args)


def _check_cell(args: argparse.Namespace) -> int:
    from rnnbench.catalogue.check import main as check

    return check(args.cell)


def _bench(args: argparse.Namespace) -> int:
    from rnnbench.bench.command import main as bench

    return bench(args.rest)


def _reproduce(args: argparse.Namespace) -> int:
    from rnnbench.records.paper import load_paper
    from rnnbench.results.paper import check_table, write_digest, write_table
    from rnnbench.results.summary import conclude
    from rnnbench.training.compose import packaged

    own = Path(args.paper)
    paper = load_paper(own if (own / "paper.yaml").exists() else packaged("experiments") / args.paper)
    if args.check:
        check_table(paper)
        return 0
    from rnnbench.training.paper import default_archive, run_paper

    paper = paper.shortened() if args.quick else paper
    archive = default_archive(paper, args.quick, runs_dir())
    launcher = ["replicas=auto"]
    if args.workers > 1:
        launcher += ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={args.workers}"]
    runs, outcome = run_paper(paper, archive, launcher, train=not args.table_only, config_dir=args.config_dir)
    print(write_table(paper, runs, archive.with_name("README.md")))
    if archive.parent == paper.folder:
        write_digest(paper, runs, paper.folder.parent.parent / "README.md")
    return 0 if outcome is None or outcome.sweep is None else conclude(outcome.sweep, outcome.stopped, table=False)


def _completion(args: argparse.Namespace) -> int:
    print(COMPLETION % " ".join(sorted(["train", *_COMMANDS])))
    return 0


_COMMANDS = {
    "status": _status,
    "table": _table,
    "compare": _compare,
    "data": _data,
    "cells": _cells,
    "check-cell": _check_cell,
    "bench": _bench,
    "reproduce": _reproduce,
    "completion": _completion,
}
