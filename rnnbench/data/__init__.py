"""Where sequences come from. Importing this package loads torch and NumPy; readers of files are loaded when used."""

from rnnbench.data.adding import Adding
from rnnbench.data.copy_memory import CopyMemory
from rnnbench.data.dataset import Dataset, Sequences, Splits
from rnnbench.data.digits import Digits
from rnnbench.data.polyphonic import Polyphonic
from rnnbench.data.series import TimeSeries
from rnnbench.data.spec import Batch, DataSpec

__all__ = [
    "Adding",
    "Batch",
    "CopyMemory",
    "DataSpec",
    "Dataset",
    "Digits",
    "Polyphonic",
    "Sequences",
    "Splits",
    "TimeSeries",
]
