"""Heads and pooling around a backbone, and parameter budgets."""

from rnnbench.models.budget import Match, match_hidden_size
from rnnbench.models.model import SequenceModel, build_model, count_parameters

__all__ = ["Match", "SequenceModel", "build_model", "count_parameters", "match_hidden_size"]
