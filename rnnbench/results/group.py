"""Putting runs into the cells of a table without averaging what should not be averaged."""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rnnbench.errors import UserError, nearest
from rnnbench.records.identity import flatten
from rnnbench.records.record import Run
from rnnbench.records.sweep import distinguishing, short_label, varying

T = TypeVar("T")
UNKNOWN = "-"  # label of runs that do not say
DEFAULT = "default"  # label of runs for which a key is as it is by default
CHOSEN = {"model", "dataset", "task", "optimizer", "scheduler", "trainer", "debug", "success", "init_from", "files"}
# The parts of a cross-validation: of the test rows behind a rolling origin, or of all sequences.
PARTS = {"dataset.origin": "origins", "dataset.fold": "folds"}
BATCHES = ("dataset.batch_size", "dataset.eval_batch_size")


def settings(run: Run) -> dict[str, Any]:
    """What must be the same in all runs that are averaged: everything that a run was told but its ``draw``."""
    values = {key: value for key, value in run.job.hparams.items() if key not in ("seed", *PARTS)}
    values |= {"model": run.job.model, "dataset": run.job.dataset}
    if run.record is None:
        return values
    versions = {f"versions.{name}": version for name, version in run.record["versions"].items()}
    files = {f"data_sha256.{name}": digest[:8] for name, digest in run.record["data_sha256"].items()}
    return values | versions | files | {"engine": run.record["engine"], "precision": run.record["precision"]}


