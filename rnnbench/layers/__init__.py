"""Layers: cells run over time, called like ``torch.nn.LSTM``, and the ``torch.nn`` baselines."""

from rnnbench.layers.drop_in import GRU, LSTM, RNN
from rnnbench.layers.recurrent import Recurrent
from rnnbench.layers.step import CellModule
from rnnbench.layers.torch_nn import TorchGRU, TorchLSTM, TorchRNN

__all__ = ["GRU", "LSTM", "RNN", "CellModule", "Recurrent", "TorchGRU", "TorchLSTM", "TorchRNN"]
