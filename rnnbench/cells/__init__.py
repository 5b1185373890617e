"""Cells: what one time step computes. A family a file; the docstrings hold the equations."""

from rnnbench.cells.antisymmetric import AntisymmetricRNN, GatedAntisymmetricRNN, LipschitzRNN
from rnnbench.cells.base import Cell, Product, Stage
from rnnbench.cells.connections import MILSTM, MIRNN, NAS, WMCLSTM
from rnnbench.cells.gru import GRU
from rnnbench.cells.highway import RHN, SGRN, IntersectionRNN
from rnnbench.cells.linear import QRNN, SRU, MinGRU, MinLSTM
from rnnbench.cells.lstm import LSTM, OriginalLSTM, TruncatedLSTM
from rnnbench.cells.lstm_variants import JANET, LayerNormLSTM, MogrifierLSTM, MultiplicativeLSTM, ResidualLSTM
from rnnbench.cells.orthogonal import URNN, ExpRNN, ScoRNN
from rnnbench.cells.oscillators import LEM, CoRNN, UnICORNN
from rnnbench.cells.peephole import (
    LSTMCIFG,
    LSTMFGR,
    LSTMNFG,
    LSTMNIAF,
    LSTMNIG,
    LSTMNOAF,
    LSTMNOG,
    LSTMNP,
    LSTMf,
    LSTMi,
    LSTMo,
    PeepholeLSTM,
)
from rnnbench.cells.rnn import IRNN, RNN, IndRNN, LeakyRNN
from rnnbench.cells.state_space import LRU, S4D
from rnnbench.cells.structured import SCRN, ClockworkRNN, TauGRU
from rnnbench.cells.xlstm import MLSTM, SLSTM

__all__ = [
    "GRU",
    "IRNN",
    "JANET",
    "LEM",
    "LRU",
    "LSTM",
    "LSTMCIFG",
    "LSTMFGR",
    "LSTMNFG",
    "LSTMNIAF",
    "LSTMNIG",
    "LSTMNOAF",
    "LSTMNOG",
    "LSTMNP",
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
    "LSTMf",
    "LSTMi",
    "LSTMo",
    "LayerNormLSTM",
    "LeakyRNN",
    "LipschitzRNN",
    "MinGRU",
    "MinLSTM",
    "MogrifierLSTM",
    "MultiplicativeLSTM",
    "OriginalLSTM",
    "PeepholeLSTM",
    "Product",
    "ResidualLSTM",
    "ScoRNN",
    "Stage",
    "TauGRU",
    "TruncatedLSTM",
    "UnICORNN",
]
