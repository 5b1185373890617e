"""What a run leaves on disk: its identity, directory, record and status; sweeps; event files. Never torch."""

from rnnbench.records.archive import read_archive, write_archive
from rnnbench.records.identity import flatten, identity, without_defaults
from rnnbench.records.load import load_records, load_run, load_runs, runs_of
from rnnbench.records.record import SCHEMA, Job, Record, Run, validate
from rnnbench.records.store import RunBusy, RunDirectory, run_name
from rnnbench.records.sweep import Sweep, create_sweep, latest_sweep, load_sweep

__all__ = [
    "SCHEMA",
    "Job",
    "Record",
    "Run",
    "RunBusy",
    "RunDirectory",
    "Sweep",
    "create_sweep",
    "flatten",
    "identity",
    "latest_sweep",
    "load_records",
    "load_run",
    "load_runs",
    "load_sweep",
    "read_archive",
    "run_name",
    "runs_of",
    "validate",
    "without_defaults",
    "write_archive",
]
