"""A linear-chain conditional random field as the last layer (Lafferty et al. 2001; Lample et al. 2016, section 2.2).

Shape suffixes: B sequences, T steps, O tags.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from rnnbench.data.spec import Batch, Outputs
from rnnbench.models.model import SequenceModel


class LinearChain(SequenceModel):
    """Scores of pairs of neighbouring tags: the head's score of a tag, and a learned one for what it follows.

    Its outputs are ``(B, T, O, O)``: the score of tag j at step t after tag i at step t - 1. At the first step, which
    follows nothing, all i have the score of beginning with j; the last step within length has that of ending with j.

    Args:
        backbone: see ``SequenceModel``, like all that follow.
        output_size: tags (O).
        pooling: must be None.
        encoder: see there.

    Raises:
        ValueError: in one line, where a sequence has one target.
    """

    def __init__(
        self, backbone: nn.Module, output_size: int, pooling: str | None, encoder: nn.Module | None = None
    ) -> None:
        if pooling is not None:
            raise ValueError("composition: a chain of tags needs a tag for every step, this dataset has one a sequence")
        super().__init__(backbone, output_size, pooling, encoder)
        self.transitions = nn.Parameter(torch.zeros(output_size, output_size))
        self.begin, self.end = nn.Parameter(torch.zeros(output_size)), nn.Parameter(torch.zeros(output_size))

    def run(self, batch: Batch, state: Any = None) -> Outputs:
        """The scores of pairs for a batch; ``state``: of the backbone at the start."""
        outputs = super().run(batch, state)
        tags_BTO = outputs.values
        T, O = tags_BTO.shape[1:]
        if outputs.lengths_B is None:
            last_BT = torch.arange(T, device=tags_BTO.device)[None] == T - 1
        else:
            last_BT = (
                torch.arange(T, device=tags_BTO.device)[None] == outputs.lengths_B.to(tags_BTO.device)[:, None] - 1
            )
        tags_BTO = tags_BTO + last_BT[..., None] * self.end
        first_B1OO = (tags_BTO[:, :1] + self.begin)[:, :, None].expand(-1, -1, O, -1)
        pairs = torch.cat([first_B1OO, tags_BTO[:, 1:, None] + self.transitions], 1)
        return Outputs(pairs, outputs.lengths_B, outputs.state)
