"""Sentences under a table that the records themselves call for."""

import pytest

from rnnbench import tasks
from rnnbench.results.notes import MEASURES
from rnnbench.results.table import build


def of(make, sizes, **changes):
    return [make.run(0.5 + seed / 100, model=m, seed=seed, replicas=n, **changes) for m, n in sizes for seed in (0, 1)]


def test_shares_of_programs_of_unlike_sizes_are_not_compared(make):
    def said(*sizes):
        return [note for note in build(of(make, sizes)).notes if note.startswith("Seconds")]

    (alike,) = said(("lstm", 5), ("gru", 5))
    assert alike.endswith("here of lstm 5, gru 5.")
    (unlike,) = said(("lstm", 5), ("gru", 1))
    assert "here of lstm 5, gru 1; rows with unlike numbers are not to be compared by seconds" in unlike
    assert said(("lstm", 1), ("gru", 1)) == []


def test_a_measure_is_said_of_the_task_whose_it_is(make):
    music = build(of(make, [("lstm", 1)], metric="nll", task="polyphonic"))
    assert "nll: nats a frame, the sum over its notes, the mean over all frames." in music.notes
    words = build(of(make, [("lstm", 1)], metric="nll", task="tagging"))
    assert "nll: nats a word, the mean over all words." in words.notes


@pytest.mark.parametrize("task", sorted(set(tasks.__all__) - {"Task"}))
def test_the_measure_that_selects_is_explained_for_every_task(task):
    if (primary := getattr(getattr(tasks, task), "primary", None)) is None:
        pytest.skip("no task")
    named = {key if isinstance(key, str) else key[1] for key in MEASURES}
    assert primary in named
