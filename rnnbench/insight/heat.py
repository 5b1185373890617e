"""Pictures of what answers rest on: tokens on coloured ground, series before it, many variables as an image.

Shape suffixes: T steps, V variables.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rnnbench.insight.saliency import Attribution

WIDTH, DPI = 10.0, 100  # inches, dots an inch
COLUMNS = 96  # characters of a line
LINE = 0.26  # inches
LINES_DRAWN, FEW = 40, 4  # of a text; variables that are drawn as lines
ADVANCE = 0.602  # of a character of the monospaced font, in font sizes


def draw(panels: Sequence[tuple[str, Attribution]], method: str) -> tuple[bytes, tuple[int, int]]:
    """The picture as PNG, and its width and height in dots. Each panel has a scale of its own."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [wrapped(found.names) if found.of_tokens else [] for _, found in panels]
    heights = [0.45 + (LINE * len(lines) if found.of_tokens else 2.2) for lines, (_, found) in zip(rows, panels)]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.4), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle("Integrated gradients" if method == "integrated" else "Gradient, magnitude", fontsize=11)
    parts: Any = figure.subfigures(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (label, found), lines in zip(parts, panels, rows):
        part.suptitle(f"{label}: {found.title}".replace("$", r"\$"), fontsize=9, x=0.01, ha="left")
        scale = float(np.abs(found.shares_TV).max()) or 1.0
        colours: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -scale, "vmax": scale}
        if found.gap is None:
            colours |= {"cmap": "Reds", "vmin": 0.0}
        if found.of_tokens:
            _tokens(part, lines, found.shares_TV[:, 0], colours)
        elif found.shares_TV.shape[1] <= FEW:
            _lines(part, found, colours)
        else:
            _images(part, found, colours)
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=DPI)
    width, height = figure.canvas.get_width_height()
    return held.getvalue(), (width, height)


def wrapped(tokens: Sequence[str]) -> list[list[tuple[int, int, str]]]:
    """Lines of ``(token's number, column, text)``; a line break of the text ends a line."""
    spaced = any(len(token) > 1 for token in tokens)  # words, not characters
    lines: list[list[tuple[int, int, str]]] = [[]]
    at = 0
    for number, token in enumerate(tokens):
        text = {"\n": "\u21b5", " ": "\u00b7"}.get(token, token)[:COLUMNS]
        if at + len(text) > COLUMNS:
            lines, at = [*lines, []], 0
        lines[-1].append((number, at, text))
        at += len(text) + spaced
        if token == "\n":
            lines, at = [*lines, []], 0
    return [line for line in lines if line][:LINES_DRAWN]


def _tokens(part: Any, lines: list[list[tuple[int, int, str]]], shares_T: np.ndarray, colours: dict[str, Any]) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    ax = part.subplots()
    ax.set(xlim=(0, COLUMNS), ylim=(len(lines), 0))
    ax.set_axis_off()
    size = 72 * WIDTH * 0.93 / COLUMNS / ADVANCE
    for row, line in enumerate(lines):
        for number, at, text in line:
            share = (shares_T[number] - colours["vmin"]) / (colours["vmax"] - colours["vmin"])
            colour = colormaps[colours["cmap"]](0.12 + 0.76 * share if colours["vmin"] else 0.7 * share)
            ax.add_patch(Rectangle((at, row + 0.06), len(text), 0.88, color=colour, lw=0))
            shown = text.replace("$", r"\$")
            ink = "black" if sum(colour[:3]) > 1.3 else "white"
            ax.text(at, row + 0.5, shown, family="monospace", fontsize=size, va="center", color=ink, clip_on=True)


def _lines(part: Any, found: Attribution, colours: dict[str, Any]) -> None:
    axes = part.subplots(found.shares_TV.shape[1], 1, sharex=True, squeeze=False)[:, 0]
    image = None
    for v, ax in enumerate(axes):
        seen_T = found.seen_TV[:, v]
        margin = 0.1 * float(np.ptp(seen_T)) or 0.1
        low, high = float(seen_T.min()) - margin, float(seen_T.max()) + margin
        steps = np.arange(1, len(seen_T) + 1)
        extent = (0.5, len(seen_T) + 0.5, low, high)
        image = ax.imshow(found.shares_TV[None, :, v], aspect="auto", extent=extent, interpolation="nearest", **colours)
        ax.plot(steps, seen_T, color="black", lw=1, marker="." if len(steps) <= 60 else None)
        ax.set_ylabel(found.names[v], fontsize=8, parse_math=False)
    axes[-1].set_xlabel("step")
    part.colorbar(image, ax=list(axes), label="share")


def _images(part: Any, found: Attribution, colours: dict[str, Any]) -> None:
    left, right = part.subplots(1, 2)
    V = found.shares_TV.shape[1]
    T = len(found.shares_TV)
    how: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest", "extent": (0.5, T + 0.5, V + 0.5, 0.5)}
    part.colorbar(left.imshow(found.seen_TV.T, cmap="Greys", **how), ax=left, label="input")
    part.colorbar(right.imshow(found.shares_TV.T, **how, **colours), ax=right, label="share")
    for ax in (left, right):
        ax.set(xlabel="step")
        if V <= 24:
            ax.set_yticks(range(1, V + 1), found.names, fontsize=6, parse_math=False)
