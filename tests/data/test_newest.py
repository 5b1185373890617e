import json

import numpy as np
import pytest
import torch

from rnnbench.data.newest import following, newest_side, newest_window
from rnnbench.data.series import TimeSeries
from rnnbench.data.table import Table
from rnnbench.errors import UserError

HEAD = "when,other,a,b\n"


def lines(gap=False):
    rng = np.random.default_rng(0)
    rows = [[f"{2000 + i // 12}-{1 + i % 12:02d}-01", "xyz"[i * i % 3], f"{v:.3f}", f"{w:.3f}"]
            for i, (v, w) in enumerate(rng.uniform(1, 9, (90, 2)))]  # fmt: skip
    if gap:
        rows[75][2] = ""
    return [",".join(row) + "\n" for row in rows]


def write(path, rows):
    path.write_text(HEAD + "".join(rows))
    return str(path)


@pytest.mark.parametrize(
    "options",
    [
        {"log": True},
        {"scaling": "minmax"},
        {"impute": "ffill", "mask": True, "scaling": "none"},
        {"impute": "mean", "log": True, "scaling": "maxabs"},
        {"impute": "linear", "log": True},
        {"calendar_at": "head"},
        {"gap": 2},
        {"calendar_at": "head", "gap": 2},
        {"labels": ["other"]},
        {"calendar_at": "head", "gap": 2, "labels": ["other"]},
    ],
)
def test_the_window_before_a_test_row_is_that_of_the_data_set(tmp_path, options):
    rows = lines(gap="impute" in options)
    dataset = TimeSeries(path=write(tmp_path / "all.csv", rows), targets=["a"], features=["b", "a"], window=6,
                         horizon=3, time_column="when", calendar=["month"], split=[60, 10, 20], **options)  # fmt: skip
    test = dataset.load(0).test
    artifacts = json.loads(json.dumps(dataset.artifacts()))
    n = 8  # the ninth test window predicts rows 78 to 80 ... or later, where windows with a gap are left out
    start = int(dataset.test_rows[n])
    known = Table(write(tmp_path / "known.csv", rows[: start - options.get("gap", 0)]))
    torch.testing.assert_close(newest_window(known, artifacts)[0], test.inputs[n])
    side = newest_side(known, artifacts)
    assert (side is None) == (test.side is None) == (not {"calendar_at", "labels"} & set(options))
    if side is not None:
        torch.testing.assert_close(side[0], test.side[n])


def test_a_missing_cell_gets_the_mean_of_the_training_rows(tmp_path):
    rows = lines(gap=True)
    dataset = TimeSeries(path=write(tmp_path / "all.csv", rows), targets=["a"], window=6, impute="mean")
    dataset.load(0)
    artifacts = json.loads(json.dumps(dataset.artifacts()))
    later = [["2031-01-01", "x", f"{value}", "5"] for value in (100, 101, 102, "", 104, 105)]
    table = Table(write(tmp_path / "later.csv", [",".join(row) + "\n" for row in later]))
    window_TI = newest_window(table, artifacts)[0]
    assert float(window_TI[3, 0]) == pytest.approx(0.0, abs=1e-6)  # scaled to mean 0 over the training rows
    assert float(window_TI[2, 0]) > 30
    del artifacts["mean"]  # a run of before it was kept: the mean of what is there
    assert float(newest_window(table, artifacts)[0][3, 0]) > 30


def test_a_file_whose_newest_rows_come_first_is_refused_and_one_without_times_is_not(tmp_path):
    rows = lines()
    dataset = TimeSeries(path=write(tmp_path / "all.csv", rows), targets=["a"], window=6, time_column="when")
    dataset.load(0)
    with pytest.raises(UserError, match="time column 'when' does not increase on line 3"):
        dataset.read(write(tmp_path / "back.csv", rows[::-1]), dataset.artifacts())
    bare = tmp_path / "bare.csv"
    bare.write_text("a\n" + "".join(row.split(",")[2] + "\n" for row in rows))
    known = Table(write(tmp_path / "known.csv", rows))
    found = newest_window(Table(bare), dataset.artifacts())
    torch.testing.assert_close(found, newest_window(known, dataset.artifacts()))


@pytest.mark.parametrize(
    ("times", "later"),
    [
        (["2024-11-01", "2024-12-01", "2025-01-01"], ["2025-02-01", "2025-03-01"]),
        (["2024-02-27", "2024-02-28", "2024-02-29"], ["2024-03-01", "2024-03-02"]),
        (["2024-01-04", "2024-01-05", "2024-01-09"], ["2024-01-13", "2024-01-17"]),
        (["2024-01-01T22:00", "2024-01-01T23:00"], ["2024-01-02T00:00", "2024-01-02T01:00"]),
    ],
)
def test_times_go_on(times, later):
    found = following(np.array(times, dtype="datetime64[ns]"), 2)
    assert found.tolist() == np.array([*times, *later], dtype="datetime64[ns]").tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:5], "has 5 rows; the run looks at 6"),
        (lambda rows: [row.replace("x,", "x,-", 1) for row in rows], "column 'a' is not positive on line 2"),
        (lambda rows: [*rows[:-1], "2007-06-01,x,,1\n"], "column 'a' has missing values, on line 91"),
        (lambda rows: [*rows[:-1], "2007-06-01,x,high,1\n"], "holds 'high' on line 91"),
        (lambda rows: [*rows[:-1], "2007-06-01,snow,1,1\n"], "column 'other' holds 'snow' on line 91, which training"),
    ],
)
def test_a_table_that_does_not_serve(tmp_path, change, message):
    rows = lines()
    dataset = TimeSeries(path=write(tmp_path / "all.csv", rows), targets=["a"], window=6, log=True, labels="other")
    dataset.load(0)
    other = write(tmp_path / "other.csv", change(rows))
    with pytest.raises(UserError, match=message):
        dataset.read(other, dataset.artifacts())
