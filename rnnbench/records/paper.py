"""What a folder of ``experiments/`` declares in its ``paper.yaml``.

A paper is one or several tables (see ``records.paper_table``). What stands at the top of the file holds for all of
them; an entry of ``tables`` replaces, key by key, what it names.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rnnbench.errors import UserError, nearest
from rnnbench.records.claim import read_claims
from rnnbench.records.declared import convert, is_text, read, read_yaml
from rnnbench.records.paper_table import PaperTable, Quick
from rnnbench.records.published import METHODS, Published, read_published
from rnnbench.records.record import SPLITS

ARCHIVE = "records.csv"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")  # what Hydra takes as it is
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
        quick: its quick form.
        notes: title to sentences, printed under the tables.
        called: what the command line is told to find it; its name, unless it stands elsewhere.
        source: the file as it was read.
    """

    folder: Path
    title: str
    reference: str
    tables: tuple[PaperTable, ...]
    quick: Quick
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    called: str = ""
    source: bytes = b""

    @property
    def name(self) -> str:
        """The folder's name."""
        return Path(os.path.abspath(self.folder)).name

    def shortened(self) -> Paper:
        """The quick form; its records go nowhere near the real ones."""
        return replace(self, tables=tuple(table.shortened(self.quick) for table in self.tables))

    def check_unchanged(self) -> None:
        """See, before its records are written, that they are still those of the declaration.

        Raises:
            UserError: the file is not the one that was read any more.
        """
        path = self.folder / "paper.yaml"
        if self.source and path.read_bytes() != self.source:
            raise UserError(
                f"{path}: was changed meanwhile; nothing is lost, the same command goes on with what it says"
            )

    def only(self, names: Sequence[str], option: str = "--only") -> Paper:
        """The rows and columns called ``names``, which ``option`` gave; everything where there are none.

        Raises:
            UserError: a name that no table has, or none that has all of them.
        """
        rows = {name for table in self.tables for name in table.rows}
        cols = {name for table in self.tables for name in table.cols}
        for name in names:
            if name not in rows | cols:
                raise UserError(f"{option} {name}: no row or column of {self.name}; {nearest(name, rows | cols)}")
        tables = tuple(table.only(rows & set(names), cols & set(names)) for table in self.tables)
        if not any(table.places for table in tables):
            raise UserError(f"{option} {' '.join(names)}: no table of {self.name} has these rows and columns together")
        return replace(self, tables=tables)


def load_paper(folder: Path, called: str = "") -> Paper:
    """The paper in ``folder``, which the command line ``called`` so.

    Raises:
        UserError: the folder holds no readable ``paper.yaml``, or one with a mistake, which is named.
    """
    path = folder / "paper.yaml"
    if not path.exists():
        known = sorted(p.parent.name for p in folder.parent.glob("*/paper.yaml"))
        raise UserError(f"paper {folder.name}: there is no {path}; known papers: {', '.join(known) or 'none'}")
    values, source = read_yaml(path), path.read_bytes()
    if not isinstance(values, Mapping):
        raise UserError(f"{path}: declares no paper; give it {', '.join(OF_PAPER)} and the keys of its tables")
    values = _keys(values, str(path))
    _need(values, ("title", "reference", "quick"), str(path))
    common = {key: value for key, value in values.items() if key not in OF_PAPER}
    own = convert(values.get("tables", [{}]), tuple[Any, ...], f"{path}: tables")
    paper = Paper(
        folder=folder,
        title=convert(values["title"], str, f"{path}: title"),
        reference=convert(values["reference"], str, f"{path}: reference"),
        tables=tuple(_table({**common, **_keys(one, f"{path}: tables[{i}]")}, path) for i, one in enumerate(own)),
        quick=read(Quick, values["quick"], f"{path}: quick"),
        notes=convert(values.get("notes", {}), Mapping[str, tuple[str, ...]], f"{path}: notes"),
        called=called or folder.name,
        source=source,
    )
    _check(paper, path)
    return paper


def load_papers(folder: Path) -> list[Paper]:
    """Every paper in ``folder``, by name."""
    return [load_paper(path.parent) for path in sorted(folder.glob("*/paper.yaml"))]


def _keys(values: Any, name: str) -> dict[str, Any]:
    return dict(convert(values, Mapping[str, Any], name))


def _need(values: Mapping[str, Any], keys: Iterable[str], name: str) -> None:
    for key in keys:
        if key not in values:
            raise UserError(f"{name}: {key} is missing")


