"""The page of every cell's equations and source, made from the docstrings."""

from __future__ import annotations

import importlib
import inspect

from rnnbench.catalogue.docs import markdown
from rnnbench.catalogue.entries import models
from rnnbench.cells import Cell
from rnnbench.layers.contract import find_cells
from rnnbench.training.check import locate

HEAD = """\
# Cells

Made by `rnnbench cells --page` from the docstrings; `rnnbench cells` lists sizes, papers and engines. x is the input,
h the old state, h' the new one; `*` multiplies elements, a matrix in front of a vector is a product. Shapes and options
stand in the docstrings, float64 references of all equations in [tests/cells](../../tests/cells).
"""


def page() -> str:
    """The whole page in Markdown: families in the order of their modules' names, cells in that of the code."""
    named = _models()
    families: dict[str, list[type[Cell]]] = {}
    for cell in find_cells():
        families.setdefault(cell.__module__, []).append(cell)
    parts = [HEAD]
    for module, cells in families.items():
        summary = inspect.cleandoc(importlib.import_module(module).__doc__ or module).split("\n\n")[0]
        parts.append(
            f"## [{module.rpartition('.')[2]}]({module.rpartition('.')[2]}.py)\n\n{' '.join(summary.split())}\n"
        )
        parts += [_section(cell, named.get(cell, [])) for cell in cells]
    return "\n".join(parts)


def _models() -> dict[type, list[str]]:
    found: dict[type, list[str]] = {}
    for name, (_, config) in models().items():
        if "cell" in config:
            found.setdefault(locate(config["cell"]["_target_"]), []).append(name)
    return found


def _section(cell: type[Cell], names: list[str]) -> str:
    doc = markdown(cell)
    lines = [f"### {cell.__name__}", doc.summary, doc.body]
    lines += [f"Does not keep `{check}` of the contract: {why}." for check, why in cell.exceptions.items()]
    if names:
        lines.append("`model=" + "`, `model=".join(names) + "`")
    return "\n\n".join(line for line in lines if line) + "\n"
