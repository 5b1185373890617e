"""``rnnbench <command>``: parse, dispatch, import late, so that help, status and tables come at once."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnbench.errors import UserError
from rnnbench.parsers import build_parser, lr_find_parser, search_parser

if TYPE_CHECKING:
    from rnnbench.training.command import Outcome

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code: 0, 1 when a job failed, 2 for a mistake of the user, 130 when stopped."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        own = {"train": _train, "search": _search, "lr-find": _lr_find, "bench": _bench}.get("".join(arguments[:1]))
        code = own(arguments[1:]) if own else _other(arguments)
        sys.stdout.flush()
        return code
    except UserError as error:
        for line in str(error).splitlines():
            print(f"rnnbench: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before a run could have left anything, which has its own way to stop
        print("rnnbench: stopped", file=sys.stderr)
        return 130
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

    return _concluded(train(arguments))


def _search(arguments: list[str]) -> int:
    parser = search_parser()
    if {"-h", "--help"} & set(arguments):
        parser.print_help()
        return 0
    from rnnbench.training.search import main as search

    return _concluded(search(arguments, parser))


def _lr_find(arguments: list[str]) -> int:
    parser = lr_find_parser()
    if {"-h", "--help"} & set(arguments):
        parser.print_help()
        return 0
    from rnnbench.training.lr_find import main as lr_find

    return lr_find(arguments, parser)


def _concluded(outcome: Outcome, table: bool = True) -> int:
    if outcome.sweep is None:
        return outcome.code
    from rnnbench.results.summary import conclude

    code = conclude(outcome.sweep, outcome.stopped, table)
    return outcome.code or code  # in this order: an interrupted sweep is 130, though jobs are left


def _other(arguments: list[str]) -> int:
    args = build_parser().parse_args(arguments)
    return _COMMANDS[args.command](args)


def runs_dir() -> Path:
    """Where runs lie when no folder is named."""
    return Path(os.environ.get("RNNBENCH_RUNS", "runs"))


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
    kinds = {".tex": "latex", ".csv": "csv", ".json": "json"}
    of_file = kinds.get(args.out.suffix.lower(), "md") if args.out else "md"
    _hand_out(render(table, of_file if args.format == "terminal" else args.format), args.out)
    return 0


def _hand_out(text: str, out: Path | None) -> None:
    from rnnbench.records.files import write_whole

    if out is None:
        print(text)
    else:
        write_whole(out, text + "\n")


def _compare(args: argparse.Namespace) -> int:
    from rnnbench.records.sweep import tensorboard
    from rnnbench.results.compare import compare, plot

    folders = _folders(args)
    runs = _runs(args)
    # Not inside a sweep: TensorBoard would show these curves among its runs.
    out = args.out or runs_dir() / "compare" / folders[0].resolve().name
    out = out if out.name not in ("", "..") else out.resolve()
    if not out.name:
        raise UserError(f"--out {args.out}: has no place for a picture beside it; name a folder")
    made = compare(runs, out, args.rows, args.cols, args.metric)
    picture = plot(runs, made.path.with_name(made.path.name + ".png"), args.metric, args.rows, args.cols)
    for note in made.notes:
        print(note)
    print(f"curves:      {made.path}\npicture:     {picture}\ntensorboard: {tensorboard(made.path)}")
    return 0


def _predict(args: argparse.Namespace) -> int:
    from rnnbench.training.answers import show
    from rnnbench.training.predict import load_trained

    if args.picture is not None and len(args.inputs) > 1:
        raise UserError(f"--picture: draws one input, and there are {len(args.inputs)}; give a file of sentences")
    trained = load_trained(args.run, args.module)
    if args.picture is not None:
        from rnnbench.training.translations import draw_attention

        draw_attention(trained, args.inputs[0], args.picture)
    for source in args.inputs:
        show(trained.predict(source), args.json)
    return 0


def _generate(args: argparse.Namespace) -> int:
    from rnnbench.training.generate import generate
    from rnnbench.training.predict import load_trained

    trained = load_trained(args.run, args.module)
    print(generate(trained, args.prompt, args.length, args.temperature, args.seed))
    return 0


def _inspect(args: argparse.Namespace) -> int:
    from rnnbench.insight.saliency import saliency
    from rnnbench.insight.time import inspect, labels, told
    from rnnbench.training.predict import check_data, load_trained

    if args.saliency is None and args.target is not None:
        raise UserError(f"--target {args.target}: says of what --saliency is measured; add --saliency")
    if args.saliency is None and args.method is not None:
        raise UserError(f"--method {args.method}: is of --saliency; add it")
    runs = [(label, run, load_trained(run, args.module)) for label, run in zip(labels(args.runs), args.runs)]
    if not args.saliency:  # sequences of validation are looked at
        for _, run, trained in runs:
            check_data(trained, run)
    out = args.out or Path("inspect.png" if args.saliency is None else "saliency.png")
    if args.saliency is not None:
        for line in saliency(runs, args.saliency, args.method or "integrated", args.target, args.sequences or 4, out):
            print(line)
    else:
        for label, flow in inspect([(label, run) for label, _, run in runs], args.sequences or 32, out).items():
            print(told(label, flow))
    print(f"picture:     {out}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from rnnbench.deploy.export import main as export
    from rnnbench.training.predict import load_trained

    print("\n".join(export(load_trained(args.run, args.module), args.run, args.to, args.output, args.lengths)))
    return 0


def _shrink(args: argparse.Namespace) -> int:
    from rnnbench.deploy.shrink import main as shrink
    from rnnbench.training.predict import load_trained

    if args.together and args.int8 and not args.prune:
        raise UserError("--global: says how --prune counts; add it")
    print("\n".join(shrink(load_trained(args.run, args.module), args.run, args.int8, args.prune, args.together)))
    return 0


def _data(args: argparse.Namespace) -> int:
    from rnnbench.data.listing import main as data

    return data(args.action, args.names, args.data_dir or Path(os.environ.get("RNNBENCH_DATA", "data")))


def _cells(args: argparse.Namespace) -> int:
    from rnnbench.catalogue.command import cells

    text = cells(args)
    if text is not None:
        _hand_out(text, args.out)
    return 0


def _check_cell(args: argparse.Namespace) -> int:
    from rnnbench.catalogue.check import main as check

    return check(args.cell)


def _bench(arguments: list[str]) -> int:
    from rnnbench.bench.command import main as bench

    return bench(arguments)


def _reproduce(args: argparse.Namespace) -> int:
    from rnnbench.records.files import alone
    from rnnbench.records.paper import load_paper
    from rnnbench.results.paper import check_marks, check_table, write_page
    from rnnbench.training.compose import packaged
    from rnnbench.training.paper import check_declared, default_archive, run_paper

    own = Path(args.paper).parent if Path(args.paper).name == "paper.yaml" else Path(args.paper)
    called = shlex.join([args.paper, *(["--config-dir", str(args.config_dir)] if args.config_dir else [])])
    if not (found := (own / "paper.yaml").exists()) and len(Path(args.paper).parts) != 1:
        raise UserError(f"{args.paper}: no folder with a paper.yaml; `rnnbench papers` lists ours by name")
    paper = load_paper(own if found else packaged("experiments") / args.paper, called)
    if args.check:
        if args.only:
            raise UserError("--only: --check looks at the whole page; leave one of them out")
        check_table(paper)
        check_declared(paper, args.config_dir)
        return 0
    only = args.only or (paper.quick.only if args.quick else ())
    paper = paper.shortened() if args.quick else paper
    archive = default_archive(paper, args.quick, runs_dir())
    check_marks(paper, archive.with_name("README.md"))
    outcomes = []
    with alone(archive):
        pass  # that this folder cannot be written is better known before the training
    if args.estimate:
        from rnnbench.training.estimate import estimate

        estimate(paper.only(only), archive, args.config_dir)
    else:
        launcher = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={args.workers}"] if args.workers > 1 else []
        _, outcomes = run_paper(paper, archive, launcher, not args.table_only, args.config_dir, only)
    print(write_page(paper, archive))
    return max((_concluded(outcome, table=False) for outcome in outcomes), default=0)


def _papers(args: argparse.Namespace) -> int:
    from rnnbench.records.paper import load_papers
    from rnnbench.results.papers import check_pages, listing, summaries, write_pages
    from rnnbench.training.compose import is_installed, packaged

    folder = packaged("experiments")
    papers = load_papers(folder)
    if args.write:
        if is_installed(folder):
            raise UserError("--write: the pages of an installed rnnbench stay as they are; use a checkout")
        write_pages(papers, folder)
    if args.check:
        from rnnbench.training.paper import check_declared

        check_pages(papers, folder)
        for paper in papers:
            check_declared(paper)
    print(listing(summaries(papers)))
    return 0


def _completion(args: argparse.Namespace) -> int:
    print(COMPLETION % " ".join(sorted(["train", "search", "lr-find", "bench", *_COMMANDS])))
    return 0


_COMMANDS = {
    "status": _status,
    "table": _table,
    "compare": _compare,
    "predict": _predict,
    "generate": _generate,
    "inspect": _inspect,
    "export": _export,
    "shrink": _shrink,
    "data": _data,
    "cells": _cells,
    "check-cell": _check_cell,
    "reproduce": _reproduce,
    "papers": _papers,
    "completion": _completion,
}
