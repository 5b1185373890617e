"""Records as one CSV file, a line a run: small enough for a repository, and enough to make every table again.

The series and the resolved configuration stay in the run directories. An empty cell is an absent key; a cell
is JSON where its text would otherwise be taken for JSON, and plain text else, so that reading gives back what
was written.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rnnbench.errors import UserError
from rnnbench.records.files import read_rows, write_rows
from rnnbench.records.record import Job, Record, Run, validate
from rnnbench.records.store import run_name

LEFT_OUT = {"config", "series"}
FLAT = ("selection", "metric_modes", "baseline", "references", "parameters", "versions", "data_sha256", "hparams")


def write_archive(runs: Iterable[Run], path: str | os.PathLike[str]) -> None:
    """Write the records of ``runs`` (those that have one), in an order that does not depend on theirs.

    Raises:
        ValueError: no run has a record.
    """
    records = [run.record for run in runs if run.record]
    records.sort(key=lambda r: (r["dataset"], r["model"], r["seed"], r["identity"]))
    if not records:
        raise ValueError("runs: none of them has a record to archive")
    rows = [_flat(record) for record in records]
    columns = sorted({column for row in rows for column in row}, key=_place)
    write_rows(Path(path), columns, rows)


def read_archive(path: str | os.PathLike[str]) -> list[Run]:
    """The runs of an archive; their path is the archive's, their configuration and series are empty.

    Raises:
        UserError: the file is missing, cannot be read, or has a line that is no record or stands twice.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path} does not exist: give an archive of records")
    runs: dict[str, Run] = {}
    for where, row in read_rows(path, ("identity", "schema")):
        record = _nested(row)
        try:
            validate(record)
        except ValueError as error:
            raise UserError(f"{where}: {error}; archive the runs again") from error
        identity = record["identity"]
        if identity in runs:
            raise UserError(f"{where}: identity {identity} stands twice; delete one of the two lines")
        name = run_name(record["dataset"], record["model"], record["seed"], identity)
        runs[identity] = Run(Job.from_dict({"directory": name, **record}), path, record["status"], record)
    return list(runs.values())


def _place(column: str) -> tuple[int, str]:
    """Columns stand as the keys of a record do, those of one key by name: whatever was written before."""
    keys, key = list(Record.__annotations__), column.partition(".")[0]
    return keys.index(key if key in keys else "metrics"), column


def _flat(record: Mapping[str, Any]) -> dict[str, str]:
    row: dict[str, str] = {}
    for key, value in record.items():
        if key in LEFT_OUT:
            continue
        if key == "metrics":
            row |= {f"{split}/{m}": _encode(v) for split, metrics in value.items() for m, v in metrics.items()}
        elif key in FLAT and value is not None:
            row |= {f"{key}.{name}": _encode(v) for name, v in sorted(value.items())}
        else:
            row[key] = _encode(value)
    return row


def _nested(row: Mapping[str, str]) -> dict[str, Any]:
    record: dict[str, Any] = {"config": {}, "series": {}, "metrics": {}, "baseline": None}
    record |= {key: {} for key in FLAT if key not in ("baseline", "references")}
    for column, text in row.items():
        if not text:
            continue
        prefix, _, name = column.partition(".")
        if prefix in FLAT and name:
            record[prefix] = {**(record.get(prefix) or {}), name: _decode(text)}
        elif "/" in column:
            split, _, metric = column.partition("/")
            record["metrics"].setdefault(split, {})[metric] = _decode(text)
        else:
            record[column] = _decode(text)
    return record


def _encode(value: Any) -> str:
    if isinstance(value, str) and value and value == _decode(value) and "\r" not in value:  # else a line's end
        return value
    return json.dumps(value, sort_keys=True)


def _decode(text: str) -> Any:
    try:
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    except ValueError:
        return text


def _finite(text: str) -> float:
    """No record has another number: what cannot be compared is null."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
