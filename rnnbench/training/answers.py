"""Answers of ``rnnbench predict`` on the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def show(answers: Sequence[dict[str, Any]], as_json: bool = False) -> None:
    """Print a line for each answer: JSON, or ``name value`` pairs with numbers to four digits."""
    for answer in answers:
        if as_json:
            print(json.dumps(answer, ensure_ascii=False))
        else:
            print("  ".join(f"{name} {_text(value)}" for name, value in answer.items()))


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return " ".join(_text(part) for part in value)
    return str(value)
