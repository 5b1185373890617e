"""Where sequences come from. Importing this package loads torch and NumPy; readers of files are loaded when used."""

from rnnbench.data.adding import Adding
from rnnbench.data.characters import Arithmetic, Tags
from rnnbench.data.connected_digits import ConnectedDigits
from rnnbench.data.copy_memory import CopyMemory
from rnnbench.data.dataset import Dataset, Sequences, Splits
from rnnbench.data.digits import Digits
from rnnbench.data.long_lags import EmbeddedReber, LongLag, TemporalOrder, TwoSequence
from rnnbench.data.mnist import Mnist
from rnnbench.data.multi30k import Multi30k
from rnnbench.data.parallel_text import ParallelText
from rnnbench.data.polyphonic import Polyphonic
from rnnbench.data.running_text import Corpus, TextFile
from rnnbench.data.selective_copy import SelectiveCopy
from rnnbench.data.sentences import Sentences
from rnnbench.data.series import TimeSeries
from rnnbench.data.spec import Batch, DataSpec
from rnnbench.data.spoken_digits import SpokenDigits
from rnnbench.data.tag_collections import TagCollection
from rnnbench.data.tagging import ConllFile
from rnnbench.data.text_collections import TextCollection
from rnnbench.data.text_csv import TextCsv
from rnnbench.data.time_series import SeriesCollection, TsFile

__all__ = [
    "Adding",
    "Arithmetic",
    "Batch",
    "ConllFile",
    "ConnectedDigits",
    "CopyMemory",
    "Corpus",
    "DataSpec",
    "Dataset",
    "Digits",
    "EmbeddedReber",
    "LongLag",
    "Mnist",
    "Multi30k",
    "ParallelText",
    "Polyphonic",
    "SelectiveCopy",
    "Sentences",
    "Sequences",
    "SeriesCollection",
    "Splits",
    "SpokenDigits",
    "TagCollection",
    "Tags",
    "TemporalOrder",
    "TextCollection",
    "TextCsv",
    "TextFile",
    "TimeSeries",
    "TsFile",
    "TwoSequence",
]
