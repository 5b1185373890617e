"""Printing a table: Markdown, LaTeX, CSV, JSON and the terminal, all from the same object."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rnnbench.errors import UserError, nearest
from rnnbench.records.published import Published
from rnnbench.results.statistics import Interval
from rnnbench.results.table import COSTS, Cell, Table

if TYPE_CHECKING:
    from rich.console import Console

NOTHING = "–"
ARROWS = {"min": "↓", "max": "↑", None: ""}
COST_NAMES = {
    "parameters": "parameters",
    "seconds": "seconds",
    "steps_per_second": "steps/s",
    "peak_memory_bytes": "peak MiB",
}
LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
    "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "↓": r"$\downarrow$",
    "↑": r"$\uparrow$", "–": "--", "−": "$-$", "<": "$<$", ">": "$>$",
}  # fmt: skip


@dataclass(frozen=True)
class Text:
    """The text of one printed cell, and whether it is marked."""

    text: str
    best: bool = False


def render(table: Table, form: str) -> str:
    """The table in one of ``FORMATS``: ``md``, ``latex``, ``csv`` or ``json``.

    Raises:
        UserError: another form.
    """
    if form not in FORMATS:
        raise UserError(f"format={form}: {nearest(form, FORMATS)}")
    return FORMATS[form](table)


def to_markdown(table: Table) -> str:
    """A table as GitHub shows it, and the notes below."""
    header, body = printed(table)
    lines = [header, ["---"] + ["---:"] * (len(header) - 1)]
    lines += [[f"**{cell.text}**" if cell.best else cell.text for cell in row] for row in body]
    return "\n".join([_lines(lines), "", *(f"- {note}" for note in table.notes)])


def markdown_rows(lines: Sequence[Sequence[str]]) -> str:
    """A plain table: a header and its rows, the first column to the left and the others to the right."""
    return _lines([lines[0], ["---"] + ["---:"] * (len(lines[0]) - 1), *lines[1:]])


def _lines(lines: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines)


def to_latex(table: Table) -> str:
    """A ``tabular`` with booktabs rules, and the notes as comments below."""
    header, body = printed(table)
    lines = [" & ".join(map(_latex, header)) + r" \\", r"\midrule"]
    for row in body:
        texts = [rf"\textbf{{{_latex(cell.text)}}}" if cell.best else _latex(cell.text) for cell in row]
        lines.append(" & ".join(texts) + r" \\")
    begin = [rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}", r"\toprule"]
    end = [r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*begin, *lines, *end, *(f"% {note}" for note in table.notes)])


def to_csv(table: Table) -> str:
    """One line a cell, numbers in full precision."""
    file = io.StringIO()
    cells = [_plain(table, row, col) for row, col in _places(table)]
    writer = csv.DictWriter(file, list(cells[0]), lineterminator="\n")
    writer.writeheader()
    for cell in cells:
        values = " ".join(map(repr, cell["values"]))
        missing = " ".join(f"{number} {status}" for status, number in cell["missing"].items())
        writer.writerow({**cell, "values": values, "missing": missing})
    return file.getvalue().rstrip("\n")


def to_json(table: Table) -> str:
    """The cells with all their numbers, and the notes."""
    data = {
        "rows": asdict(table.rows),
        "cols": asdict(table.cols),
        "split": table.split,
        "cells": [_plain(table, row, col) for row, col in _places(table)],
        "notes": table.notes,
    }
    return json.dumps(data, indent=1, ensure_ascii=False)


def print_table(table: Table, console: Console | None = None) -> None:
    """The table in the terminal, as wide as it is when the output is not a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text as RichText

    header, body = printed(table)
    console = console or Console()
    widths = [
        max(len(t) for t in texts) for texts in zip(header, *([c.text + " *" * c.best for c in row] for row in body))
    ]
    if not console.is_terminal:
        console.width = max(console.width, sum(widths) + 3 * len(widths) + 1)
    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for at, name in enumerate(header):
        shown.add_column(RichText(name), justify="left" if at == 0 else "right")
    for row in body:
        shown.add_row(*(RichText(f"{c.text} *" if c.best else c.text, "bold" if c.best else "") for c in row))
    console.print(shown)
    for note in table.notes:
        console.print(RichText(note, "dim"))


def printed(table: Table) -> tuple[list[str], list[list[Text]]]:
    """Header and body as texts: values, published numbers beside them, costs at the end."""
    header = [table.rows.name]
    cols = table.cols.labels
    in_rows = _metric_in_rows(table)
    compared = {col: any(cell.published for cell in table.col(col)) for col in cols}
    for col in cols:
        metric = "" if in_rows else _metric_of(table.col(col))
        header.append(f"{col} {metric}".strip())
        header += ["published", "difference", "verdict"] if compared[col] else []
    costs = [cost for cost in COSTS if any(c.costs.get(cost) is not None for c in table.cells.values())]
    header += [COST_NAMES[cost] for cost in costs]
    body = []
    for row in table.rows.labels:
        metric = _metric_of(table.row(row)) if in_rows else ""
        line = [Text(f"{row} {metric}".strip())]
        for col in cols:
            cell = table.cells.get((row, col), Cell())
            line.append(Text(value_text(cell), cell.best))
            line += _published_texts(cell) if compared[col] else []
        body.append(line + [Text(_cost_text(table.row(row), cost)) for cost in costs])
    return header, body


