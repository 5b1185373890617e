"""A text as ids of tokens, and as parallel streams cut into rows that go on from each other.

Shape suffixes: N rows (a stretch of one stream each), T tokens, O tokens of the vocabulary.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from rnnbench.data.dataset import Sequences, Splits
from rnnbench.errors import UserError

Level = Literal["words", "characters"]
Tokens = Sequence[str]  # of characters: the text itself
Parts = tuple[Tokens, Tokens, Tokens]
END = {"words": "<eos>", "characters": "\n"}  # what ends a line, and stands before the first token of a prompt
UNKNOWN = "<unk>"
SHOWN = 5  # unknown tokens that a message names


def tokens(text: str, level: Level) -> Tokens:
    """The tokens of ``text``; as words, each line that is ended gives an ``<eos>``."""
    if level == "characters":
        return text
    *ended, rest = text.split("\n")
    return [token for line in ended for token in (*line.split(), END[level])] + rest.split()


def encode(text: Tokens, vocabulary: Tokens) -> Tensor:
    """Ids, int32 ``(T,)``; unknown tokens become ``<unk>`` where the vocabulary has it, else raise ``UserError``."""
    ids = {token: i for i, token in enumerate(vocabulary, 1)}
    unknown = ids.get(UNKNOWN)
    found = [ids.get(token, unknown) for token in text]
    if None in found:
        strange = list(dict.fromkeys(repr(token) for token in text if token not in ids))
        more = f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
        raise UserError(f"the model knows no {', '.join(strange[:SHOWN])}{more}; its text has none")
    return torch.tensor(found, dtype=torch.int32)


def shares(text: Tokens, split: Sequence[float]) -> Parts:
    """``text`` in three parts, one after the other."""
    first, second = int(len(text) * split[0]), int(len(text) * (split[0] + split[1]))
    return text[:first], text[first:second], text[second:]


def cut_streams(ids: Tensor, count: int, steps: int) -> Sequences:
    """A text as ``count`` equal stretches, the streams, cut into rows of ``steps`` that go on from each other.

    Every token but the first is a target exactly once. What does not divide makes the last row of a stream shorter,
    and the last rows of the first streams one token longer.

    Args:
        ids: int ``(T,)``, above 0, more of them than streams.
        count: streams.
        steps: tokens of a row.
    """
    length, longer = divmod(len(ids) - 1, count)
    starts = [stream * length + min(stream, longer) for stream in range(count)]
    bounds = [*range(0, length, steps), length]
    inputs_N: list[Tensor] = []
    targets_N: list[Tensor] = []
    for begin, end in itertools.pairwise(bounds):
        for stream, start in enumerate(starts):
            last = start + end + (end == length and stream < longer)
            inputs_N.append(ids[start + begin : last, None])
            targets_N.append(ids[start + begin + 1 : last + 1] - 1)
    return Sequences(inputs_N, targets_N, streams=count)


def unigram_nll(splits: Splits, size: int) -> float:
    """Nats a token of test, predicted by its frequency in train (with one count added for each of ``size`` tokens)."""
    parts = (torch.cat(list(part.targets)) for part in (splits.train, splits.test))
    train_O, test_O = (torch.bincount(part, minlength=size).double() for part in parts)
    log_p_O = ((train_O + 1) / (train_O.sum() + size)).log()
    return -float(test_O @ log_p_O / test_O.sum())
