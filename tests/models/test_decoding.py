"""Beam search against the enumeration of all sequences."""

import itertools

import pytest
import torch

from rnnbench.models.decoding import beam_search, rows_of

EDGE, O, LONGEST = 2, 5, 4


def toy(B, seed=0):
    """A step of a small network whose scores depend on all tokens before; and its state for B sequences."""
    generator = torch.Generator().manual_seed(seed)
    W, V, E = (2 * torch.randn(shape, generator=generator).double() for shape in ((6, 6), (6, O), (O, 6)))

    def step(last_BK, state):
        (h_1NH,) = state
        h_1NH = torch.tanh(h_1NH @ W + E[last_BK.flatten()])
        return (h_1NH[0] @ V).unflatten(0, last_BK.shape), (h_1NH,)

    return step, (torch.randn(1, B, 6, generator=generator).double(),)


def worth(step, state, b, words, power):
    """log p of one sequence with its end, token by token, over its length."""
    state, last, total = rows_of(state, torch.tensor([b])), torch.tensor([[EDGE]]), 0.0
    for t, word in enumerate([*words, EDGE], 1):
        scores, state = step(last, state)
        log_p = scores.log_softmax(-1)[0, 0]
        total += 0.0 if t == LONGEST else float(log_p[word])  # there it must end
        total += float(log_p[EDGE]) if t == LONGEST else 0.0
        last = torch.tensor([[word]])
    return total / (len(words) + 1) ** power


@pytest.mark.parametrize("power", [0.0, 0.7, 1.0])
def test_a_beam_of_all_hypotheses_finds_the_best_of_all_sequences(power):
    step, state = toy(3)
    words = [w for n in range(LONGEST) for w in itertools.product((1, 3, 4), repeat=n)]
    found, scores_B = beam_search(step, state, torch.full((3,), LONGEST), 100, power, EDGE, (0,))
    for b in range(3):
        best = max(words, key=lambda w, b=b: worth(step, state, b, w, power))
        assert tuple(found[b].tolist()) == best
        assert float(scores_B[b]) == pytest.approx(worth(step, state, b, best, power))


def test_powers_matter_to_the_toy():
    step, state = toy(8, seed=1)
    short, long = (beam_search(step, state, torch.full((8,), 9), 50, p, EDGE, (0,))[0] for p in (0.0, 1.0))
    assert sum(map(len, long)) > sum(map(len, short))


def test_a_beam_of_one_takes_the_likeliest_token():
    step, state = toy(5, seed=2)
    found, _ = beam_search(step, state, torch.full((5,), 7), 1, 1.0, EDGE, (0, 1))
    for b in range(5):
        own, last, words = rows_of(state, torch.tensor([b])), EDGE, []
        while len(words) < 6:
            scores, own = step(torch.tensor([[last]]), own)
            last = int(scores[0, 0, 2:].argmax()) + 2
            if last == EDGE:
                break
            words.append(last)
        assert found[b].tolist() == words


@pytest.mark.parametrize("beam", [1, 3])
def test_sequences_of_a_batch_do_not_touch_each_other(beam):
    step, state = toy(4, seed=3)
    longest_B = torch.tensor([2, 9, 5, 1])
    together, scores_B = beam_search(step, state, longest_B, beam, 1.0, EDGE)
    for b in range(4):
        rows = torch.tensor([b])
        (alone,), score = beam_search(step, rows_of(state, rows), longest_B[rows], beam, 1.0, EDGE)
        assert alone.tolist() == together[b].tolist()
        assert float(score) == pytest.approx(float(scores_B[b]))
        assert len(alone) < longest_B[b]
    assert together[3].tolist() == []
