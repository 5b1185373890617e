"""The arrows of ARCHITECTURE.md, held: every import of the package is read, late ones too."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "rnnbench"
MODULES = sorted(PACKAGE.rglob("*.py"))
BASE = {"errors", "rnnbench"}  # the one exception a user reads, and the version: open to all
# What each part may import, besides itself, of ours ("data.spec": that module alone) ...
ARROWS = {
    "cells": set(),
    "layers": {"cells"},
    "models": {"layers", "data.spec"},
    "data": BASE,
    "tasks": {"data", *BASE},
    "records": BASE,
    "results": {"records", *BASE},
    "catalogue": {"cells", "layers", "training", *BASE},
    "insight": {"cells", "layers", "data", "tasks", "records", "training", *BASE},
    "deploy": {"layers", "data", "tasks", "records", "training", *BASE},
    "training": {"tasks", "models", "data", "records", "schema", *BASE},
    "schema": BASE,
    "parsers": BASE,
    "errors": set(),
    "rnnbench": {"records"},
    "__main__": {"cli"},
}
FREE = {"cli", "bench"}  # where the arrows begin: they may use everything (bench all but cli), and nobody uses them
# ... and what of others it must not.
TORCH = {"torch", "lightning", "torchmetrics", "hydra", "omegaconf"}
FORBIDDEN = {"records": TORCH, "results": TORCH, "errors": TORCH, "rnnbench": TORCH}


def part_of(module: str) -> str:
    """``rnnbench.data.spec`` -> ``data``; ``rnnbench`` itself -> ``rnnbench``."""
    return module.split(".")[1] if "." in module else module


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, module: str, is_package: bool) -> Iterator[str]:
    """Full names of all modules that ``source`` imports, inside functions and ``TYPE_CHECKING`` as well."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: None if is_package else -1] if node.level else []
            parents = parents[: len(parents) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            # `from rnnbench.data import spec` imports a module, `from rnnbench.data.spec import Batch` does not.
            found = [f"{base}.{alias.name}" for alias in node.names if is_module(f"{base}.{alias.name}")]
            yield from found or [base]


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return name.startswith("rnnbench.") and (path.with_suffix(".py").exists() or (path / "__init__.py").exists())


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    return [f"{module} imports {name}" for name in imports(source, module, is_package) if not allowed(module, name)]


def allowed(module: str, name: str) -> bool:
    part, other, outside = part_of(module), part_of(name), name.split(".")[0]
    if outside != "rnnbench":
        if part == "cells":
            return outside in {"torch", *sys.stdlib_module_names}
        return outside not in FORBIDDEN.get(part, ())
    if part == other or part == "cli":
        return True
    if part == "bench":
        return other != "cli"
    return bool({other, name.removeprefix("rnnbench.")} & ARROWS[part])


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_follow_the_arrows(path):
    assert violations(path.read_text(), name_of(path), path.name == "__init__.py") == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("rnnbench.cells.lstm", "import numpy"),
        ("rnnbench.cells.lstm", "from rnnbench.errors import UserError"),
        ("rnnbench.models.model", "from rnnbench.data import Dataset"),
        ("rnnbench.data.digits", "from rnnbench.tasks import Task"),
        ("rnnbench.records.load", "def f():\n    import torch.nn"),
        ("rnnbench.results.table", "if TYPE_CHECKING:\n    from rnnbench.training.plan import Plan"),
        ("rnnbench.results.table", "from ..training import plan"),
        ("rnnbench.training.run", "from rnnbench import results"),
        ("rnnbench.training.run", "from rnnbench.cli import main"),
        ("rnnbench.training.run", "import rnnbench.bench.timing"),
    ],
)
def test_an_import_against_the_arrows_is_seen(module, line):
    assert len(violations(line, module)) == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("rnnbench.models.model", "from rnnbench.data.spec import Batch"),
        ("rnnbench.models.model", "from rnnbench.data import spec"),
        ("rnnbench.records.load", "from . import store"),
        ("rnnbench.cli", "from rnnbench.training.command import main"),
    ],
)
def test_an_import_along_the_arrows_is_let_through(module, line):
    assert violations(line, module) == []


def test_every_part_has_its_arrows():
    parts = {part_of(name_of(path)) for path in MODULES}
    assert parts == ARROWS.keys() | FREE


def test_no_part_reaches_itself():
    arrows = {part: {name.split(".")[0] for name in others} - {"rnnbench"} for part, others in ARROWS.items()}

    def reach(part: str, seen: frozenset[str]) -> set[str]:
        return {part} | {far for near in arrows.get(part, set()) - seen for far in reach(near, seen | {near})}

    assert [part for part in arrows if any(part in reach(near, frozenset({near})) for near in arrows[part])] == []


def test_no_circle_of_imports_at_the_top_of_modules():
    """Modules that import one another while being loaded work only in one order."""
    tops = {}
    for path in MODULES:
        body = [n for n in ast.parse(path.read_text()).body if isinstance(n, (ast.Import, ast.ImportFrom))]
        name = name_of(path)
        names = set(imports("\n".join(map(ast.unparse, body)), name, path.name == "__init__.py"))
        tops[name] = {n for n in names if n.startswith("rnnbench.")} - {name}
    while free := [name for name, needed in tops.items() if not needed & tops.keys()]:
        for name in free:
            del tops[name]
    # A package and its own modules name each other: loading the package first is Python's rule, not a circle.
    circles = {name: needed & tops.keys() for name, needed in tops.items()}
    between = {n: {m for m in needed if part_of(m) != part_of(n)} for n, needed in circles.items()}
    assert {n: m for n, m in between.items() if m} == {}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_has_a_docstring_and_is_short(path):
    source = path.read_text()
    tree = ast.parse(source)
    assert ast.get_docstring(tree)
    assert len(source.splitlines()) <= 400
    long = {
        node.name: lines
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (lines := (node.end_lineno or 0) - node.lineno + 1 - len((ast.get_docstring(node) or "").splitlines())) > 60
    }
    assert long == {}


def tracked() -> list[Path]:
    """The files of the project: git's, or in an unpacked source archive all that lies beside the package."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]
    return [path for folder in ("rnnbench", "tests", "conf", "experiments") for path in (ROOT / folder).rglob("*.*")]


MACHINE = re.compile(r"(?<![\w.}])/(?:tmp|home|root|mnt|Users)/\w|[A-Z]:\\\\?Users")


def test_no_path_of_one_machine():
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture
            continue
        found += [f"{path.relative_to(ROOT)}: {m[0]}" for m in MACHINE.finditer(text) if path != Path(__file__)]
    assert found == []


def test_a_path_of_one_machine_is_seen():
    assert all(map(MACHINE.search, ["= '/home/ada/x'", "(/tmp/runs)", r"C:\Users\ada"]))
    assert not any(map(MACHINE.search, ["https://a.org/home/main", "runs/tmp/a", "{x}/home/y", "/dataset/home"]))
