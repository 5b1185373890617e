"""Columns of words, as the second input of a model: which of the known labels a row has.

Shape suffixes: R rows of the table, S labels of all columns together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rnnbench.data.table import Table
from rnnbench.errors import UserError, nearest


def known_labels(table: Table, columns: Sequence[str], rows: int) -> dict[str, list[str]]:
    """The labels of each column in the first ``rows`` rows, sorted. Raises ``UserError`` for an empty cell."""
    return {column: sorted(set(table.words(column)[:rows])) for column in columns}


def marks(table: Table, known: Mapping[str, Sequence[str]]) -> np.ndarray:
    """``(R, S)``: 1 where a row has that label of that column, 0 elsewhere; none for a label that is not known.

    Raises:
        UserError: a column is missing, or a cell is empty.
    """
    parts = [np.array(table.words(column))[:, None] == np.array(labels) for column, labels in known.items()]
    return np.concatenate([np.zeros((len(table.frame), 0)), *parts], axis=1)


def last_marks(table: Table, known: Mapping[str, Sequence[str]]) -> np.ndarray:
    """``(1, S)``: those of the last row, in which every label must be known.

    Raises:
        UserError: as ``marks``, or for a label that training has not seen.
    """
    for column, labels in known.items():
        word = table.words(column)[-1]
        if word not in labels:
            where = f"column {column!r} holds {word!r} on line {table.lines(np.array([len(table.frame) - 1]))}"
            raise UserError(f"{table.path}: {where}, which training has not seen; {nearest(word, labels)}")
    return marks(table, known)[-1:]
