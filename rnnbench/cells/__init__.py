"""Cells: what one time step computes. A family a file; the docstrings hold the equations."""

from rnnbench.cells.antisymmetric import AntisymmetricRNN, GatedAntisymmetricRNN, LipschitzRNN
from rnnbench.cells.base import Cell, Product, Stage
from rnnbench.cells.connections import MILSTM, MIRNN, NAS, WMCLSTM
from rnnbench.cells.gru import GRU
from rnnbench.cells.highway import RHN, SGRN, IntersectionRNN
from rnnbench.cells.lstm import LSTM
from rnnbench.cells.orthogonal import URNN, ExpRNN, ScoRNN
from rnnbench.cells.oscillators import LEM, CoRNN, UnICORNN
from rnnbench.cells.rnn import IRNN, RNN, IndRNN, LeakyRNN
from rnnbench.cells.structured import SCRN, ClockworkRNN, TauGRU

__all__ = [
    "GRU",
    "IRNN",
    "LEM",
    "LSTM",
    "MILSTM",
    "MIRNN",
    "NAS",
    "RHN",
    "RNN",
    "SCRN",
    "SGRN",
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
    "Product",
    "ScoRNN",
    "Stage",
    "TauGRU",
    "UnICORNN",
]
