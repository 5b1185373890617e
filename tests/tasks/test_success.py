"""The criterion against its words, taken literally over every prefix of what was seen."""

import json
import random

import pytest

from rnnbench.tasks.success import Criterion

MODES = {"mse": "min", "accuracy": "max"}


def literally(errors, error, window, wrong, mean):
    """The number of sequences after which it holds for the first time; None if it never does."""
    for n in range(window, len(errors) + 1):
        last = errors[n - window : n]
        if sum(e >= error for e in last) <= wrong and sum(last) / window < mean:
            return n
    return None


@pytest.mark.parametrize(("window", "wrong", "mean"), [(1, 0, 9), (5, 0, 9), (20, 3, 9), (20, 3, 0.42), (40, 0, 9)])
def test_the_last_sequences_of_training(window, wrong, mean):
    rng = random.Random(0)
    for _ in range(20):
        errors = [rng.random() * 40 / (30 + n) for n in range(120)]
        criterion = Criterion(error=0.9, window=window, wrong=wrong, mean=mean, modes=MODES)
        for n, error in enumerate(errors, 1):
            criterion.trained(1, [error])
            if n % 7 == 0:  # saved and read again, as JSON would
                state = json.loads(json.dumps(criterion.state_dict()))
                criterion = Criterion(error=0.9, window=window, wrong=wrong, mean=mean, modes=MODES)
                criterion.load_state_dict(state)
        assert criterion.reached == literally(errors, 0.9, window, wrong, mean)
        assert criterion.result() == {"reached": criterion.reached is not None, "sequences": criterion.reached}


def test_a_batch_counts_whole():
    criterion = Criterion(error=0.5, window=2, modes=MODES)
    criterion.trained(3, [0.9, 0.1, 0.9])  # right in the middle alone
    assert criterion.reached is None
    criterion.trained(3, [0.9, 0.1, 0.2])
    criterion.trained(3, [0.9, 0.9, 0.9])
    assert criterion.reached == 6


def test_the_validation_split_by_errors():
    criterion = Criterion(split="valid", error=0.5, wrong=1, modes=MODES)
    assert (criterion.sees("valid"), criterion.sees("train")) == (True, False)
    for errors in ([0.9, 0.9, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.1]):
        criterion.trained(10)
        criterion.validated({}, errors)
    assert criterion.reached == 20


@pytest.mark.parametrize(
    ("metric", "threshold", "reached"), [("mse", 0.3, 30), ("accuracy", 0.7, 30), ("mse", 0, None)]
)
def test_the_validation_split_by_a_metric(metric, threshold, reached):
    criterion = Criterion(metric=metric, threshold=threshold, modes=MODES)
    for step in range(1, 6):
        criterion.trained(10, ())
        criterion.validated({"mse": 0.6 - 0.1 * step, "accuracy": 0.4 + 0.1 * step})
    assert criterion.reached == reached


def test_what_is_no_number_is_not_right():
    criterion = Criterion(error=0.5, modes=MODES)
    criterion.trained(1, [float("nan")])
    assert criterion.reached is None
