"""Running text for language models: a text is cut into parallel streams in which each token predicts the next.

Shape suffixes: T tokens.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from rnnbench.data.dataset import Dataset, Sequences, Splits, at_least, one_of
from rnnbench.data.spec import DataSpec
from rnnbench.data.streams import END, UNKNOWN, Level, Parts, Tokens, cut_streams, encode, shares, tokens, unigram_nll
from rnnbench.data.text import names_a_file
from rnnbench.errors import UserError


class RunningText(Dataset):
    """Base of all running text; a subclass has ``_parts``, the tokens of train, validation and test.

    The id of a token is its place in the vocabulary plus one, because 0 pads; targets are places, so that the softmax
    has no padding. The order of the vocabulary is that of the first appearance in the training part.

    Args:
        name: what tables call it.
        level: ``words`` (between blanks, and ``<eos>`` at the end of each line) or ``characters`` (line ends too).
        steps: tokens of a row, through which gradients flow back; the state goes on to the next row.
        batch_size: streams of the training part, side by side in a batch.
        eval_streams: likewise of validation and test. One scores the whole part in one go; more are faster, and each
            begins without a past.
        data_dir: the folder with published files.
    """

    def __init__(
        self,
        name: str,
        level: Level,
        steps: int,
        batch_size: int,
        eval_streams: int,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, batch_size, at_least("eval_streams", eval_streams, 1), data_dir)
        self.level: Level = one_of("level", level, END)
        self.steps = at_least("steps", steps, 1)
        self.eval_streams = eval_streams
        self._unigram: float | None = None

    def _parts(self) -> Parts:
        raise NotImplementedError(f"{type(self).__name__} reads no text")

    def _size(self) -> int:
        """Tokens of the vocabulary, known without a published file."""
        return len(self.vocabulary)

    @cached_property
    def vocabulary(self) -> list[str]:
        """All tokens known to the model, in the order of their ids."""
        return self._known(self._parts()[0])

    def _known(self, train: Tokens) -> list[str]:
        return list(dict.fromkeys(train))

    @property
    def spec(self) -> DataSpec:
        """A token in, the next one out, and a state that goes on."""
        size = self._size()
        return DataSpec("language_modelling", 1, size, per_step=True, carries_state=True, vocabulary=size + 1)

    def load(self, seed: int) -> Splits:
        """The three parts as streams; ``seed`` has no effect. Raises ``UserError`` for a text that does not serve."""
        train, valid, test = self._parts()
        self.vocabulary = self._known(train)
        splits = Splits(
            self._streams("train", train, self.batch_size),
            self._streams("validation", valid, self.eval_streams),
            self._streams("test", test, self.eval_streams),
        )
        self._unigram = unigram_nll(splits, len(self.vocabulary))
        return splits

    def baseline(self) -> dict[str, float] | None:
        """The unigram model, fitted on train; known once the text is loaded."""
        if (nll := self._unigram) is None:
            return None
        return {"loss": nll, "nll": nll, "perplexity": math.exp(nll), "bpc": nll / math.log(2)}

    def _streams(self, part: str, text: Tokens, count: int) -> Sequences:
        if len(text) <= count:
            option = "batch_size" if part == "train" else "eval_streams"
            raise UserError(f"{self.name}: {part} has {len(text)} tokens, too few for {option}={count} streams")
        return cut_streams(encode(text, self.vocabulary), count, self.steps)

    def artifacts(self) -> dict[str, Any]:
        """How to read a text: its level and its vocabulary."""
        return {"level": self.level, "vocabulary": self.vocabulary}

    def read(self, source: str, artifacts: dict[str, Any]) -> Sequences:
        """A text file, or the text itself, as one stream; the end of a line stands before it, so all is predicted."""
        ids = self.begin(user_text(source), artifacts)
        if len(ids) < 2:
            raise UserError("the text is empty")
        return cut_streams(ids, 1, self.steps)

    def begin(self, text: str, artifacts: dict[str, Any]) -> Tensor:
        """Ids, int64 ``(T,)``, of the end of a line and then of ``text``. Raises ``UserError`` for unknown tokens."""
        level: Level = artifacts["level"]
        return encode([END[level], *tokens(text, level)], artifacts["vocabulary"]).long()

    def written(self, ids: Sequence[int], artifacts: dict[str, Any]) -> str:
        """The text of ``ids``."""
        found = [artifacts["vocabulary"][i - 1] for i in ids]
        if artifacts["level"] == "characters":
            return "".join(found)
        return re.sub(" ?\n ?", "\n", " ".join("\n" if token == END["words"] else token for token in found))

    def answer(self, prediction: Any, artifacts: dict[str, Any]) -> dict[str, Any]:
        """How well the text was predicted: nats a token, perplexity, and bits a character where tokens are that."""
        nll = prediction.double().mean()
        told = {"tokens": len(prediction), "nll": float(nll), "perplexity": float(nll.exp())}
        return told | ({"bpc": float(nll) / math.log(2)} if artifacts["level"] == "characters" else {})


class Corpus(RunningText):
    """A published corpus with its published parts.

    - ``ptb``: Penn Treebank, words (Mikolov et al. 2010): 929,589 / 73,760 / 82,430 tokens, 10,000 distinct.
    - ``ptb_char``: the same as characters (Mikolov et al. 2012): 5,017,482 / 393,042 / 442,423, 50 distinct. The file
      has a blank after each character and writes a blank as ``_``; here both are undone.
    - ``wikitext2``: words (Merity et al. 2017): 2,088,628 / 217,646 / 245,569, 33,278 distinct.
    - ``tinyshakespeare``: characters (Karpathy 2015), 65 distinct; the usual first 90 % to train, 1,003,854, and the
      rest halved: 55,770 for validation and 55,770 for test.

    Args:
        name: what tables call it.
        corpus: which.
        steps: tokens of a row, see ``RunningText``.
        batch_size: streams of the training part.
        eval_streams: streams of validation and test.
        data_dir: where files are looked for and downloaded to.
    """

    def __init__(
        self,
        name: str = "ptb",
        corpus: Literal["ptb", "ptb_char", "wikitext2", "tinyshakespeare"] = "ptb",
        steps: int = 35,
        batch_size: int = 20,
        eval_streams: int = 10,
        data_dir: str | Path | None = None,
    ):
        level, self._vocabulary_size = CORPORA[one_of("corpus", corpus, CORPORA)]
        super().__init__(name, level, steps, batch_size, eval_streams, data_dir)
        self.corpus = corpus
        parts = ("train", "valid", "test")
        self.files = (corpus,) if corpus in ONE_FILE else tuple(f"{corpus}_{part}" for part in parts)

    def _size(self) -> int:
        return self._vocabulary_size

    def _parts(self) -> Parts:
        from rnnbench.data.files import read

        texts = [read(file, self.data_dir).decode() for file in self.files]
        if self.corpus in ONE_FILE:
            return shares(tokens(texts[0], self.level), (0.9, 0.05, 0.05))
        if self.corpus == "ptb_char":
            texts = [text.replace(" ", "").replace("_", " ") for text in texts]
        train, valid, test = (tokens(text, self.level) for text in texts)
        return train, valid, test


CORPORA: dict[str, tuple[Level, int]] = {
    "ptb": ("words", 10_000),
    "ptb_char": ("characters", 50),
    "wikitext2": ("words", 33_278),
    "tinyshakespeare": ("characters", 65),
}
ONE_FILE = {"tinyshakespeare"}


class TextFile(RunningText):
    """A text file of the user's own, split in its order: train, then validation, then test.

    The vocabulary is that of the training part; whatever is not in it becomes ``<unk>``.

    Args:
        name: what tables call it.
        path: the file.
        level: ``words`` or ``characters``.
        min_count: tokens that the training part has less often are unknown.
        split: shares of the tokens for train, validation and test, that sum to 1.
        encoding: of the file.
        steps: tokens of a row, see ``RunningText``.
        batch_size: streams of the training part.
        eval_streams: streams of validation and test.
    """

    def __init__(
        self,
        name: str = "text_file",
        path: str | None = None,
        level: Level = "characters",
        min_count: int = 1,
        split: Sequence[float] = (0.9, 0.05, 0.05),
        encoding: str = "utf-8",
        steps: int = 100,
        batch_size: int = 20,
        eval_streams: int = 1,
    ):
        super().__init__(name, level, steps, batch_size, eval_streams)
        if path is None:
            raise ValueError("path=null: name the text file, dataset.path=FILE.txt")
        if len(split) != 3 or min(split) <= 0 or not math.isclose(sum(split), 1, abs_tol=1e-9):
            raise ValueError(f"split={list(split)}: three shares above 0 that sum to 1")
        self.path, self.encoding, self.split = path, encoding, tuple(split)
        self.min_count = at_least("min_count", min_count, 1)

    def _parts(self) -> Parts:
        text = read_text(self.path, self.encoding)
        return shares(tokens(text if text.endswith("\n") else text + "\n", self.level), self.split)

    def _known(self, train: Tokens) -> list[str]:
        kept = (token for token, count in Counter(train).items() if count >= self.min_count)
        return list(dict.fromkeys([END[self.level], UNKNOWN, *kept]))

    def fingerprint(self) -> dict[str, str]:
        """The sum of the user's file."""
        import hashlib

        return {Path(self.path).name: hashlib.sha256(_bytes(self.path)).hexdigest()}

    def prepare(self) -> list[Path]:
        """Check that the file is there and holds a text."""
        read_text(self.path, self.encoding)
        return [Path(self.path)]


def user_text(source: str) -> str:
    """A user's own text: a UTF-8 file, or the text itself. Raises ``UserError`` for a file that does not serve."""
    return read_text(source, "utf-8") if names_a_file(source) else source


def read_text(path: str, encoding: str) -> str:
    """The text of a file. Raises ``UserError`` for one that is not there, empty, or not in this encoding."""
    try:
        text = _bytes(path).decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not {encoding}: byte {error.start} cannot be read") from error
    except LookupError as error:
        raise UserError(f"encoding={encoding}: there is no such encoding") from error
    if not text.strip():
        raise UserError(f"{path} is empty")
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _bytes(path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
