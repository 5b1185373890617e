"""A CSV file as columns of numbers; whatever is wrong with it is said in one line.

Row numbers in messages are line numbers of the file, as an editor shows them.

Shape suffixes: R rows, C columns.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbench.errors import UserError, nearest

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5  # line numbers that a message names


class Table:
    """A CSV file, read once for each state of the file.

    Args:
        path: the file; ``.gz`` is unpacked on the way.
        encoding: of its text; a byte order mark is skipped in UTF-8.
        separator: between its fields.
        header: whether its first line names the columns; otherwise they are called 0, 1, ...
        text: whether words such as "NA" and "None" are what they say, not missing numbers.
    """

    def __init__(
        self,
        path: str | Path,
        encoding: str = "utf-8",
        separator: str = ",",
        header: bool = True,
        text: bool = False,
    ):
        self.path = Path(path).expanduser()
        self.first_line = 2 if header else 1
        try:
            stamp = self.path.stat()
        except OSError as error:
            raise UserError(f"{self.path}: cannot be read ({error.strerror}); set dataset.path") from error
        # pandas' own utf-8 would keep the byte order mark in the first name
        encoding = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
        separator = separator.replace("\\t", "\t")  # as a shell hands a tab over
        self.frame = _read(self.path, encoding, separator, header, text, stamp.st_mtime_ns, stamp.st_size)
        self.columns = list(self.frame.columns)

    @classmethod
    def of(cls, columns: Mapping[str, np.ndarray], name: str) -> Table:
        """A table of numbers that stand in no CSV file; ``name`` is for messages, in which rows count from 1."""
        import pandas as pd

        table = cls.__new__(cls)
        table.path, table.first_line = Path(name), 1
        table.frame = pd.DataFrame(dict(columns))
        table.columns = list(table.frame.columns)
        return table

    def sha256(self) -> str:
        """Of the bytes of the file."""
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def require(self, names: Iterable[str]) -> None:
        """Raise ``UserError`` for a name that is no column, with the nearest ones."""
        for name in names:
            if name not in self.columns:
                raise UserError(f"{self.path}: no column {name!r}; {nearest(name, self.columns)}")

    def numeric(self) -> list[str]:
        """Columns with at least one number in them."""
        return [name for name in self.columns if np.isfinite(_numbers(self.frame[name])).any()]

    def values(self, names: list[str]) -> np.ndarray:
        """float64 ``(rows, names)``, NaN where a cell is empty. Raises ``UserError`` for a cell that is no number."""
        self.require(names)
        columns = []
        for name in names:
            cells = self.frame[name]
            numbers = _numbers(cells)
            wrong = ~np.isfinite(numbers) & cells.notna().to_numpy()
            if wrong.any():
                first = int(wrong.argmax())
                raise UserError(
                    f"{self.path}: column {name!r} holds {cells.iloc[first]!r} on line {first + self.first_line}, "
                    f"not a number ({int(wrong.sum())} such cells); mend it or leave the column out"
                )
            columns.append(numbers)
        return np.stack(columns, axis=1)

    def require_positive(self, names: list[str], values_RC: np.ndarray, advice: str = "") -> None:
        """Raise ``UserError`` where one of the ``values`` of these columns has no logarithm."""
        for name, column_R in zip(names, values_RC.T, strict=True):
            rows = np.flatnonzero(column_R <= 0)
            if len(rows):
                raise UserError(f"{self.path}: column {name!r} is not positive on line {self.lines(rows)}{advice}")

    def words(self, name: str) -> list[str]:
        """The cells of a column as they are. Raises ``UserError`` for an empty one."""
        self.require([name])
        cells = self.frame[name]
        empty = np.flatnonzero(cells.isna().to_numpy())
        if len(empty):
            raise UserError(f"{self.path}: column {name!r} has no word on line {self.lines(empty)}; fill it")
        return [str(cell).strip() for cell in cells]

    def lines(self, rows: np.ndarray) -> str:
        """Line numbers of the first few of ``rows``, for a message."""
        shown = ", ".join(str(int(row) + self.first_line) for row in rows[:SHOWN])
        return shown + (", ..." if len(rows) > SHOWN else "")

    def times(self, name: str, time_format: str | None = None) -> np.ndarray:
        """The column as numbers, or as dates (datetime64), which only increase. Raises ``UserError`` if not."""
        import pandas as pd

        self.require([name])
        cells = self.frame[name]
        times = _numbers(cells)
        if time_format is not None or not np.isfinite(times).all():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # about guessing the format cell by cell
                parsed = pd.to_datetime(cells, format=time_format, errors="coerce", utc=True)
            bad = np.flatnonzero(parsed.isna().to_numpy())
            if len(bad):
                raise UserError(
                    f"{self.path}: time column {name!r} holds {cells.iloc[bad[0]]!r} on line {self.lines(bad[:1])}, "
                    "not a time; set dataset.time_format (such as %d.%m.%Y) or leave dataset.time_column out"
                )
            times = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
        back = np.flatnonzero(times[1:] <= times[:-1]) + 1
        if len(back):
            raise UserError(
                f"{self.path}: time column {name!r} does not increase on line {self.lines(back)}; sort the file"
            )
        return times


@lru_cache(maxsize=2)
def _read(
    path: Path, encoding: str, separator: str, header: bool, text: bool, mtime_ns: int, size: int
) -> pd.DataFrame:
    """All cells as text, missing ones as NA. ``mtime_ns`` and ``size`` are there to read a changed file again."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # lines longer than the header
            frame = pd.read_csv(
                path,
                encoding=encoding,
                sep=separator,
                header=0 if header else None,
                dtype=str,
                keep_default_na=not text,
                na_values=[""],
                index_col=False,
                skip_blank_lines=False,  # a blank line is a missing value, and line numbers must hold
                skipinitialspace=True,
            )
    except (UnicodeError, LookupError) as error:
        named = encoding.removesuffix("-sig")
        raise UserError(
            f"{path}: is not {named} text; convert it, or set dataset.encoding, for instance cp1252"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise UserError(f"{path}: is empty") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError, OSError, EOFError) as error:
        raise UserError(f"{path}: is no table: {' '.join(str(error).split())}") from error
    frame.columns = [str(name).strip() for name in frame.columns]
    filled = np.flatnonzero(frame.notna().to_numpy().any(axis=1))
    if not len(filled):
        raise UserError(f"{path}: has no rows")
    return _checked(frame.iloc[: filled[-1] + 1], path, header)  # blank lines at the end mean nothing


def _checked(frame: pd.DataFrame, path: Path, header: bool) -> pd.DataFrame:
    if header and np.isfinite(_numbers(frame.columns.to_series())).all():
        raise UserError(f"{path}: the first line holds numbers, not names; set dataset.header=false")
    if len(frame.columns) == 1 and any(mark in frame.columns[0] for mark in ";\t"):
        raise UserError(f"{path}: has one column, {frame.columns[0]!r}; set dataset.separator")
    return frame


def _numbers(cells: Any) -> np.ndarray:
    """float64, NaN for what is no number."""
    import pandas as pd

    return np.asarray(pd.to_numeric(cells, errors="coerce"), dtype=float)
