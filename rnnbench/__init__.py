"""rnnbench compares recurrent networks: sweeps, curves, and published numbers beside reproduced ones.

From Python: ``rnnbench.load_records(folder)`` gives a pandas frame, a row a run; ``rnnbench.load_run(folder)`` one run.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnbench.records.load import load_records, load_run, load_runs

__version__ = "0.1.0"
__all__ = ["load_records", "load_run", "load_runs"]


def __getattr__(name: str) -> Any:
    # Late, so that `import rnnbench` and `rnnbench --help` cost nothing.
    if name in __all__:
        from rnnbench.records import load

        return getattr(load, name)
    raise AttributeError(f"module 'rnnbench' has no attribute {name!r}")
