"""What turns the inputs of a batch into what a backbone reads; equal for all models compared.

An encoder is called with ``(inputs_BTI, lengths_B)`` and gives ``(x_BTE, lengths_B)``, both perhaps of other lengths.

Shape suffixes: B sequences, T steps, I inputs of a step, E features of a step, W words in a row, C characters of a
word, F features of a word from its characters.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from rnnbench.data.spec import DataSpec

UNKNOWN = 1  # the id of words without a number of their own


class Embedding(nn.Module):
    """A learned vector for every token; the padding, id 0, is all zeros and stays so.

    Args:
        spec: of data with a vocabulary.
        size: features of a vector (E).
        dropout: probability of dropping a number of a vector.
        word_dropout: probability that a token is read as the unknown one in training, which so learns a vector.
        vectors: a text file of word vectors, as of GloVe or fastText, that the vectors start from: a run reads those of
            its vocabulary, see ``rnnbench.models.word_vectors``. None: all start at random.
        trainable: whether the vectors are trained.

    Raises:
        ValueError: in one line, for data that are numbers, or an option out of range.
    """

    def __init__(
        self,
        spec: DataSpec,
        size: int = 100,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        vectors: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__()
        if spec.vocabulary is None:
            raise ValueError("encoder: the inputs of this dataset are numbers, with nothing to embed: set it to null")
        if size < 1:
            raise ValueError(f"encoder.size={size}: must be at least 1")
        _rate("dropout", dropout)
        self.word_dropout = _rate("word_dropout", word_dropout)
        self.file = vectors
        self.vectors = nn.Embedding(spec.vocabulary, size, padding_idx=0)
        self.vectors.requires_grad_(trainable)
        self.dropout = nn.Dropout(dropout)
        self.output_size = size

    def forward(self, inputs_BTI: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Vectors ``(B, T, E)`` of int64 ids; lengths stay."""
        return self.dropout(self.embed(inputs_BTI[..., 0])), lengths_B

    def embed(self, ids_BT: Tensor) -> Tensor:
        """Vectors ``(B, T, E)``, some of them of the unknown token in training."""
        if self.training and self.word_dropout:
            drop_BT = (torch.rand(ids_BT.shape, device=ids_BT.device) < self.word_dropout) & (ids_BT > UNKNOWN)
            ids_BT = ids_BT.masked_fill(drop_BT, UNKNOWN)
        return self.vectors(ids_BT)


class WordsAndCharacters(Embedding):
    """A word's vector beside what its characters say of it; so words never seen are not all alike.

    ``cnn``: a convolution over the characters and the largest value of each filter (Santos and Zadrozny 2014; Ma and
    Hovy 2016). ``lstm``: where the two directions of a layer over the characters end (Lample et al. 2016).

    Args:
        spec: of data with a vocabulary and characters.
        characters: ``cnn`` or ``lstm``.
        character_size: features of a character's vector.
        character_features: of a word, from its characters (F); even for ``lstm``.
        kernel: characters under a filter of ``cnn``; odd.
        size: see ``Embedding``, like all that follow.
        dropout: see there; here of the characters' features too.
        word_dropout: see there; characters stay.
        vectors: see there.
        trainable: see there.

    Raises:
        ValueError: in one line, for data without characters, or an option out of range.
    """

    def __init__(
        self,
        spec: DataSpec,
        characters: Literal["cnn", "lstm"] = "cnn",
        character_size: int = 25,
        character_features: int = 50,
        kernel: int = 3,
        size: int = 100,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        vectors: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(spec, size, dropout, word_dropout, vectors, trainable)
        if spec.characters is None:
            raise ValueError("encoder: this dataset gives no characters: set dataset.characters, as to 16")
        if characters not in ("cnn", "lstm"):
            raise ValueError(f"encoder.characters={characters!r}: choose cnn or lstm")
        if min(character_size, character_features) < 1:
            raise ValueError("encoder: character_size and character_features must be at least 1")
        if characters == "cnn" and (kernel < 1 or kernel % 2 == 0):
            raise ValueError(f"encoder.kernel={kernel}: must be odd, 1 or more")
        if characters == "lstm" and character_features % 2:
            raise ValueError(f"encoder.character_features={character_features}: must be even, half for each direction")
        self.characters = nn.Embedding(spec.characters, character_size, padding_idx=0)
        if characters == "cnn":
            self.reader = nn.Conv1d(character_size, character_features, kernel, padding=kernel // 2)
        else:
            self.reader = nn.LSTM(character_size, character_features // 2, batch_first=True, bidirectional=True)
        self.output_size = size + character_features

    def forward(self, inputs_BTI: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Vectors ``(B, T, E)`` of the ids of a word and of its characters; lengths stay."""
        words_WC, where = inputs_BTI[..., 1:].flatten(0, 1).unique(dim=0, return_inverse=True)  # each is read once
        read_BTF = self._read(words_WC)[where].unflatten(0, inputs_BTI.shape[:2])
        return self.dropout(torch.cat([self.embed(inputs_BTI[..., 0]), read_BTF], -1)), lengths_B

    def _read(self, ids_WC: Tensor) -> Tensor:
        """Features ``(W, F)``; padding takes no part, and is itself read as nothing but one zero character."""
        lengths_W = (ids_WC != 0).sum(1).clamp(min=1)
        x_WCE = self.characters(ids_WC)
        if isinstance(self.reader, nn.Conv1d):
            y_WFC = self.reader(x_WCE.transpose(1, 2))
            beyond_WC = torch.arange(ids_WC.shape[1], device=ids_WC.device)[None] >= lengths_W[:, None]
            return y_WFC.masked_fill(beyond_WC[:, None], float("-inf")).amax(2)
        packed = nn.utils.rnn.pack_padded_sequence(x_WCE, lengths_W.cpu(), batch_first=True, enforce_sorted=False)
        _, (h_2WF, _) = self.reader(packed)
        return torch.cat([h_2WF[0], h_2WF[1]], -1)


def _rate(name: str, value: float) -> float:
    if not 0 <= value < 1:
        raise ValueError(f"encoder.{name}={value}: must be in 0..1, below 1")
    return value
