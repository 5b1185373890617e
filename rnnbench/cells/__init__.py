"""Cells: what one time step computes. A family a file; the docstrings hold the equations."""

from rnnbench.cells.antisymmetric import AntisymmetricRNN, GatedAntisymmetricRNN, LipschitzRNN
from rnnbench.cells.base import Cell, Product, Stage
from rnnbench.cells.connections import MILSTM, MIRNN, NAS, WMCLSTM
from rnnbench.cells.gru import GRU
from rnnbench.cells.highway import RHN, SGRN, IntersectionRNN
from rnnbench.cells.linear import QRNN, SRU, MinGRU, MinLSTM
from rnnbench.cells.lstm import LSTM
from rnnbench.cells.orthogonal import URNN, ExpRNN, ScoRNN
from rnnbench.cells.oscillators import LEM, CoRNN, UnICORNN
from rnnbench.cells.rnn import IRNN, RNN, IndRNN, LeakyRNN
from rnnbench.cells.state_space import LRU, S4D
from rnnbench.cells.structured import SCRN, ClockworkRNN, TauGRU
from rnnbench.cells.xlstm import MLSTM, SLSTM

__all__ = [
    "GRU",
    "IRNN",
    "LEM",
    "LRU",
    "LSTM",
    "MILSTM",
    "MIRNN",
    "MLSTM",
    "NAS",
    "QRNN",
    "RHN",
    "RNN",
    "S4D",
    "SCRN",
    "SGRN",
    "SLSTM",
    "SRU",
    "URNN",
    "WMCLSTM",
    "AntisymmetricRNN",
    "Cell",
    "ClockworkRNN",
    "CoRNN",
    "ExpRNN",
    "GatedAntisymmetricRNN",
    "IndRNN",
    "IntersectionRNN",
    "LeakyRNN",
    "LipschitzRNN",
    "MinGRU",
    "MinLSTM",
    "Product",
    "ScoRNN",
    "Stage",
    "TauGRU",
    "UnICORNN",
]
