"""Where a series comes from: a user's file, a published one, one inside an installed package, or a simulation."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from rnnbench.data.dataset import at_least
from rnnbench.data.table import Table
from rnnbench.errors import UserError


class Source:
    """Base of all sources.

    Attributes:
        version: raised when a fix changes the numbers that ``read`` gives.
        name: for messages.
        files: names, in the manifest, of the published files that it reads.
        time_column: the column of times; None: there is none.
        time_format: of that column, as for ``strptime``; None: guessed.
    """

    version = 1
    name: str
    files: tuple[str, ...] = ()
    time_column: str | None = None
    time_format: str | None = None

    def read(self, seed: int, data_dir: str | Path | None) -> Table:
        """The table; ``seed`` counts for simulations only. Raises ``UserError`` when it cannot be had."""
        raise NotImplementedError(f"{type(self).__name__} reads nothing")

    def user_table(self, path: str) -> Table:
        """A CSV file of the same form, for predictions. Raises ``UserError``."""
        return Table(path)

    def fingerprint(self) -> dict[str, str]:
        """sha256 by file, of files that are not in the manifest."""
        return {}


class CsvFile(Source):
    """A CSV file of the user's own; the arguments are those of ``rnnbench.data.TimeSeries``."""

    def __init__(
        self,
        path: str,
        time_column: str | None = None,
        time_format: str | None = None,
        encoding: str = "utf-8",
        separator: str = ",",
        header: bool = True,
    ):
        self.name, self.time_column, self.time_format = path, time_column, time_format
        self.encoding, self.separator, self.header = encoding, separator, header

    def read(self, seed: int, data_dir: str | Path | None) -> Table:
        """The file as it is now."""
        return self.user_table(self.name)

    def user_table(self, path: str) -> Table:
        """A file with the same encoding, separator and header."""
        return Table(path, self.encoding, self.separator, self.header)

    def fingerprint(self) -> dict[str, str]:
        """The sum of the file."""
        return {Path(self.name).name: self.read(0, None).sha256()}


class Published(Source):
    """A file of the manifest: CSV, or the numbers of a NumPy array as the column ``value``.

    Args:
        file: its name in the manifest.
        time_column: a column of dates.
        time_format: how to read it.
        header: whether the first line names the columns; otherwise they are called 0, 1, ...
    """

    def __init__(self, file: str, time_column: str | None = None, time_format: str | None = None, header: bool = True):
        self.name, self.files = file, (file,)
        self.time_column, self.time_format, self.header = time_column, time_format, header

    def read(self, seed: int, data_dir: str | Path | None) -> Table:
        """The verified file, downloaded first when it is absent."""
        from rnnbench.data.files import fetch

        path = fetch(self.name, data_dir)
        if path.suffix != ".npy":
            return Table(path, header=self.header)
        return Table.of({"value": np.load(path, allow_pickle=False).reshape(-1)}, str(path))


class Packaged(Source):
    """A CSV file inside an installed Python package, which is not imported.

    Args:
        package: as it is imported.
        member: the file's path inside the package.
        install: what pip calls it; None: as it is imported.
        time_column: a column of dates.
        time_format: how to read it.
    """

    def __init__(
        self,
        package: str,
        member: str,
        install: str | None = None,
        time_column: str | None = None,
        time_format: str | None = None,
    ):
        self.name, self.member, self.install = package, member, install or package
        self.time_column, self.time_format = time_column, time_format

    def read(self, seed: int, data_dir: str | Path | None) -> Table:
        """The file of the version that is installed."""
        found = importlib.util.find_spec(self.name)
        if found is None or not found.submodule_search_locations:
            raise UserError(f"package {self.name} is not installed and holds the data: pip install {self.install}")
        path = Path(next(iter(found.submodule_search_locations))) / self.member
        if not path.is_file():
            raise UserError(f"package {self.name} has no file {self.member}: pip install -U {self.install}")
        return Table(path)

    def fingerprint(self) -> dict[str, str]:
        """The sum of the file."""
        return {self.member: self.read(0, None).sha256()}


class PriceWalk(Source):
    """A simulated price, column ``price``: normal steps, independent of all before, are summed; another one a seed.

    No forecast can do better on average than that the last price stays, plus the mean step.

    Args:
        days: rows.
        start: the price before the first step.
        step: standard deviation of a step.
        mean: of a step.
    """

    def __init__(self, days: int = 1000, start: float = 100.0, step: float = 1.0, mean: float = 0.0):
        self.name = "price_walk"
        self.days, self.start, self.step, self.mean = at_least("days", days, 1), start, step, mean

    def read(self, seed: int, data_dir: str | Path | None) -> Table:
        """A walk that ``seed`` decides."""
        steps = np.random.default_rng(seed).normal(self.mean, self.step, self.days)
        return Table.of({"price": self.start + steps.cumsum()}, self.name)


class Counting(Source):
    """The numbers 1, 2, ... in the column ``value``.

    Args:
        last: number.
    """

    def __init__(self, last: int = 10):
        self.name = "counting"
        self.last = at_least("last", last, 1)

    def read(self, seed: int, data_dir: str | Path | None) -> Table:
        """The numbers."""
        return Table.of({"value": np.arange(1.0, self.last + 1)}, self.name)
