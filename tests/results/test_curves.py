import math

import pytest
from scipy import stats

from rnnbench.errors import UserError
from rnnbench.results.curves import average


def series(values, **more):
    n = len(values)
    return {"epoch": list(range(1, n + 1)), "step": [10 * i for i in range(1, n + 1)], "valid/mse": values, **more}


def test_mean_and_band_over_seeds(make):
    data = [[0.5, 0.3, 0.2], [0.6, 0.35, 0.1], [0.4, 0.31, 0.15]]
    (one,) = average([make.run(seed=s, series=series(v)) for s, v in enumerate(data)])
    curve = one.by_metric["valid/mse"]
    assert curve.steps == (10, 20, 30)
    assert curve.epochs == (1, 2, 3)
    assert curve.n == 3
    for at in range(3):
        values = [row[at] for row in data]
        expected = stats.t.interval(0.95, 2, loc=sum(values) / 3, scale=stats.sem(values))
        assert (curve.lo[at], curve.hi[at]) == pytest.approx(expected)
    assert "step" not in one.by_metric
    assert one.notes == ()


def test_on_a_log_scale_the_band_is_that_of_the_logarithms(make):
    data = [[1e-7, 1e-3], [1e-4, 1e-3], [1e-2, 2e-3]]
    (one,) = average([make.run(seed=s, series=series(v)) for s, v in enumerate(data)])
    curve = one.by_metric["valid/mse"].on_log_scale()
    for at in range(2):
        values = [row[at] for row in data]
        logs = [math.log(value) for value in values]
        expected = stats.t.interval(0.95, 2, loc=sum(logs) / 3, scale=stats.sem(logs))
        assert curve.mean[at] == pytest.approx(stats.gmean(values))
        assert (curve.lo[at], curve.hi[at]) == pytest.approx(tuple(map(math.exp, expected)))
        assert curve.lo[at] > 0


def test_curves_end_with_the_first_seed_that_stops(make):
    runs = [make.run(seed=0, series=series([4.0, 3.0, 2.0])), make.run(seed=1, series=series([2.0, 1.0]))]
    (one,) = average(runs)
    assert one.by_metric["valid/mse"].steps == (10, 20)
    assert one.by_metric["valid/mse"].mean == (3.0, 2.0)
    assert "between steps 20 and 30" in one.notes[0]


def test_steps_without_a_value_are_left_out(make):
    runs = [make.run(seed=s, series=series([1.0, 2.0, 3.0], f1=[None, 0.5, None])) for s in range(2)]
    assert average(runs)[0].by_metric["f1"].steps == (20,)
    never = [make.run(seed=s, series=series([1.0], f1=[None])) for s in range(2)]
    assert "f1" not in average(never)[0].by_metric
    assert "f1" in average(never)[0].notes[0]


def test_one_seed_has_a_line_and_no_band(make):
    curve = average([make.run(series=series([1.0, 2.0]))])[0].by_metric["valid/mse"]
    assert curve.lo == curve.mean == curve.hi == (1.0, 2.0)


def test_diverged_and_unfinished_runs_are_left_out_and_said(make):
    runs = [make.run(seed=0), make.run(seed=1, status="diverged"), make.run(seed=2, status="pending")]
    (one,) = average(runs)
    assert one.by_metric["valid/mse"].n == 1
    assert "1 of 3 runs" in one.notes[0]
    with pytest.raises(UserError, match="no curves"):
        average(runs[1:])


def test_settings_make_lines_of_their_own(make):
    runs = [make.run(seed=s, hparams={"optimizer.lr": lr}) for lr in (0.1, 0.2) for s in (0, 1)]
    assert [(one.panel, one.label) for one in average(runs)] == [
        ("adding", "lstm (lr=0.1)"),
        ("adding", "lstm (lr=0.2)"),
    ]
    assert [(one.panel, one.label) for one in average(runs, "optimizer.lr", "model")] == [
        ("lstm", "0.1"),
        ("lstm", "0.2"),
    ]
