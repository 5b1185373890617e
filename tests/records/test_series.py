"""Thinned curves beside an archive."""

import pytest

from rnnbench.errors import UserError
from rnnbench.records.archive import write_archive
from rnnbench.records.series import POINTS, SERIES, read_runs, read_series, write_series


def series(count, metric="valid/mse"):
    epochs = list(range(1, count + 1))
    return {"epoch": epochs, "step": [7 * e for e in epochs], metric: [1 / e for e in epochs]}


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200, 500])
def test_the_kept_points_are_points_of_the_curve_from_its_start(make, tmp_path, count):
    run = make.run(series=series(count))
    write_series([run], tmp_path / SERIES)
    (found,) = read_series(tmp_path / SERIES).values()
    assert POINTS / 2 < len(found["step"]) <= POINTS or len(found["step"]) == count
    assert found["epoch"][0] == 1
    for epoch, step, value in zip(found["epoch"], found["step"], found["valid/mse"], strict=True):
        assert step == 7 * epoch
        assert value == pytest.approx(1 / epoch, rel=1e-4)


def test_runs_of_different_length_share_the_steps_of_the_coarser(make, tmp_path):
    write_series([make.run(seed=s, series=series(n)) for s, n in ((0, 100), (1, 300))], tmp_path / SERIES)
    short, long = sorted(read_series(tmp_path / SERIES).values(), key=lambda s: s["step"][-1])
    assert [step for step in long["step"] if step <= short["step"][-1]] == [
        step for step in short["step"] if step in set(long["step"])
    ]


def test_an_archive_is_read_with_its_curves_and_without(make, tmp_path):
    runs = [make.run(0.2, seed=0), make.run(0.3, seed=1)]
    assert read_runs(tmp_path / "records.csv") == []
    write_archive(runs, tmp_path / "records.csv")
    assert all(run.record["series"] == {} for run in read_runs(tmp_path / "records.csv"))
    write_series(runs[:1], tmp_path / SERIES)
    curves = {run.job.seed: run.record["series"] for run in read_runs(tmp_path / "records.csv")}
    assert curves[0] == {"epoch": [1, 2, 3], "step": [20, 40, 60], "valid/mse": [0.4, 0.3, 0.2]}
    assert curves[1] == {}


def test_values_that_are_not_numbers_are_left_out_and_no_curve_is_no_file(make, tmp_path):
    gaps = {"epoch": [1, 2, 3], "step": [5, 10, 15], "valid/mse": [0.5, None, 0.25]}
    write_series([make.run(series=gaps)], tmp_path / SERIES)
    (found,) = read_series(tmp_path / SERIES).values()
    assert found["step"] == [5, 15]
    every_other = series(200)
    every_other["valid/mse"][::2] = [None] * 100  # validated after every second epoch
    write_series([make.run(series=every_other)], tmp_path / SERIES)
    (found,) = read_series(tmp_path / SERIES).values()
    assert found["epoch"] == list(range(2, 201, 4))
    write_series([], tmp_path / SERIES)
    assert not (tmp_path / SERIES).exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [("1 2 3,", "1 two 3,", "line 2: could not convert string"), ("1 2 3,", "1 2,", "line 2: epochs, steps and values"),
     ("1 2 3,", "1 nan 3,", "line 2: 1 nan 3: not all are finite"),
     ("identity,metric", "identity,metrics", "its heading lacks metric")],
)  # fmt: skip
def test_a_damaged_file_is_one_line(make, tmp_path, old, new, message):
    path = tmp_path / SERIES
    write_series([make.run(series=series(3))], path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=rf"series\.csv.* {message}"):
        read_series(path)