def _table(values: Mapping[str, Any], path: Path) -> PaperTable:
    for key in values:
        if key in OF_PAPER:
            raise UserError(f"{path}: {key} stands at the top of the file, not in a table")
        if key not in OF_TABLE:
            raise UserError(f"{path}: unknown key {key!r}; {nearest(key, (*OF_TABLE, *OF_PAPER))}")
    _need(values, ("table", "rows", "cols"), str(path))
    name = f"{path}: {values['table']}"
    numbers, metric = _published(values.get("published", {"values": []}), f"{name}: published")
    metric = values.get("metric", metric)
    if metric is None:
        raise UserError(f"{name}: metric is missing")
    trials = values.get("trials") is not None
    if trials and values.get("search") is not None:
        raise UserError(f"{name}: give search or trials, not both; null switches one of them off")
    if not trials:
        _need(values, ("seeds",), name)
    splits = values.get("splits", tuple(dict.fromkeys(number.split for number in numbers)) or ("test",))
    claims = convert(values.get("claims", []), tuple[Any, ...], f"{name}: claims")
    rest = {key: value for key, value in values.items() if key not in ("table", "published", "claims", "seeds")}
    table = read(PaperTable, {
        **rest,
        "title": values["table"],
        "base": values.get("base", []),
        "seeds": [] if trials else values["seeds"],
        "metric": metric,
        "splits": splits,
        "published": numbers,
    }, name)  # fmt: skip
    _check_table(table, name)
    return replace(table, claims=read_claims(claims, table.rows, table.cols, table.splits[0], f"{name}: claim"))


def _published(values: Any, name: str) -> tuple[tuple[Published, ...], str | None]:
    """The numbers, and the metric that holds for all of them."""
    values = _keys(values, name)
    _need(values, ("values",), name)
    common = {key: value for key, value in values.items() if key != "values"}
    entries = convert(values["values"], tuple[Mapping[str, Any], ...], f"{name}: values")
    return read_published([{**common, **entry} for entry in entries], f"{name}, number"), common.get("metric")


def _check_table(table: PaperTable, name: str) -> None:
    """Raise where parts of a table do not fit each other."""
    for key in ("rows", "cols"):
        if not getattr(table, key):
            raise UserError(f"{name}: {key} are empty: name at least one")
        for label in getattr(table, key):
            if not NAME.fullmatch(label) or not is_text(label):
                raise UserError(f"{name}: {key}: {label!r} is no name: a letter, then letters, digits, _ . or -")
    for label in table.rows:
        if label in METHODS:
            raise UserError(f"{name}: rows: {label} is what the table calls a method without training; rename the row")
    for part in ("search", "trials"):
        if (one := getattr(table, part)) is not None and (mistake := one.mistake()):
            raise UserError(f"{name}: {part}: {mistake}")
    if table.search and (both := sorted({*table.seeds} & {*table.search.seeds})):
        raise UserError(f"{name}: search: seeds: {both[0]} is reported too; search on seeds that are not")
    needed_lists = (("seeds", table.seeds, table.trials is None), ("splits", table.splits, True))
    for key, members, needed in (*needed_lists, ("metric and also", table.metrics, True)):
        if len(set(members)) < len(members) or (needed and not members):
            raise UserError(f"{name}: {key}={list(members)}: name each once, and at least one")
    for split in table.splits:
        if split not in SPLITS:
            raise UserError(f"{name}: splits: {split!r}; {nearest(split, SPLITS)}")
    named = [(row, col, table.rows) for row, cols in table.cells.items() for col in cols]
    named += [(n.row, n.col, [*table.rows, *(METHODS if n.split == "test" else ())]) for n in table.published]
    for row, col, rows in named:
        if row not in rows or col not in table.cols:
            raise UserError(f"{name}: {row} on {col} is not among its rows and columns")
    places = Counter((n.row, n.col, n.split, n.metric) for n in table.published)
    for (row, col, split, metric), times in places.items():
        what = f"{name}: published number of {row} on {col}"
        if split not in table.splits or metric not in table.metrics:
            raise UserError(f"{what}: the table shows no {metric} on {split}; see its splits, metric and also")
        if times > 1:
            raise UserError(f"{what}: stands {times} times ({metric} on {split})")


def _check(paper: Paper, path: Path) -> None:
    if not paper.tables:
        raise UserError(f"{path}: tables are empty: declare at least one")
    if paper.quick.draws < 1 or paper.quick.seeds < 1:
        raise UserError(f"{path}: quick: draws and seeds are at least 1")
    paper.only(paper.quick.only, f"{path}: quick: only:")
    places = Counter(place for table in paper.tables for place in table.places)
    for (row, col), times in places.items():
        if times > 1:
            raise UserError(f"{path}: {row} on {col} stands in {times} tables; give the row or the column another name")
