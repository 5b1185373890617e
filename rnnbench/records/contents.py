"""What the columns of a paper were trained and tested on, counted: ``data.csv`` beside its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rnnbench.errors import UserError
from rnnbench.records.files import read_rows, write_rows

CONTENTS = "data.csv"


@dataclass(frozen=True)
class Contents:
    """The data of one column, with the seed that they were counted with.

    Attributes:
        col: of the table.
        data: hash of the settings and files that give them.
        inputs: numbers a step; of tokens the size of their vocabulary.
        tokens: whether a step is a token.
        train: sequences of the training part.
        valid: of validation.
        test: of the test part.
        train_steps: all their steps.
        valid_steps: as well.
        test_steps: as well.
    """

    col: str
    data: str
    inputs: int
    tokens: bool
    train: int
    valid: int
    test: int
    train_steps: int
    valid_steps: int
    test_steps: int

    def __str__(self) -> str:
        width = f"{self.inputs:,} tokens" if self.tokens else f"{self.inputs:,} input{'s' * (self.inputs != 1)} a step"
        counts = " / ".join(f"{n:,}" for n in (self.train, self.valid, self.test))
        steps = " / ".join(f"{n:,}" for n in (self.train_steps, self.valid_steps, self.test_steps))
        return f"{self.col}: {width}; {counts} sequences of {steps} steps in all"


COLUMNS = tuple(field.name for field in fields(Contents))


def write_contents(contents: Sequence[Contents], path: Path) -> None:
    """Write them in the order given."""
    write_rows(path, COLUMNS, [{**asdict(one), "tokens": int(one.tokens)} for one in contents])


def read_contents(path: Path) -> dict[str, Contents]:
    """Column to its data; none when there is no such file.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return {}
    found = {}
    for where, r in read_rows(path, COLUMNS):
        try:
            numbers = {name: int(r[name]) for name in COLUMNS[2:]}
        except ValueError as error:
            raise UserError(f"{where}: {error}; delete the file, `rnnbench reproduce` counts again") from error
        tokens = bool(numbers.pop("tokens"))
        found[r["col"]] = Contents(r["col"], r["data"], tokens=tokens, **numbers)
    return found
