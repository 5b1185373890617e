"""``rnnbench check-cell my_module:MyCell``: the contract tests on a user's own cell."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import is_dataclass

from rnnbench.catalogue.entries import here_is_importable
from rnnbench.cells import Cell
from rnnbench.errors import UserError, nearest
from rnnbench.layers.contract import CHECKS, Example, examples
from rnnbench.layers.engines import engines_for, why_not_fused


def main(name: str) -> int:
    """Check the cell ``module:Class``, a line a check and option set; 0 if all of it holds, else 1."""
    cell = load(name)
    try:
        found = examples(cell)
    except AssertionError as error:
        raise UserError(f"{name}: {error}") from error
    failures = 0
    for example in found:
        print(example)
        for check in CHECKS:
            verdict, holds = _verdict(check, example)
            failures += not holds
            print(f"  {check.__name__.removeprefix('check_'):<12} {verdict}", flush=True)
    print(_summary(found, failures))
    return 1 if failures else 0


def load(name: str) -> type[Cell]:
    """The class that ``module:Class`` names; modules of the current folder are found, too.

    Raises:
        UserError: in one line, where there is no such module or class, or the class is no cell.
    """
    module_name, separator, class_name = name.partition(":")
    if not (separator and module_name and class_name):
        raise UserError(f"{name}: name a cell as module:Class, for example my_module:MyCell")
    here_is_importable()
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's module raises
        reason = " ".join(str(error).split())
        raise UserError(f"{name}: cannot import {module_name}: {type(error).__name__}: {reason}") from error
    cell = getattr(module, class_name, None)
    if cell is None:
        there = [key for key, value in vars(module).items() if inspect.isclass(value) and issubclass(value, Cell)]
        raise UserError(f"{name}: {module_name} has no {class_name}; {nearest(class_name, set(there) - {'Cell'})}")
    if not inspect.isclass(cell) or not issubclass(cell, Cell):
        raise UserError(f"{name}: {class_name} is no cell: it must be a subclass of rnnbench.cells.Cell")
    if cell.stages is Cell.stages:
        raise UserError(f"{name}: {class_name} defines no stages, so that there is no step to check")
    if "__dataclass_fields__" not in vars(cell) or not is_dataclass(cell):
        raise UserError(f"{name}: {class_name} needs @dataclass(frozen=True) above it, as every cell")
    return cell


def _verdict(check: Callable[[Example], None], example: Example) -> tuple[str, bool]:
    reason = example.cell.exceptions.get(check.__name__.removeprefix("check_"))
    if reason is not None:
        return f"declared exception: {reason}", True
    try:
        check(example)
    except AssertionError as error:
        return f"does not hold: {_line(error).removeprefix(f'{example}: ')}", False
    except Exception as error:  # a user's code may raise anything, and that is the answer
        return f"does not hold: {type(error).__name__}: {_line(error)}", False
    return "ok", True


def _line(error: Exception) -> str:
    """The first paragraph of a message in one line: torch adds pages."""
    text = " ".join(str(error).strip().split("\n\n")[0].split())
    return text if len(text) < 400 else text[:400] + " ..."


def _summary(found: list[Example], failures: int) -> str:
    count = f"{len(found)} option set{'s' if len(found) > 1 else ''}, {len(CHECKS)} checks each"
    if failures:
        return f"{count}: {failures} did not hold"
    cell = found[0].build()
    reason = why_not_fused(cell)
    return f"{count}: the contract holds\nengines: {', '.join(engines_for(cell))}" + (
        f" (fused {reason})" if reason else ""
    )
