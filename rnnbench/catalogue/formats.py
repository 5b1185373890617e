"""The list of models as a table: for the terminal, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from rnnbench.catalogue.entries import Entry

NOTHING = "–"
COLUMNS = ("model", "cell", "paper", "year", "gates", "state", "parameters", "engines", "exceptions")
NUMBERS = ("year", "gates", "state", "parameters")


def row(entry: Entry) -> dict[str, Any]:
    """Plain values by column; None for what does not apply."""
    return {
        "model": entry.model,
        "cell": entry.cell.__name__,
        "paper": _paper(entry),
        "year": entry.paper.year if entry.paper else None,
        "gates": entry.gates,
        "state": entry.state,
        "parameters": entry.parameters,
        "engines": list(entry.engines),
        "exceptions": dict(entry.exceptions),
        "note": entry.note,
    }


def _paper(entry: Entry) -> str | None:
    paper = entry.paper
    return None if paper is None else ", ".join(part for part in (paper.authors, paper.where) if part)


def render(entries: Sequence[Entry], form: str) -> str:
    """The list as ``markdown``, ``csv`` or ``json``."""
    rows = [row(entry) for entry in entries]
    if form == "json":
        return json.dumps(rows, indent=1, ensure_ascii=False)
    if form == "csv":
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_joined(one[name]) for name in COLUMNS] for one in rows)
        return out.getvalue().rstrip("\n")
    ruler = ["---:" if name in NUMBERS else "---" for name in COLUMNS]
    lines = [list(COLUMNS), ruler, *([_text(one[name]) for name in COLUMNS] for one in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def print_entries(entries: Sequence[Entry]) -> None:
    """A line a model on the terminal, and under them what ``notes`` says."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in COLUMNS[:-1]:
        table.add_column(name, justify="right" if name in NUMBERS else "left", no_wrap=True)
    for entry in entries:
        one = row(entry) | {"paper": entry.paper.short if entry.paper else None}
        table.add_row(*(Text(_text(one[name])) for name in COLUMNS[:-1]))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200  # a file or a pager has no width to keep to
    console.print(table)
    for line in notes(entries):
        console.print(Text(line))


def notes(entries: Sequence[Entry]) -> list[str]:
    """A line for every declared exception, and for every model that refuses the sizes."""
    found = [f"{e.model}: {check}: {reason}" for e in entries for check, reason in e.exceptions.items()]
    return found + [f"{e.model}: not built: {e.note}" for e in entries if e.note]


def _joined(value: Any) -> Any:
    return " ".join(value) if isinstance(value, (list, dict)) else value


def _text(value: Any) -> str:
    value = _joined(value)
    if value is None or value == "":
        return NOTHING
    return f"{value:,}" if isinstance(value, int) and value > 9999 else str(value)
