"""Cells: what one time step computes. A family a file; the docstrings hold the equations.

What is imported here is public; every ``Cell`` among it is listed, tested and benchmarked.
"""

# ruff: noqa: F401

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
