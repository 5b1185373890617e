"""Where sequences come from. Importing this package loads torch and NumPy; readers of files are loaded when used."""

from rnnbench.data.adding import Adding
from rnnbench.data.characters import Arithmetic, Tags
from rnnbench.data.copy_memory import CopyMemory
from rnnbench.data.csv_file import CsvFile
from rnnbench.data.dataset import Dataset, Sequences, Splits
from rnnbench.data.digits import Digits
from rnnbench.data.long_lags import EmbeddedReber, LongLag, TemporalOrder, TwoSequence
from rnnbench.data.polyphonic import Polyphonic
from rnnbench.data.selective_copy import SelectiveCopy
from rnnbench.data.spec import Batch, DataSpec

__all__ = [
    "Adding",
    "Arithmetic",
    "Batch",
    "CopyMemory",
    "CsvFile",
    "DataSpec",
    "Dataset",
    "Digits",
    "EmbeddedReber",
    "LongLag",
    "Polyphonic",
    "SelectiveCopy",
    "Sequences",
    "Splits",
    "Tags",
    "TemporalOrder",
    "TwoSequence",
]
