"""Cells: what one time step computes. A family a file; the docstrings hold the equations."""

from rnnbench.cells.base import Cell, Product, Stage
from rnnbench.cells.gru import GRU
from rnnbench.cells.lstm import LSTM
from rnnbench.cells.rnn import RNN

__all__ = ["GRU", "LSTM", "RNN", "Cell", "Product", "Stage"]
