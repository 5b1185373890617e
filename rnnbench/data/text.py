"""Texts as words, words as numbers, and the texts that a user gives to ``rnnbench predict``.

Shape suffixes: T words of a text.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from rnnbench.errors import UserError

PAD, UNKNOWN = 0, 1
RESERVED = 2  # ids before the first word's

# As the Penn Treebank cuts, but at hyphens too; texts that were cut already stay nearly as they are.
_TOKEN = re.compile(
    r"""
    https?://\S+ | [@\#]\w+            # whole addresses, names and tags of tweets
    | \d+(?:[.,:]\d+)+                 # 1,000 and 3.5 and 9:30
    | \w+(?=n['’]t\b) | n['’]t\b       # do + n't
    | ['’](?:s|m|d|re|ve|ll)\b         # it + 's
    | \w+ | \.\.\. | -- | `` | ''      # words, and marks of several signs
    | \S                               # any other sign by itself
    """,
    re.VERBOSE | re.IGNORECASE,
)


def tokenise(text: str) -> list[str]:
    """The words and signs of a text; equal ones are one object, which keeps a large corpus small."""
    return [sys.intern(token) for token in _TOKEN.findall(text)]


_NO_SPACE_BEFORE = re.compile(r" (?=(?:[.,!?;:%)\]]|\.\.\.|n['’]t|['’](?:s|m|d|re|ve|ll)?)(?: |$))", re.IGNORECASE)
_NO_SPACE_AFTER = re.compile(r"(?<=[(\[$€£#„]) ")
_NO_SPACE_AROUND = re.compile(r" (?=[-/] )|(?<= [-/]) (?!(?:und|oder) )")  # "Obst- und Gemüse"


def detokenise(tokens: Iterable[str]) -> str:
    """A text of which ``tokenise`` would make these tokens, spaced as English and German print it."""
    text = _NO_SPACE_BEFORE.sub("", " ".join(tokens))
    return _NO_SPACE_AFTER.sub("", _NO_SPACE_AROUND.sub("", text))


@dataclass(frozen=True)
class Vocabulary:
    """The words that have numbers of their own: 2, 3, ...; 0 pads and 1 stands for every other word.

    Attributes:
        words: most frequent first.
        lower: whether capitals are made small before a word is looked up.
    """

    words: tuple[str, ...]
    lower: bool = True

    @cached_property
    def ids(self) -> dict[str, int]:
        """The number of each word."""
        return {word: i for i, word in enumerate(self.words, RESERVED)}

    def __len__(self) -> int:
        return RESERVED + len(self.words)

    def encode(self, tokens: Iterable[str]) -> Tensor:
        """int32 ``(T, 1)``."""
        tokens = (token.lower() for token in tokens) if self.lower else tokens
        return torch.tensor([self.ids.get(token, UNKNOWN) for token in tokens], dtype=torch.int32)[:, None]


def count_words(
    texts: Iterable[Sequence[str]], lower: bool = True, min_count: int = 1, max_words: int | None = None
) -> Vocabulary:
    """The words of texts, most frequent first, equally frequent ones by the alphabet.

    Args:
        texts: as tokens.
        lower: see ``Vocabulary``.
        min_count: occurrences that a word needs.
        max_words: how many words there are to be; None: all.

    Raises:
        UserError: there are fewer than ``max_words``; sizes were derived from that number before the texts were read.
    """
    counts = Counter(token for text in texts for token in text)
    if lower:
        lowered: Counter[str] = Counter()
        for token, count in counts.items():
            lowered[token.lower()] += count
        counts = lowered
    ranked = sorted((word for word, n in counts.items() if n >= min_count), key=lambda word: (-counts[word], word))
    if max_words is not None and len(ranked) < max_words:
        raise UserError(
            f"dataset.max_words={max_words}: the training texts have {len(ranked)} words that occur min_count="
            f"{min_count} times or more; lower it to that, or set null to count them"
        )
    return Vocabulary(tuple(ranked[:max_words]), lower)


def user_texts(source: str) -> list[list[str]]:
    """The tokens of a user's own texts: the lines of a UTF-8 file, or the one text itself.

    Raises:
        UserError: in one line, for an absent or empty file, another encoding, or a text without a word.
    """
    if not names_a_file(source):
        lines, where = [source], "the text"
    else:
        path = Path(source).expanduser()
        lines, where = _lines(path), f"{path}: line"
    texts = [tokenise(line) for line in lines]
    for number, tokens in enumerate(texts, 1):
        if not tokens:
            raise UserError(f"{where} {number} has no words" if where != "the text" else "the text has no words")
    return texts


def names_a_file(source: str) -> bool:
    """Whether it is a file, and not a text itself. Raises ``UserError`` for a folder and for what looks like a file."""
    try:
        path = Path(source).expanduser()
        if path.is_file():
            return True
        folder = "/" in source and path.is_dir()
    except (OSError, ValueError):  # too long for a name, or with a zero byte
        return False
    if folder:
        raise UserError(f"{source}: is a folder; name a file, or put a text of your own in quotes, as 'a fine day'")
    if re.fullmatch(r"\S+\.(txt|csv|tsv|conll|conllu)", source):
        raise UserError(f"{source}: no such file; a text of your own goes in quotes, as 'a fine day'")
    return False


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig").rstrip()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text; convert it, as with iconv -f cp1252 -t utf-8") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if not text:
        raise UserError(f"{path}: is empty")
    return text.split("\n")  # splitlines() would cut at a form feed and at U+2028, too, inside of a text


def read_text(path: str, encoding: str) -> str:
    """The whole of a user's file. Raises ``UserError`` in one line where it is absent or of another encoding."""
    try:
        return Path(path).expanduser().read_text(encoding=encoding).removeprefix("\ufeff")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except LookupError as error:
        raise UserError(f"dataset.encoding={encoding}: there is no such encoding") from error
    except UnicodeError as error:
        raise UserError(f"{path}: is not {encoding} text; set dataset.encoding, for instance cp1252") from error
