"""Cells: what one time step computes. A family a file; the docstrings hold the equations."""

from rnnbench.cells.antisymmetric import AntisymmetricRNN, GatedAntisymmetricRNN, LipschitzRNN
from rnnbench.cells.base import Cell, Product, Stage
from rnnbench.cells.gru import GRU
from rnnbench.cells.lstm import LSTM
from rnnbench.cells.orthogonal import URNN, ExpRNN, ScoRNN
from rnnbench.cells.oscillators import LEM, CoRNN, UnICORNN
from rnnbench.cells.rnn import IRNN, RNN, IndRNN, LeakyRNN

__all__ = [
    "GRU",
    "IRNN",
    "LEM",
    "LSTM",
    "RNN",
    "URNN",
    "AntisymmetricRNN",
    "Cell",
    "CoRNN",
    "ExpRNN",
    "GatedAntisymmetricRNN",
    "IndRNN",
    "LeakyRNN",
    "LipschitzRNN",
    "Product",
    "ScoRNN",
    "Stage",
    "UnICORNN",
]
