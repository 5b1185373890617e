"""Encoders, heads and pooling around a backbone, and parameter budgets."""

from rnnbench.models.budget import Match, match_hidden_size
from rnnbench.models.chain import LinearChain
from rnnbench.models.convolution import Convolution
from rnnbench.models.encoders import Embedding, WordsAndCharacters
from rnnbench.models.language import LanguageModel
from rnnbench.models.model import PARTS, SequenceModel, build_model, count_parameters
from rnnbench.models.translator import Translator

__all__ = [
    "PARTS",
    "Convolution",
    "Embedding",
    "LanguageModel",
    "LinearChain",
    "Match",
    "SequenceModel",
    "Translator",
    "WordsAndCharacters",
    "build_model",
    "count_parameters",
    "match_hidden_size",
]
