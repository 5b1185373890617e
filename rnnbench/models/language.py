"""A model of text: what predicts the next token may share its weights with what reads the last one.

Shape suffixes: B sequences, T steps, H backbone outputs, E features of a token's vector, O tokens to choose from.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnbench.models.model import SequenceModel


class LanguageModel(SequenceModel):
    """Encoder, backbone, dropout, and a head over all tokens.

    Args:
        backbone: see ``SequenceModel``.
        output_size: tokens to choose from (O).
        pooling: see ``SequenceModel``.
        encoder: an ``Embedding`` of O tokens and the padding.
        tied: score tokens by the encoder's vectors, with biases of their own (Inan et al. 2017, arXiv:1611.01462;
            Press and Wolf 2017, arXiv:1608.05859). Where they have not the backbone's width, a projection goes before.
        output_dropout: probability of dropping an output of the backbone.
        init_range: encoder and head start uniform in plus or minus this; None: as torch starts them.
        backbone_range: all weights of the backbone likewise; None: as the model has it.

    Raises:
        ValueError: in one line, for an option out of range, or an encoder whose vectors cannot be shared.
    """

    def __init__(
        self,
        backbone: nn.Module,
        output_size: int,
        pooling: str | None,
        encoder: nn.Module | None = None,
        *,
        tied: bool = False,
        output_dropout: float = 0.0,
        init_range: float | None = 0.1,
        backbone_range: float | None = None,
    ) -> None:
        super().__init__(backbone, output_size, pooling, encoder)
        if not 0 <= output_dropout < 1:
            raise ValueError(f"composition.output_dropout={output_dropout}: must be in 0..1, below 1")
        for name, value in (("init_range", init_range), ("backbone_range", backbone_range)):
            if value is not None and value <= 0:
                raise ValueError(f"composition.{name}={value}: must be greater than 0")
        width: Any = backbone.output_size
        if tied:
            self.head = TiedHead(getattr(encoder, "vectors", None), width, output_size)
        if output_dropout:
            self.head = nn.Sequential(nn.Dropout(output_dropout), self.head)
        if init_range is not None:
            self._start(init_range)
        if backbone_range is not None:
            for parameter in backbone.parameters():
                nn.init.uniform_(parameter, -backbone_range, backbone_range)

    @torch.no_grad()
    def _start(self, width: float) -> None:
        """Draw head and encoder anew; the head first, so that equal heads stay equal under other encoders."""
        read = [] if self.encoder is None else list(self.encoder.parameters())
        own = [p for p in self.head.parameters() if all(p is not shared for shared in read)]
        for parameter in [*own, *read]:
            nn.init.uniform_(parameter, -width, width)
        vectors = getattr(self.encoder, "vectors", None)
        if vectors is not None:
            vectors.weight[0].zero_()  # the padding


class TiedHead(nn.Module):
    """Scores of tokens: their vectors times the output of the backbone, and a bias.

    Args:
        vectors: of the padding and the O tokens, shared with the encoder.
        width: features of the backbone's output (H).
        output_size: tokens (O).
    """

    def __init__(self, vectors: nn.Embedding | None, width: int, output_size: int) -> None:
        super().__init__()
        if vectors is None or vectors.num_embeddings != output_size + 1:
            raise ValueError("composition.tied=True: the encoder has no vector for each token that can be predicted")
        size = vectors.embedding_dim
        self.vectors = vectors
        self.projection = nn.Identity() if width == size else nn.Linear(width, size, bias=False)
        self.bias = nn.Parameter(torch.zeros(output_size))

    def forward(self, y_BTH: Tensor) -> Tensor:
        """Scores ``(B, T, O)``."""
        return F.linear(self.projection(y_BTH), self.vectors.weight[1:], self.bias)
