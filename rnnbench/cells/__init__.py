"""Cells: what one time step computes. A family a file; the docstrings hold the equations."""

from rnnbench.cells.antisymmetric import AntisymmetricRNN, GatedAntisymmetricRNN, LipschitzRNN
from rnnbench.cells.base import Cell, Product, Stage
from rnnbench.cells.connections import MILSTM, MIRNN, NAS, WMCLSTM
from rnnbench.cells.gru import GRU
from rnnbench.cells.gru_variants import MGU, MGU1, MGU2, MGU3, MUT1, MUT2, MUT3, UGRNN, LayerNormGRU, LiGRU, MinimalRNN
from rnnbench.cells.highway import RHN, SGRN, IntersectionRNN
from rnnbench.cells.light import ATR, BRC, CFN, DSGU, NBRC, RAN, SGU, STAR, FastGRNN, FastRNN, LightRU
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
from rnnbench.cells.typed import TGRU, TLSTM, TRNN
from rnnbench.cells.xlstm import MLSTM, SLSTM

__all__ = [
    "ATR",
    "BRC",
    "CFN",
    "DSGU",
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
    "MGU",
    "MGU1",
    "MGU2",
    "MGU3",
    "MILSTM",
    "MIRNN",
    "MLSTM",
    "MUT1",
    "MUT2",
    "MUT3",
    "NAS",
    "NBRC",
    "QRNN",
    "RAN",
    "RHN",
    "RNN",
    "S4D",
    "SCRN",
    "SGRN",
    "SGU",
    "SLSTM",
    "SRU",
    "STAR",
    "TGRU",
    "TLSTM",
    "TRNN",
    "UGRNN",
    "URNN",
    "WMCLSTM",
    "AntisymmetricRNN",
    "Cell",
    "ClockworkRNN",
    "CoRNN",
    "ExpRNN",
    "FastGRNN",
    "FastRNN",
    "GatedAntisymmetricRNN",
    "IndRNN",
    "IntersectionRNN",
    "LSTMf",
    "LSTMi",
    "LSTMo",
    "LayerNormGRU",
    "LayerNormLSTM",
    "LeakyRNN",
    "LiGRU",
    "LightRU",
    "LipschitzRNN",
    "MinGRU",
    "MinLSTM",
    "MinimalRNN",
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
