"""Which sequence a model writes: beam search over its next tokens, for all sequences of a batch at once.

Shape suffixes: B sequences, K hypotheses of each, O tokens, C candidates, T steps written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

NONE = float("-inf")
Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


@torch.no_grad()
def beam_search(
    step: Step,
    state: Any,
    longest_B: Tensor,
    beam: int,
    power: float,
    edge: int,
    forbidden: Sequence[int] = (),
) -> tuple[list[Tensor], Tensor]:
    """The best finished hypothesis of each sequence: log p / length ** power, its end counted.

    At each step every hypothesis goes on in the ``beam`` ways that are best over all of them; one that ends leaves the
    beam. A sequence is done when ``beam`` hypotheses have ended. ``beam=1`` takes the likeliest token at each step.
    With a beam as wide as there are hypotheses it is exact.

    Args:
        step: called with the last tokens ``(B, K)`` and the state, gives scores of the next ``(B, K, O)`` and the new
            state.
        state: nested tuples of tensors with rows ``B`` in their second dimension; it comes back with ``B * K`` rows.
        longest_B: tokens a sequence may have, its end counted; then it must end.
        beam: hypotheses kept (K).
        power: of the length; 0 leaves sums of logarithms, which favour short sequences.
        edge: the token that begins and ends a sequence.
        forbidden: tokens that are never written.

    Returns:
        Tokens of each sequence, int64, without its beginning and end; and the scores ``(B,)``.
    """
    B, device = len(longest_B), longest_B.device
    rows_B1 = torch.arange(B, device=device)[:, None] * beam
    state = rows_of(state, torch.arange(B, device=device).repeat_interleave(beam))
    scores_BK = torch.full((B, beam), NONE, device=device)
    scores_BK[:, 0] = 0
    last_BK = torch.full((B, beam), edge, device=device)
    written_BKT = last_BK[..., None][..., :0]
    best_B, ended_B = torch.full((B,), NONE, device=device), torch.zeros(B, dtype=torch.int64, device=device)
    best: list[Tensor] = [written_BKT[0, 0]] * B
    for t in range(1, int(longest_B.max()) + 1):
        next_BKO, state = step(last_BK, state)
        log_p_BKO = _allowed(next_BKO.log_softmax(-1), t >= longest_B, edge, forbidden)
        top_BC, from_BC, token_BC = _candidates(scores_BK[..., None] + log_p_BKO, 2 * beam)
        # a hypothesis that ends does so only from within the beam: of the further candidates none would have lived
        ends_BC = token_BC == edge
        ending_BC = top_BC.masked_fill(~ends_BC, NONE)
        ending_BC[:, beam:] = NONE
        ending_BC[ended_B >= beam] = NONE
        value_B, at_B = (ending_BC / t**power).max(1)
        for b in (value_B > best_B).nonzero()[:, 0].tolist():
            best[b] = written_BKT[b, from_BC[b, at_B[b]]]
        best_B = torch.maximum(best_B, value_B)
        ended_B = ended_B + ending_BC.isfinite().sum(1)
        scores_BK, at_BK = top_BC.masked_fill(ends_BC, NONE).topk(beam)
        from_BK, last_BK = from_BC.gather(1, at_BK), token_BC.gather(1, at_BK)
        if not bool((scores_BK.isfinite().any(1) & (ended_B < beam)).any()):
            break
        state = rows_of(state, (rows_B1 + from_BK).flatten())
        before_BKT = written_BKT.gather(1, from_BK[..., None].expand(-1, -1, t - 1))
        written_BKT = torch.cat([before_BKT, last_BK[..., None]], -1)
    return best, best_B


def _allowed(log_p_BKO: Tensor, stop_B: Tensor, edge: int, forbidden: Sequence[int]) -> Tensor:
    """The same without ``forbidden`` tokens, and with ``edge`` alone where a sequence must end."""
    log_p_BKO[..., list(forbidden)] = NONE
    others_O = torch.arange(log_p_BKO.shape[-1], device=log_p_BKO.device) != edge
    return log_p_BKO.masked_fill(stop_B[:, None, None] & others_O, NONE)


def _candidates(total_BKO: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Scores, hypotheses and tokens ``(B, C)`` of the best ways to go on, best first."""
    O = total_BKO.shape[2]
    flat = total_BKO.flatten(1)
    top_BC, at_BC = flat.topk(min(count, flat.shape[1]))
    return top_BC, at_BC // O, at_BC % O


def rows_of(state: Any, rows: Tensor) -> Any:
    """A state with these rows of its second dimension; None stays None."""
    if state is None:
        return None
    return state.index_select(1, rows) if isinstance(state, Tensor) else tuple(rows_of(part, rows) for part in state)
