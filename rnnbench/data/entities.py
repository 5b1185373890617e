"""Named entities of a tagged sentence, by the rules of conlleval and seqeval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Span = tuple[int, int, str]  # first word, one past the last, kind


def is_bio(tags: Iterable[str]) -> bool:
    """Whether every tag is ``O``, ``B-kind`` or ``I-kind``, and one is not ``O``."""
    marks = {tag[:2] for tag in tags}
    return marks <= {"O", "B-", "I-"} and not marks <= {"O"}


def spans(tags: Sequence[str]) -> list[Span]:
    """The entities of one sentence, in their order.

    An entity begins at ``B``, and at an ``I`` that does not go on from a tag of its own kind; it ends before the next
    one, before ``O`` and at the end.
    """
    found: list[Span] = []
    start, kind = 0, None
    for i, tag in enumerate([*tags, "O"]):
        mark, _, this = tag.partition("-")
        goes_on = mark == "I" and this == kind
        if kind is not None and not goes_on:
            found.append((start, i, kind))
            kind = None
        if mark != "O" and not goes_on:
            start, kind = i, this
    return found
