"""Layers: cells run over time, called like ``torch.nn.LSTM``, and the ``torch.nn`` baselines and yardsticks."""

from rnnbench.layers.drop_in import GRU, LSTM, RNN
from rnnbench.layers.recurrent import Recurrent
from rnnbench.layers.step import CellModule
from rnnbench.layers.tcn import TCN
from rnnbench.layers.torch_nn import TorchGRU, TorchLSTM, TorchRNN
from rnnbench.layers.transformer import Transformer

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "TCN",
    "CellModule",
    "Recurrent",
    "TorchGRU",
    "TorchLSTM",
    "TorchRNN",
    "Transformer",
]
