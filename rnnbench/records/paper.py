"""What a folder of ``experiments/`` declares in its ``paper.yaml``.

A paper is one or several tables (see ``records.paper_table``). What stands at the top of the file holds for all of
them; an entry of ``tables`` replaces, key by key, what it names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from rnnbench.errors import UserError, nearest
from rnnbench.records.paper_table import PaperTable, Search
from rnnbench.records.trials import Trials

ARCHIVE = "records.csv"
OF_PAPER = ("title", "reference", "notes", "tables", "quick")
OF_TABLE = ("table", "base", "rows", "cols", "cells", "search", "seeds", "metric", "splits", "published", "claims")
OF_TABLE += ("ranked", "small", "also", "trials")


@dataclass(frozen=True)
class Paper:
    """One paper.

    Attributes:
        folder: where its ``paper.yaml`` stands.
        title: of the paper.
        reference: authors, year, where.
        tables: in order; no (row, column) stands in two of them.
        quick: ``draws``, ``seeds`` and ``overrides`` of the quick form.
        notes: title to sentences, printed under the tables.
    """

    folder: Path
    title: str
    reference: str
    tables: tuple[PaperTable, ...]
    quick: Mapping[str, Any]
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    def shortened(self) -> Paper:
        """The quick form; its records go nowhere near the real ones."""
        return replace(self, tables=tuple(table.shortened(self.quick) for table in self.tables))

    def only(self, names: Sequence[str]) -> Paper:
        """The rows and columns called ``names``; everything where there are none.

        Raises:
            UserError: a name that no table has.
        """
        rows = {name for table in self.tables for name in table.rows}
        cols = {name for table in self.tables for name in table.cols}
        for name in names:
            if name not in rows | cols:
                raise UserError(f"--only {name}: no row or column of {self.name}; {nearest(name, rows | cols)}")
        return replace(self, tables=tuple(t.only(rows & set(names), cols & set(names)) for t in self.tables))


def load_paper(folder: Path) -> Paper:
    """The paper in ``folder``.

    Raises:
        UserError: the folder holds no readable ``paper.yaml``, or one with a key missing or unknown.
    """
    path = folder / "paper.yaml"
    if not path.exists():
        known = sorted(p.parent.name for p in folder.parent.glob("*/paper.yaml"))
        raise UserError(f"paper {folder.name}: there is no {path}; known papers: {', '.join(known) or 'none'}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        common = {key: value for key, value in values.items() if key not in OF_PAPER}
        paper = Paper(
            folder=folder,
            title=values["title"],
            reference=values["reference"],
            tables=tuple(_table({**common, **own}) for own in values.get("tables", [{}])),
            quick={"draws": 1, "seeds": 1, **values["quick"]},
            notes={k: tuple(v) for k, v in values.get("notes", {}).items()},
        )
    except (KeyError, TypeError, AttributeError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    _check(paper, path)
    return paper


def load_papers(folder: Path) -> list[Paper]:
    """Every paper in ``folder``, by name."""
    return [load_paper(path.parent) for path in sorted(folder.glob("*/paper.yaml"))]


def _table(values: Mapping[str, Any]) -> PaperTable:
    for key in values:
        if key not in OF_TABLE:
            raise ValueError(f"unknown key {key!r}; {nearest(key, (*OF_TABLE, *OF_PAPER))}")
    published = values.get("published", {"values": ()})
    common = {"split": "test", **{k: v for k, v in published.items() if k != "values"}}
    numbers = tuple({**common, **value} for value in published["values"])
    search = values.get("search")
    if search is not None:
        search = Search(**{**search, "seeds": tuple(search["seeds"]), "grid": tuple(search.get("grid", ()))})
    splits = tuple(dict.fromkeys(str(number["split"]) for number in numbers)) or ("test",)
    return PaperTable(
        title=values["table"],
        base=tuple(values.get("base", ())),
        rows={k: tuple(v) for k, v in values["rows"].items()},
        cols={k: tuple(v) for k, v in values["cols"].items()},
        cells={row: {k: tuple(v) for k, v in cols.items()} for row, cols in values.get("cells", {}).items()},
        search=search,
        trials=Trials.read(values["trials"]) if "trials" in values else None,
        seeds=tuple(values["seeds"] if "trials" not in values else ()),
        metric=values["metric"] if "metric" in values else published["metric"],
        splits=tuple(values.get("splits", splits)),
        published=numbers,
        claims=tuple(values.get("claims", ())),
        ranked=values.get("ranked", True),
        small=tuple(values.get("small", ())),
        also=tuple(values.get("also", ())),
    )


def _check(paper: Paper, path: Path) -> None:
    places = Counter(place for table in paper.tables for place in table.places)
    for (row, col), times in places.items():
        if times > 1:
            raise UserError(f"{path}: {row} on {col} stands in {times} tables; give the row or the column another name")
    for table in paper.tables:
        named = [(row, col) for row, cols in table.cells.items() for col in cols]
        named += [(number["row"], number["col"]) for number in table.published]
        for row, col in named:
            if row not in table.rows or col not in table.cols:
                raise UserError(f"{path}: {table.title}: {row} on {col} is not among its rows and columns")