def _told(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The settings of each run, with all keys in which some run differs from the default.

    What is null is no hyperparameter; ``science`` says of what a record does not name that it is the default. A job
    without a record says so only where records of its model and dataset differ, or name a hyperparameter that
    it does not: else it is as they are.
    """
    own = [_chosen(run) for run in runs]
    keys = {key for values in own for key in values}
    recorded: dict[tuple[str, str], list[dict[str, Any]]] = {}
    named: dict[tuple[str, str], set[str]] = {}
    for run, values in zip(runs, own):
        if run.record:
            kind = (run.job.model, run.job.dataset)
            recorded.setdefault(kind, []).append(dict.fromkeys(keys, DEFAULT) | values)
            named.setdefault(kind, set()).update(keys & run.job.hparams.keys())
    told = []
    for run, values in zip(runs, own):
        asked = keys
        if not run.record:
            kind = (run.job.model, run.job.dataset)
            alike = recorded.get(kind, [])
            asked = {key for key in keys if len({str(one[key]) for one in alike}) > 1} | named.get(kind, set())
        told.append(dict.fromkeys(asked, DEFAULT) | values | settings(run))
    return [{key: _one_number(value) for key, value in values.items()} for values in told]


def _chosen(run: Run) -> dict[str, Any]:
    """What differs from the defaults, flat."""
    flat = flatten((run.record or {}).get("science", {}))
    return {k: v for k, v in flat.items() if k.split(".")[0] in CHOSEN and k not in PARTS and not k.endswith(".name")}


def draw(run: Run) -> tuple[int, ...]:
    """What runs that are averaged differ in: the seed, and which of ``PARTS`` is the test."""
    return run.job.seed, *(run.job.hparams.get(part) or 0 for part in PARTS)


def data_key(runs: Sequence[Run], order: bool = True) -> Hashable:
    """Equal for two lists of runs on the same data and parts of them, in the same order under the same seed.

    Those that have a record say which files they read. Without ``order`` batches may be of another size.
    """
    first = next((run for run in runs if run.record), runs[0])
    return _data_of(first, () if order else BATCHES), frozenset(draw(run)[1:] for run in runs)


def _data_of(run: Run, left_out: Collection[str]) -> Hashable:
    science = (run.record or {}).get("science", {})
    if {"dataset", "data", "versions"} <= science.keys():  # what differs from defaults: an older record has fewer keys
        version = science["versions"].get(science["dataset"].get("_target_"))
        dataset = {
            key: value for key, value in science["dataset"].items() if f"dataset.{key}" not in (*PARTS, *left_out)
        }
        files = [science["data"], *filter(None, [science.get("files")])]
        return json.dumps([run.job.dataset, dataset, *files, version], sort_keys=True)
    values = settings(run)
    return tuple(sorted((key, str(value)) for key, value in values.items() if _is_data(key) and key not in left_out))


def _is_data(key: str) -> bool:
    return key == "dataset" or key.startswith(("dataset.", "data_sha256.")) or key == "versions.dataset"


@dataclass(frozen=True)
class Axis:
    """Rows or columns: the name of the field (or fields, with commas) and, in order, the labels."""

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """Runs in cells.

    Attributes:
        rows: with as many labels as it takes to keep different settings apart.
        cols: one label for each value of the field.
        cells: ``(row, column)`` to runs; empty cells are absent.
        base: row label to the label it would have if nothing had to be kept apart.
        split_by: the settings by which rows were kept apart.
    """

    rows: Axis
    cols: Axis
    cells: dict[tuple[str, str], list[Run]]
    base: dict[str, str]
    split_by: tuple[str, ...]


def arrange(runs: Sequence[Run], rows: str, cols: str, free: Collection[str] = ()) -> Grid:
    """Put ``runs`` into cells by two fields; a row whose cells would mix settings becomes several.

    Args:
        runs: at least one.
        rows: any field of ``Run.fields()``: ``model``, ``seed``, ``optimizer.lr``, ...; several with commas.
        cols: another, or others.
        free: settings that may differ within a cell.

    Raises:
        UserError: no runs, or a field that no run has.
    """
    if not runs:
        raise UserError("no runs to make a table of: train some first, or name another folder")
    if rows == cols:
        raise UserError(f"rows and cols are both {rows!r}: choose two different fields")
    known = [run.fields() for run in runs]
    row_values, col_values = _values(known, "rows", rows), _values(known, "cols", cols)
    placed = list(zip(row_values, col_values, zip(runs, _told(runs))))
    raw: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row, col, (_, told) in placed:
        raw.setdefault((_text(row), _text(col)), []).append(told)
    found = distinguishing(raw.values())
    keys = [key for key in found if key not in free]
    cells: dict[tuple[str, str], list[Run]] = {}
    base: dict[str, str] = {}
    for row, col, (run, told) in _in_order(placed):
        label = _text(row)
        extra = short_label(told, keys)
        full = f"{label} ({extra})" if extra else label
        base[full] = label
        cells.setdefault((full, _text(col)), []).append(run)
    row_labels = tuple(dict.fromkeys(row for row, _ in cells))
    col_labels = tuple(dict.fromkeys(_text(col) for col in _ordered([col for _, col, _ in placed])))
    return Grid(Axis(rows, row_labels), Axis(cols, col_labels), cells, base, tuple(keys))


def unlike(grid: Grid) -> list[str]:
    """The settings, apart from those of the model, that differ between rows that are compared."""
    across = grid.rows.name == "dataset"
    told = _told([run for members in grid.cells.values() for run in members])
    compared: dict[Hashable, list[dict[str, Any]]] = {}
    for (row, col), members in grid.cells.items():
        line = grid.base[row] if across else col
        own, told = told[: len(members)], told[len(members) :]
        compared.setdefault((line, data_key(members, order=False)), []).extend(own)
    found = {key for group in compared.values() for key in varying(group)}
    return sorted(key for key in found if key.split(".")[0] in CHOSEN - {"model"} and key != "dataset")


def _values(known: Sequence[dict[str, Any]], option: str, names: str) -> list[Any]:
    """The value of a field in each run; of several fields, their values in one text."""
    fields = [name.strip() for name in names.split(",")]
    for field in fields:
        if not any(field in values for values in known):
            every = {name for values in known for name in values}
            raise UserError(f"{option}={field}: no run has such a field; {nearest(field, every)}")
    if len(fields) == 1:
        return [_one_number(values.get(fields[0])) for values in known]
    return [", ".join(_text(_one_number(values.get(field))) for field in fields) for values in known]


def _one_number(value: Any) -> Any:
    """1 for 1.0, as in identities: typed in either way it is one value, with one label."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(value: Any) -> str:
    return UNKNOWN if value is None else str(value)


def _ordered(values: Sequence[Any]) -> list[Any]:
    """Numbers by size, anything else in the order in which it came; None last."""
    distinct = list(dict.fromkeys(values))
    present = [value for value in distinct if value is not None]
    if all(isinstance(value, int | float) for value in present):
        present.sort()
    return present + [None] * (None in distinct)


def _in_order(placed: Sequence[tuple[Any, Any, T]]) -> list[tuple[Any, Any, T]]:
    rank = {value: i for i, value in enumerate(_ordered([row for row, _, _ in placed]))}
    return sorted(placed, key=lambda entry: rank[entry[0]])
