"""What a linear chain of tags is worth: all sequences together, one of them, and the best.

``pairs_BTOO[b, t, i, j]`` is the score of tag j at step t after tag i; at the first step all i are equal, see
``rnnbench.models.LinearChain``. Shape suffixes: B sequences, T steps, O tags.
"""

from __future__ import annotations

import torch
from torch import Tensor


def log_partition(pairs_BTOO: Tensor, lengths_B: Tensor) -> Tensor:
    """``(B,)``: the logarithm of the sum, over all sequences of tags, of the exponential of their scores."""
    total_BO = pairs_BTOO[:, 0, 0]
    for t in range(1, pairs_BTOO.shape[1]):
        step_BO = (total_BO[:, :, None] + pairs_BTOO[:, t]).logsumexp(1)
        total_BO = torch.where((t < lengths_B)[:, None], step_BO, total_BO)
    return total_BO.logsumexp(1)


def score(pairs_BTOO: Tensor, tags_BT: Tensor, lengths_B: Tensor) -> Tensor:
    """``(B,)``: the score of one sequence of tags each; what stands beyond a length, below 0 too, does not count."""
    B, T, O, _ = pairs_BTOO.shape
    tags_BT = tags_BT.clamp(min=0)
    before_BT = torch.cat([tags_BT.new_zeros(B, 1), tags_BT[:, :-1]], 1)
    steps_BT = pairs_BTOO.flatten(2).gather(2, (before_BT * O + tags_BT)[..., None])[..., 0]
    within_BT = torch.arange(T, device=tags_BT.device)[None] < lengths_B[:, None]
    return steps_BT.masked_fill(~within_BT, 0).sum(1)


@torch.no_grad()
def best_tags(pairs_BTOO: Tensor, lengths_B: Tensor) -> Tensor:
    """int64 ``(B, T)``: the sequence of tags with the highest score (Viterbi 1967); 0 beyond each length."""
    T = pairs_BTOO.shape[1]
    total_BO, came_from = pairs_BTOO[:, 0, 0], []
    for t in range(1, T):
        step_BO, from_BO = (total_BO[:, :, None] + pairs_BTOO[:, t]).max(1)
        within_B1 = (t < lengths_B)[:, None]
        total_BO = torch.where(within_B1, step_BO, total_BO)
        stay_O = torch.arange(total_BO.shape[1], device=total_BO.device)
        came_from.append(torch.where(within_B1, from_BO, stay_O))
    tag_B = total_BO.argmax(1)
    tags = [tag_B]
    for from_BO in reversed(came_from):
        tag_B = from_BO.gather(1, tag_B[:, None])[:, 0]
        tags.append(tag_B)
    tags_BT = torch.stack(tags[::-1], 1)
    return tags_BT.masked_fill(torch.arange(T, device=tags_BT.device)[None] >= lengths_B[:, None], 0)
