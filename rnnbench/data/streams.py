"""A text as ids of tokens, and as parallel streams cut into rows that go on from each other.

Shape suffixes: N rows (a stretch of one stream each), T tokens, O tokens of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
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
    found: list[int | None] = list(map(ids.get, text))
    if None in found:
        if UNKNOWN not in ids:
            strange = list(dict.fromkeys(repr(token) for token in text if token not in ids))
            more = f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
            raise UserError(f"the model knows no {', '.join(strange[:SHOWN])}{more}; its text has none")
        found = [ids[UNKNOWN] if i is None else i for i in found]
    return torch.from_numpy(np.array(found, dtype=np.int32))


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
    stream_B = torch.arange(count)
    begins = range(0, length, steps)
    sizes = torch.tensor([min(steps, length - begin) for begin in begins]).repeat_interleave(count)
    sizes[-count:] += stream_B < longer
    firsts = (torch.tensor(begins)[:, None] + stream_B * length + stream_B.clamp(max=longer)).flatten()
    at = torch.arange(len(ids) - 1) + (firsts - (sizes.cumsum(0) - sizes)).repeat_interleave(sizes)
    inputs, targets = ids[at, None], ids[at + 1] - 1
    return Sequences(list(inputs.split(sizes.tolist())), list(targets.split(sizes.tolist())), streams=count)


def unigram_nll(splits: Splits, size: int) -> float:
    """Nats a token of test, predicted by its frequency in train (with one count added for each of ``size`` tokens)."""
    parts = (torch.cat(list(part.targets)) for part in (splits.train, splits.test))
    train_O, test_O = (torch.bincount(part, minlength=size).double() for part in parts)
    log_p_O = ((train_O + 1) / (train_O.sum() + size)).log()
    return -float(test_O @ log_p_O / test_O.sum())