def value_text(cell: Cell) -> str:
    """``0.0123 ± 0.0056 (4/5: 1 failed)``: the half-width with two digits, the mean as precise as that."""
    if cell.interval is None and not cell.total:
        return NOTHING
    value = NOTHING if cell.interval is None else interval_text(cell.interval)
    if cell.baseline:
        return value
    missing = ", ".join(f"{number} {status}" for status, number in cell.missing.items())
    return f"{value} ({len(cell.values)}/{cell.total}{f': {missing}' if missing else ''})"


def interval_text(interval: Interval) -> str:
    """``mean ± half`` with two digits of the half-width; four digits of a mean that has none."""
    mean, half = interval.mean, interval.half
    if half is None or half <= 1e-9 * abs(mean):  # less is the rounding of sums
        text = f"{mean:#.4g}".rstrip(".") if abs(mean) < 1000 else f"{mean:.0f}"
        return text if half is None else f"{text} ± 0"
    decimals = 1 - math.floor(math.log10(float(f"{half:.1e}")))
    exponent = math.floor(math.log10(max(abs(mean), half)))
    if -4 <= exponent < 6:
        return f"{_fixed(mean, decimals)} ± {_fixed(half, decimals)}"
    scale = 10.0**exponent
    decimals = max(decimals + exponent, 0)
    return f"({_fixed(mean / scale, decimals)} ± {_fixed(half / scale, decimals)})e{exponent:+03d}"


def _fixed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}" if decimals >= 0 else f"{round(value, decimals):.0f}"


def _metric_in_rows(table: Table) -> bool:
    """Whether the metric belongs beside the rows' names: where a column holds several."""
    return any(len({c.metric for c in table.col(col) if c.metric}) > 1 for col in table.cols.labels)


def _metric_of(cells: list[Cell]) -> str:
    modes: dict[str, str | None] = {}
    for cell in cells:
        if cell.metric and not cell.baseline:
            modes[cell.metric] = modes.get(cell.metric) or cell.mode
    return ", ".join(f"{metric} {ARROWS[mode]}".strip() for metric, mode in modes.items())


def _published_texts(cell: Cell) -> list[Text]:
    number = cell.published
    if number is None:
        return [Text(NOTHING)] * 3
    difference = NOTHING if cell.interval is None else f"{cell.interval.mean - number.value:+.2g}"
    return [Text(published_text(number)), Text(difference), Text(_verdict_text(cell))]


def published_text(number: Published) -> str:
    """As many digits as the paper printed."""
    decimals = max(0, round(-math.log10(2 * number.rounding))) if number.rounding else None
    return f"{number.value:g}" if decimals is None else f"{number.value:.{decimals}f}"


def _verdict_text(cell: Cell) -> str:
    if cell.verdict:
        return cell.verdict.kind
    return "not run" if not cell.values and cell.sound else "none"


def _cost_text(cells: list[Cell], cost: str) -> str:
    """One number, or, where the columns differ, one for each column in their order."""
    texts = [_number_text(cell.costs.get(cost), cost) for cell in cells if not cell.baseline]
    if not texts or set(texts) == {NOTHING}:
        return NOTHING
    return texts[0] if len(set(texts)) == 1 else " / ".join(texts)


def _number_text(value: float | None, cost: str) -> str:
    if value is None:
        return NOTHING
    if cost == "parameters":
        return f"{value:,.0f}"
    if cost == "peak_memory_bytes":
        value /= 2**20
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _places(table: Table) -> list[tuple[str, str]]:
    places = [(row, col) for row in table.rows.labels for col in table.cols.labels]
    return [place for place in places if place in table.cells]


def _plain(table: Table, row: str, col: str) -> dict[str, Any]:
    cell = table.cells[row, col]
    interval = cell.interval or Interval(math.nan, None, None, None, 0)
    number, ours = cell.published, cell.verdict
    return {
        "row": row,
        "col": col,
        "metric": cell.metric,
        "mode": cell.mode,
        "split": table.split,
        "mean": interval.mean if cell.interval else None,
        "half": interval.half,
        "lo": interval.lo,
        "hi": interval.hi,
        "n": 0 if cell.baseline else len(cell.values),
        "total": cell.total,
        "missing": dict(cell.missing),
        "best": cell.best,
        "baseline": cell.baseline,
        "values": [] if cell.baseline else list(cell.values),
        **{cost: cell.costs.get(cost) for cost in COSTS},
        "published": number.value if number else None,
        "published_rounding": number.rounding if number else None,
        "published_runs": number.runs_averaged if number else None,
        "published_source": number.source if number else None,
        "difference": interval.mean - number.value if number and cell.interval else None,
        "verdict": ours.kind if ours else None,
        "verdict_lo": ours.lo if ours else None,
        "verdict_hi": ours.hi if ours else None,
    }


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


FORMATS: dict[str, Callable[[Table], str]] = {
    "md": to_markdown,
    "latex": to_latex,
    "csv": to_csv,
    "json": to_json,
}
