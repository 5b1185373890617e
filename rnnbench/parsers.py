"""The options of every command; ``train`` leaves its own to Hydra."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from rnnbench import __version__
from rnnbench.errors import UserError


class Parser(argparse.ArgumentParser):
    """One line for a mistake, like every other, instead of the usage."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse."""
        raise UserError(f"{message}; see `{self.prog} --help`")


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = Parser(prog="rnnbench", description="Compare recurrent networks.")
    parser.add_argument("--version", action="version", version=f"rnnbench {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("train", add_help=False, help="train one run, or with -m a sweep: model=gru dataset=jsb seed=3")
    commands.add_parser("search", add_help=False, help="draw configurations by Optuna: 'optimizer.lr=interval(0,1)'")
    commands.add_parser("lr-find", add_help=False, help="a learning rate from a short training: model=gru dataset=jsb")
    _of_records(commands)
    _of_trained_runs(commands)
    _of_data_and_code(commands)
    _of_papers(commands)
    completion = commands.add_parser("completion", help='for your shell: eval "$(rnnbench completion bash)"')
    completion.add_argument("shell", choices=("bash",))
    return parser


def search_parser() -> argparse.ArgumentParser:
    """Of ``rnnbench search``, whose overrides and options may stand in any order."""
    parser = Parser(prog="rnnbench search", description="Draw configurations by Optuna; every trial is a run.")
    parser.add_argument("overrides", nargs="+", help="'optimizer.lr=tag(log,interval(1e-4,1e-1))' model=lstm,gru ...")
    parser.add_argument("--trials", type=count, default=20, help="how many in all, over all launches (default: 20)")
    parser.add_argument("--sampler", choices=("tpe", "random"), default="tpe")
    parser.add_argument("--prune", action="store_true", help="stop trials that fall behind the median on validation")
    parser.add_argument("--config-dir", type=Path, help="your own configurations, as for `train`")
    return parser


def lr_find_parser() -> argparse.ArgumentParser:
    """Of ``rnnbench lr-find``, likewise."""
    text = "Train with a growing learning rate; name the one where the loss falls fastest. No run is made."
    parser = Parser(prog="rnnbench lr-find", description=text)
    parser.add_argument("overrides", nargs="*", help="as for `train`: model=gru dataset=jsb ...")
    parser.add_argument("--min-lr", type=float, default=1e-6, help="where the test begins (default: 1e-6)")
    parser.add_argument("--max-lr", type=float, default=1.0, help="where it ends (default: 1)")
    parser.add_argument("--steps", type=count, default=100, help="of training (default: 100)")
    parser.add_argument("--out", type=Path, default=Path("lr_find.png"), help="the picture (default: lr_find.png)")
    parser.add_argument("--config-dir", type=Path, help="your own configurations, as for `train`")
    return parser


def _of_records(commands: Any) -> None:
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
            command.add_argument(
                "--out", type=Path, help="write to this file instead, of the kind that its name ends in"
            )
        if name == "compare":
            command.add_argument("--out", type=Path, help="folder for the curves (default: <runs>/compare/<sweep>)")


def _of_trained_runs(commands: Any) -> None:
    predict = commands.add_parser("predict", help="a trained run's answer to an input of your own")
    predict.add_argument("run", type=Path, help="the directory of a finished run")
    predict.add_argument("inputs", nargs="+", metavar="input", help="a file, or the text itself")
    predict.add_argument("--picture", type=Path, help="of a translation: where the decoder looks, as a PNG")
    predict.add_argument("--json", action="store_true", help="a line of JSON for each answer")
    predict.add_argument("--module", action="append", default=[], help="a module of yours that the run may import")
    generate = commands.add_parser("generate", help="text from a trained language model")
    generate.add_argument("run", type=Path, help="the directory of a finished run")
    generate.add_argument("--prompt", default="", help="text that goes before")
    generate.add_argument("--length", type=count, default=200, help="tokens to draw")
    generate.add_argument(
        "--temperature", type=float, default=1.0, help="below 1 safer, above 1 stranger, 0: the likeliest token"
    )
    generate.add_argument("--seed", type=int, default=0)
    generate.add_argument("--module", action="append", default=[], help="a module of yours that the run may import")
    look = commands.add_parser(
        "inspect", help="gradients through time, gates, or what answers rest on, of trained runs, as a picture"
    )
    look.add_argument("runs", nargs="+", type=Path, help="directories of finished runs")
    look.add_argument(
        "--saliency",
        nargs="?",
        const="",
        metavar="INPUT",
        help="what the answer to an input rests on, as `predict` takes it; without one: to sequences of validation",
    )
    look.add_argument(
        "--method", choices=("integrated", "gradient"), help="of --saliency (default: integrated gradients)"
    )
    look.add_argument("--target", help="of --saliency: a class by its name (default: the likeliest)")
    look.add_argument("--sequences", type=count, help="that are looked at (default: 32; with --saliency 4)")
    look.add_argument("--out", type=Path, help="the picture (default: inspect.png, or saliency.png)")
    look.add_argument("--module", action="append", default=[], help="a module of yours that the runs may import")
    _of_deployment(commands)


def _of_deployment(commands: Any) -> None:
    export = commands.add_parser("export", help="a trained run as one file for other programs, checked")
    export.add_argument("run", type=Path, help="the directory of a finished run")
    export.add_argument("--to", required=True, choices=("onnx", "torch_export"), help="the kind of file")
    export.add_argument("--output", type=Path, help="the file (default: model.onnx or model.pt2 in the run)")
    export.add_argument("--lengths", action="store_true", help="take the steps of each sequence, for padded batches")
    export.add_argument("--module", action="append", default=[], help="a module of yours that the run may import")
    shrink = commands.add_parser("shrink", help="size, time and metrics of a trained run in int8 or pruned")
    shrink.add_argument("run", type=Path, help="the directory of a finished run")
    shrink.add_argument("--int8", action="store_true", help="8 bits a weight (default: this, and --prune 0.5,0.8,0.9)")
    shrink.add_argument("--prune", type=shares, default=(), metavar="SHARES", help="of the least weights, as 0.5,0.8")
    shrink.add_argument("--global", action="store_true", dest="together", help="the least of all matrices, not of each")
    shrink.add_argument("--module", action="append", default=[], help="a module of yours that the run may import")


def _of_data_and_code(commands: Any) -> None:
    data = commands.add_parser("data", help="list, prepare or verify data files")
    data.add_argument("action", choices=("list", "prepare", "verify"))
    data.add_argument("names", nargs="*", help="datasets (default: all)")
    data.add_argument("--data-dir", type=Path, help="default: $RNNBENCH_DATA, else ./data")
    cells = commands.add_parser("cells", help="every model: paper, size, engines; or the page of all equations")
    cells.add_argument("--input-size", type=count, help="for the parameters (default: 64)")
    cells.add_argument("--hidden-size", type=count, help="likewise (default: 64)")
    cells.add_argument("--format", default="terminal", choices=("terminal", "markdown", "csv", "json"))
    cells.add_argument("--page", action="store_true", help="equations and sources of all cells, in Markdown")
    cells.add_argument("--out", type=Path, help="write to this file instead")
    cells.add_argument("--config-dir", type=Path, help="your own configurations, as for `train`")
    check = commands.add_parser("check-cell", help="the contract tests on a cell of your own")
    check.add_argument("cell", metavar="module:Class", help="as my_module:MyCell, found from the folder you are in")
    commands.add_parser("bench", add_help=False, help="measure: `rnnbench bench overhead`")


def _of_papers(commands: Any) -> None:
    paper = commands.add_parser("reproduce", help="run what is missing of a paper and make its table")
    paper.add_argument("paper", help="its name in experiments/, or a folder of your own with a paper.yaml")
    ways = paper.add_mutually_exclusive_group()
    ways.add_argument("--quick", action="store_true", help="a small form in minutes, apart from the committed records")
    ways.add_argument("--table-only", action="store_true", help="run nothing; collect what has finished")
    ways.add_argument("--check", action="store_true", help="fail where the table is not what the records give")
    paper.add_argument("--only", nargs="+", default=(), metavar="NAME", help="run these rows and columns only")
    ways.add_argument("--estimate", action="store_true", help="measure what the cells without a run would take")
    paper.add_argument("--workers", type=count, default=1, help="runs side by side, one thread each")
    paper.add_argument("--config-dir", type=Path, help="your own configurations, as for `train`")
    papers = commands.add_parser("papers", help="every paper: what came back, what not, what is left and its hours")
    papers.add_argument(
        "--write", action="store_true", help="make every page and picture again from the committed records"
    )
    papers.add_argument("--check", action="store_true", help="fail where a page is not what the records give")


def count(text: str) -> int:
    """A whole number of at least 1."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return number


def shares(text: str) -> tuple[float, ...]:
    """Numbers above 0 and below 1, apart by commas."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(0 < number < 1 for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not numbers between 0 and 1, apart by commas")
    return numbers
