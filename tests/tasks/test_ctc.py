from itertools import product

import pytest
import torch

from rnnbench.tasks import ctc

NO = -1


def said(path, blank):
    """What a path says, by its definition."""
    runs = [label for i, label in enumerate(path) if i == 0 or label != path[i - 1]]
    return tuple(label for label in runs if label != blank)


def by_enumeration(p_TO):
    """The probability of everything that can be said, summed over all paths."""
    T, O = p_TO.shape
    found = {}
    for path in product(range(O), repeat=T):
        p = 1.0
        for t, label in enumerate(path):
            p *= float(p_TO[t, label])
        found[said(path, O - 1)] = found.get(said(path, O - 1), 0.0) + p
    return found


def test_losses_sum_over_all_paths_within_length():
    torch.manual_seed(0)
    values, lengths = torch.randn(3, 5, 3).double(), torch.tensor([5, 3, 4])
    targets = torch.tensor([[0, 0, 1], [1, NO, NO], [1, 0, NO]])
    logs = ctc.log_probabilities(values, lengths)
    told = ctc.losses(logs, lengths, targets)
    for row, length in enumerate(lengths.tolist()):
        wanted = tuple(label for label in targets[row].tolist() if label != NO)
        p = by_enumeration(values[row, :length].softmax(-1))[wanted]
        assert float(told[row].neg().exp()) == pytest.approx(p, rel=1e-9)
    assert bool(ctc.losses(logs, lengths, torch.tensor([[0, 0, 1], [1, 1, NO], [1, 0, 0]])).isfinite().all())
    assert ctc.losses(logs, lengths, torch.tensor([[0, 0, 1], [1, 1, 0], [1, 0, 0]]))[1] == torch.inf  # needs 4 steps


def test_what_stands_beyond_a_length_changes_nothing():
    torch.manual_seed(0)
    values, lengths, targets = torch.randn(2, 4, 3), torch.tensor([2, 4]), torch.tensor([[0, NO], [1, 0]])
    values.requires_grad_()
    logs = ctc.log_probabilities(values, lengths)
    ctc.losses(logs, lengths, targets).sum().backward()
    assert values.grad is not None
    assert values.grad[0, 2:].tolist() == [[0] * 3] * 2
    assert bool(values.grad.isfinite().all())
    assert bool((values.grad[1] != 0).any())
    moved = values.detach().clone()
    moved[0, 2:] = 100
    assert torch.equal(ctc.log_probabilities(moved, lengths), logs)


def test_the_likeliest_path_is_not_always_the_likeliest_answer():
    p = torch.tensor([[0.4, 0.0, 0.6], [0.4, 0.0, 0.6]]).double()  # Graves 2012, figure 7.3
    assert ctc.greedy(p.log()[None]) == [[]]
    assert ctc.beam_search(p.log(), 10) == [0]
    assert ctc.beam_search(p.log(), 1) == []  # after one step the blank alone is kept
    assert by_enumeration(p)[0,] == pytest.approx(0.64)


def test_greedy_by_hand():
    paths = torch.tensor([[0, 0, 3, 0, 1], [3, 3, 2, 2, 3]])
    logs = torch.nn.functional.one_hot(paths, 4).double().log_softmax(-1)
    assert ctc.greedy(logs) == [[0, 0, 1], [2]]


def test_a_wide_beam_finds_the_likeliest_of_all_answers():
    torch.manual_seed(0)
    for _ in range(20):
        values = 2 * torch.randn(5, 3).double()
        found = by_enumeration(values.softmax(-1))
        assert ctc.beam_search(values.log_softmax(-1), 1000) == list(max(found, key=lambda k: found[k]))
