"""Losses, metrics and success criteria per kind of problem, and the one LightningModule."""

from rnnbench.tasks.classification import Classification
from rnnbench.tasks.forecasting import Forecasting
from rnnbench.tasks.language_modelling import LanguageModelling
from rnnbench.tasks.logistic_units import LogisticUnits, NextSymbols
from rnnbench.tasks.polyphonic import Polyphonic
from rnnbench.tasks.regression import Regression
from rnnbench.tasks.tagging import Entities, Tagging
from rnnbench.tasks.task import Task
from rnnbench.tasks.transcription import Transcription
from rnnbench.tasks.translation import Translation

__all__ = [
    "Classification",
    "Entities",
    "Forecasting",
    "LanguageModelling",
    "LogisticUnits",
    "NextSymbols",
    "Polyphonic",
    "Regression",
    "Tagging",
    "Task",
    "Transcription",
    "Translation",
]
