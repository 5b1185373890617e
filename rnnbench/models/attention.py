"""Where a decoder looks among the words of the sentence that it translates.

Shape suffixes: B sentences, S their words, T steps (or hypotheses) that look, M features of an encoder's output,
H features of a decoder's, K those of a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from rnnbench.models.model import beyond

Score = Literal["dot", "general", "concat"]


@dataclass
class Memory:
    """What an encoder has read.

    Attributes:
        values_BSM: its outputs.
        keys_BSK: what queries are compared with.
        beyond_BS: bool, steps beyond the length of their sentence; None: there are none.
    """

    values_BSM: Tensor
    keys_BSK: Tensor
    beyond_BS: Tensor | None


class Lookup(nn.Module):
    """Weights softmax_s(score(h_t, y_s)) and the context, the sum over s of weight times y_s.

    ``dot``: h . y; ``general``: h . W y; ``concat``: v . tanh(W h + U y + b). Luong, Pham and Manning 2015
    (arXiv:1508.04025), equation 8; the last is that of Bahdanau, Cho and Bengio 2015 (arXiv:1409.0473), A.1.2.

    Args:
        width: features of what looks (H).
        memory: features of what is looked at (M).
        score: ``dot``, ``general`` or ``concat``.

    Raises:
        ValueError: in one line, where ``dot`` meets two widths.
    """

    def __init__(self, width: int, memory: int, score: Score) -> None:
        super().__init__()
        if score == "dot" and width != memory:
            raise ValueError(
                f"composition.score=dot: the decoder has {width} features and the encoder {memory}; take general"
            )
        self.keys = nn.Identity() if score == "dot" else nn.Linear(memory, width, bias=score == "concat")
        self.query = nn.Linear(width, width, bias=False) if score == "concat" else None
        self.scale = nn.Linear(width, 1, bias=False) if score == "concat" else None

    def remember(self, values_BSM: Tensor, lengths_B: Tensor | None) -> Memory:
        """The memory of an encoder's outputs."""
        outside = None if lengths_B is None else beyond(values_BSM, lengths_B)
        return Memory(values_BSM, self.keys(values_BSM), outside)

    def weights(self, h_BTH: Tensor, memory: Memory) -> Tensor:
        """``(B, T, S)``: 0 beyond the length, 1 in sum over S."""
        if self.query is None or self.scale is None:
            scores_BTS = h_BTH @ memory.keys_BSK.transpose(1, 2)
        else:
            sums_BTSK = self.query(h_BTH)[:, :, None] + memory.keys_BSK[:, None]
            scores_BTS = self.scale(torch.tanh(sums_BTSK))[..., 0]
        if memory.beyond_BS is not None:
            scores_BTS = scores_BTS.masked_fill(memory.beyond_BS[:, None], float("-inf"))
        return scores_BTS.softmax(-1)

    def forward(self, h_BTH: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Contexts ``(B, T, M)`` and weights ``(B, T, S)``."""
        weights_BTS = self.weights(h_BTH, memory)
        return weights_BTS @ memory.values_BSM, weights_BTS
