import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnbench.data.listing import _built, options
from rnnbench.data.series import TimeSeries
from rnnbench.data.sources import Source
from rnnbench.data.table import Table
from rnnbench.errors import UserError

ROWS = 100


@pytest.fixture
def make(tmp_path):
    """A data set on a file whose column ``a`` counts rows, ``b`` is a thousand more, ``c`` alternates."""

    def made(change=None, rows=ROWS, **options):
        cells = [[f"2020-01-01T{i // 60:02}:{i % 60:02}", str(i), str(1000 + i), str(i % 2)] for i in range(rows)]
        for (row, col), text in (change or {}).items():
            cells[row][col] = text
        path = tmp_path / "t.csv"
        path.write_text("time,a,b,c\n" + "".join(",".join(line) + "\n" for line in cells))
        return TimeSeries(path=str(path), **{"window": 5, "horizon": 2, "scaling": "none", **options})

    return made


def rows_of(sequences, feature=0):
    """Row numbers seen and predicted by each window of a data set whose first columns count rows."""
    return sequences.inputs[..., feature].int().tolist(), sequences.targets.int().tolist()


def test_shapes_agree_with_the_spec(make):
    dataset = make()
    splits, spec = dataset.load(0), dataset.spec
    assert (spec.task, spec.input_size, spec.target_size, spec.per_step) == ("forecasting", 3, 6, False)
    batch = splits.train.batch(torch.arange(4))
    assert batch.inputs_BTI.shape == (4, 5, 3)
    assert batch.targets.shape == (4, 6)
    assert batch.lengths_B is None
    # 70 rows hold 70 - 5 - 2 + 1 windows; 10 and 20 rows of targets hold 9 and 19
    assert [len(s) for s in (splits.train, splits.valid, splits.test)] == [64, 9, 19]


def test_windows_are_the_rows_before_their_targets(make):
    splits = make(targets="a").load(0)
    for part in (splits.train, splits.valid, splits.test):
        for seen, predicted in zip(*rows_of(part), strict=True):
            assert seen == list(range(predicted[0] - 5, predicted[0]))
            assert predicted[1] == predicted[0] + 1
    assert rows_of(splits.train)[0][0][0] == 0


@pytest.mark.parametrize("stride", [1, 2, 3, 7])
@pytest.mark.parametrize("horizon", [1, 4])
def test_targets_never_overlap_between_splits(make, stride, horizon):
    splits = make(targets=["a"], stride=stride, horizon=horizon).load(0)
    predicted = [{row for window in rows_of(s)[1] for row in window} for s in (splits.train, splits.valid, splits.test)]
    assert max(predicted[0]) < 70 <= min(predicted[1])
    assert max(predicted[1]) < 80 <= min(predicted[2])
    assert max(predicted[2]) < 100
    starts = [window[0] for window in rows_of(splits.test)[1]]
    assert set(np.diff(starts)) == {stride}
    # look-back: the first window of each split reaches into the one before
    assert rows_of(splits.test)[0][0] == [75, 76, 77, 78, 79]
    seen_in_training = {row for window in rows_of(splits.train)[0] for row in window}
    assert max(seen_in_training) < 70


def test_several_targets_first_row_first(make):
    splits = make(targets=["a", "b"], features=["c", "a"]).load(0)
    assert splits.train.targets[0].tolist() == [5, 1005, 6, 1006]
    assert splits.train.inputs[0].tolist() == [[i % 2, i] for i in range(5)]


def test_split_by_row_counts(make):
    splits = make(targets="a", split=[50, 20, 10]).load(0)
    last = [max(window[-1] for window in rows_of(s)[1]) for s in (splits.train, splits.valid, splits.test)]
    assert last == [49, 69, 79]
    assert make(rows=97)._rows.cuts == (68, 78, 97)  # shares end at the nearest row


@pytest.mark.parametrize("scaling", ["standard", "minmax", "maxabs"])
def test_scaling_is_fitted_on_training_rows(make, scaling):
    before = make(targets="a", scaling=scaling).load(0)
    dataset = make({(row, 1): "1e6" for row in range(70, 100)}, targets="a", scaling=scaling)
    assert torch.equal(before.train.inputs, dataset.load(0).train.inputs)
    shift, scale = (34.5, np.arange(70).std()) if scaling == "standard" else (0, 69)
    np.testing.assert_allclose((dataset._rows.scaler.shift[0], dataset._rows.scaler.scale[0]), (shift, scale))
    assert float(before.valid.targets[5, 0]) == pytest.approx((75 - shift) / scale)


def test_missing_values_are_named_and_refused(make):
    dataset = make({(3, 2): "", (60, 2): "NA"})
    with pytest.raises(UserError, match=r"column 'b' has 2 missing values, on line 5, 62; .*dataset\.impute"):
        dataset.load(0)
    make({(3, 2): ""}, targets=["a"], features=["a", "c"]).load(0)  # not in use, not in the way


@pytest.mark.parametrize(
    ("impute", "filled"), [("ffill", 19), ("linear", 20), ("mean", np.delete(range(70), 20).mean())]
)
def test_filled_features_with_a_mask(make, impute, filled):
    gap = {(20, 1): ""}
    dataset = make(gap, targets=["c"], features=["a", "c"], impute=impute, mask=True)
    assert dataset.spec.input_size == 3  # one mask: only `a` has gaps
    train = dataset.load(0).train
    window = train.inputs[18]  # rows 18 to 22
    assert window[2].tolist() == pytest.approx([filled, 0, 1])
    assert window[:, 2].tolist() == [0, 0, 1, 0, 0]
    without = make(gap, targets=["c"], features=["a", "c"], impute=impute)
    assert without.spec.input_size == 2
    assert torch.equal(without.load(0).train.inputs, train.inputs[..., :2])


def test_filled_cells_are_never_predicted(make):
    splits = make({(20, 1): "", (75, 1): ""}, targets=["a"], impute="mean").load(0)
    assert [len(s) for s in (splits.train, splits.valid, splits.test)] == [64 - 2, 9 - 2, 19]
    assert not any(row in (20, 75) for s in (splits.train, splits.valid) for window in rows_of(s)[1] for row in window)
    assert splits.train.batch(torch.tensor([0])).mask is None
    seen, predicted = rows_of(make({(20, 1): ""}, targets=["a"], impute="mean", stride=3).load(0).train)
    assert [rows[0] for rows in predicted] == [start for start in range(5, 69, 3) if start != 20]
    assert [rows[-1] + 1 for rows in seen] == [rows[0] for rows in predicted]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({(r, 1): "" for r in range(70)}, {"impute": "mean"}, "'a' has no value in the training rows"),
        ({(r, 1): "" for r in range(71, 80, 2)}, {"impute": "ffill", "targets": "a"}, "every window of valid"),
        ({}, {"window": 69}, "train has 70 of 100 rows, but window=69 and horizon=2 need 71"),
        ({}, {"horizon": 11}, "valid has 10 of 100 rows"),
        ({}, {"split": [90, 10, 10]}, "asks for 110 rows; the file has 100"),
        ({}, {"targets": "d"}, "no column 'd'; choose one of a, b, c, time"),
        ({}, {"features": ["a", "tim"]}, "no column 'tim'; did you mean time?"),
        ({}, {"targets": "time"}, "column 'time' holds '2020-01-01T00:00' on line 2"),
        ({(5, 0): "2019-01-01T00:00"}, {"time_column": "time"}, "does not increase on line 7"),
        ({(9, 3): "high"}, {}, "column 'c' holds 'high' on line 11"),
    ],
)
def test_a_file_that_does_not_serve_is_said_in_one_line(make, change, options, message):
    dataset = make(change, **options)
    with pytest.raises(UserError, match=message) as caught:
        dataset.load(0)
    assert "\n" not in str(caught.value)
    assert str(dataset.source.name) in str(caught.value)


def test_no_numbers_at_all(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("name,place\nx,y\n")
    with pytest.raises(UserError, match="no column holds numbers"):
        _ = TimeSeries(path=str(path)).spec


def test_time_column_is_no_target(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("year,a\n" + "".join(f"{1900 + i},{i}\n" for i in range(60)))
    assert TimeSeries(path=str(path), time_column="year", window=3).spec.input_size == 1
    assert TimeSeries(path=str(path), window=3).spec.input_size == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": None}, "path=null"),
        ({"window": 0}, "window=0"),
        ({"horizon": 0}, "horizon=0"),
        ({"stride": 0}, "stride=0"),
        ({"scaling": "robust"}, "scaling='robust'"),
        ({"impute": "zero"}, "impute='zero'"),
        ({"mask": True}, "mask=True"),
        ({"split": [0.7, 0.3]}, "split="),
        ({"split": [0.7, 0.2, 0.2]}, "split="),
        ({"split": [0.7, 0.3, 0.0]}, "split="),
        ({"split": [70, 0, 30]}, "split="),
        ({"targets": []}, "targets="),
        ({"origins": 3, "origin": 3}, "origin=3"),
        ({"units": "percent"}, "units='percent'"),
        ({"calendar": ["year"], "time_column": "t"}, "calendar='year'"),
        ({"calendar": ["month"]}, "time_column"),
        ({"calendar_at": "head"}, "calendar_at=head: name what it is told"),
        ({"calendar_at": "tail"}, "calendar_at='tail'"),
        ({"season": 0}, "season=0"),
        ({"ar_order": 0}, "ar_order=0"),
        ({"features": ["a", "a"]}, "features="),
    ],
)
def test_options_are_checked_without_a_file(options, message):
    with pytest.raises(ValueError, match=message):
        TimeSeries(**{"path": "nowhere.csv", **options})


def test_spec_by_names_needs_no_file():
    assert TimeSeries(path="nowhere.csv", targets="x", features=["x", "y"], horizon=3).spec.input_size == 2
    with pytest.raises(UserError, match=r"nowhere\.csv: cannot be read"):
        _ = TimeSeries(path="nowhere.csv").spec


def test_windows_share_memory(make):
    train = make(window=30).load(0).train
    assert train.inputs.untyped_storage().nbytes() <= ROWS * 3 * 4
    assert train.inputs.numel() * 4 > 5 * train.inputs.untyped_storage().nbytes()


def test_fingerprint_is_that_of_the_users_file(make):
    dataset = make()
    first = dataset.fingerprint()
    assert list(first) == ["t.csv"]
    assert make({(0, 1): "5"}).fingerprint() != first


def test_etth1_under_its_usual_split(real_data, tmp_path):
    path = tmp_path / "ETTh1.csv"
    path.write_bytes(gzip.decompress((real_data / "ett/ETTh1.csv.gz").read_bytes()))
    dataset = TimeSeries(path=str(path), window=96, horizon=24, split=[8640, 2880, 2880], time_column="date")
    splits = dataset.load(0)
    assert dataset.spec.input_size == 7
    assert dataset._rows.scaler.columns == ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
    # the published counts of windows for this horizon
    assert [len(s) for s in (splits.train, splits.valid, splits.test)] == [8521, 2857, 2857]
    rows = splits.train.targets.view(-1, 24, 7)[:, 0]
    torch.testing.assert_close(rows.mean(0), torch.zeros(7), atol=0.03, rtol=0)


def series_of(values, **options):
    """A data set on numbers that stand in no file."""

    class Given(Source):
        name = "given"

        def read(self, seed, data_dir):
            return Table.of({"y": np.asarray(values, dtype=float) + seed}, self.name)

    return TimeSeries(source=Given(), targets="y", **{"window": 3, "scaling": "none", "split": [10, 5, 15], **options})


def test_logarithms_are_taken_before_scaling():
    values = np.exp(np.arange(30) / 10)
    dataset = series_of(values, log=True, scaling="standard")
    train = np.arange(10) / 10
    np.testing.assert_allclose(dataset.load(0).train.targets[:, 0], (train[3:] - train.mean()) / train.std(), rtol=1e-5)
    kept = dataset.artifacts()
    assert kept["log"] is True
    assert (kept["shift"]["y"], kept["scale"]["y"]) == pytest.approx((train.mean(), train.std()))
    assert kept["mase_scale"] == [pytest.approx(np.diff(np.exp(train)).mean())]  # in the units of the file
    with pytest.raises(UserError, match=r"given: column 'y' is not positive on line 1; set dataset\.log=false"):
        series_of(np.arange(30), log=True).load(0)


def test_artifacts_are_plain_and_name_all_that_a_table_needs(make):
    dataset = make({(20, 1): ""}, targets=["c"], features=["a", "c"], impute="ffill", mask=True, scaling="minmax",
                   time_column="time", calendar=["hour"], season=4)  # fmt: skip
    kept = json.loads(json.dumps(dataset.artifacts()))
    assert kept["targets"] == ["c"]
    assert kept["features"] == ["a", "c"]
    assert kept["masked"] == ["a"]
    assert (kept["calendar"], kept["time_column"], kept["window"], kept["horizon"]) == (["hour"], "time", 5, 2)
    assert kept["shift"] == {"a": 0, "c": 0}
    assert kept["scale"] == {"a": 69, "c": 1}
    assert kept["season"] == 4
    assert kept["mase_scale"] == [1.0]  # c is the same four rows later: no scale, so none


@pytest.mark.parametrize("gap", [0, 2])
def test_the_calendar_tells_when_the_predicted_row_is(make, gap):
    dataset = make(targets="a", time_column="time", calendar=["minute"], horizon=3, gap=gap)
    splits = dataset.load(0)
    assert dataset.spec.input_size == 3
    assert (dataset.spec.window.values, dataset.spec.window.calendar) == (1, 2)
    window = splits.valid.inputs[0]  # rows 65 to 69, or 63 to 67, minute by minute: rows 68 to 72 are told of
    angles = 2 * np.pi * (np.arange(68, 73) % 60) / 60
    np.testing.assert_allclose(window[:, 1:], np.stack([np.sin(angles), np.cos(angles)], 1), atol=1e-6)


def test_the_calendar_of_the_first_predicted_row_may_stand_beside_the_window(make):
    told = {"time_column": "time", "calendar": ["minute"], "calendar_at": "head"}
    dataset = make({(75, 1): ""}, targets="a", horizon=3, impute="ffill", **told)
    splits, spec = dataset.load(0), dataset.spec
    assert (spec.input_size, spec.side_size, spec.window.calendar) == (1, 2, 0)
    batch = splits.valid.batch(torch.arange(len(splits.valid)))
    angles = 2 * np.pi * (batch.targets[:, 0].double().numpy() % 60) / 60  # a row's value is its number
    np.testing.assert_allclose(batch.side_BS, np.stack([np.sin(angles), np.cos(angles)], 1), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"season": 70}, r"season=70 needs 70 rows before the first forecast, and there are 69"),
        ({"ar_order": 35}, r"ar_order=35 needs 71 rows"),
    ],
)
def test_a_past_that_is_too_short(make, options, message):
    with pytest.raises(UserError, match=message):
        make(targets="a", **options).references()


def test_a_calendar_needs_dates(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("year,a\n" + "".join(f"{1900 + i},{i}\n" for i in range(60)))
    options = {"path": str(path), "window": 3, "time_column": "year", "calendar": ["month"]}
    with pytest.raises(UserError, match=r"'year' holds numbers, and dataset\.calendar needs dates"):
        TimeSeries(**options).load(0)
    assert TimeSeries(**options, time_format="%Y").load(0).train.inputs.shape[2] == 3


def test_references_are_those_of_the_test_windows():
    values = np.random.default_rng(0).normal(size=30).cumsum()
    dataset = series_of(values, horizon=2, season=4, ar_order=1, scaling="standard")
    splits, found = dataset.load(0), dataset.references()
    scaler = dataset._rows.scaler
    assert list(found) == ["naive", "seasonal naive", "drift", "AR"]
    for forecast in found.values():
        assert forecast.shape == splits.test.targets.shape
    slope_of_ar, constant = np.polyfit(values[:9], values[1:10], 1)
    in_units = {name: f * scaler.scale[0] + scaler.shift[0] for name, f in found.items()}
    for n, start in enumerate(range(15, 29)):
        np.testing.assert_allclose(in_units["naive"][n], [values[start - 1]] * 2)
        np.testing.assert_allclose(in_units["AR"][n, 0], constant + slope_of_ar * values[start - 1])
        np.testing.assert_allclose(in_units["seasonal naive"][n], values[start - 4 : start - 2])
        slope = (values[start - 1] - values[0]) / (start - 1)
        np.testing.assert_allclose(in_units["drift"][n], values[start - 1] + slope * np.array([1, 2]))


def test_references_skip_the_windows_that_are_left_out(make):
    dataset = make({(90, 1): ""}, targets="a", impute="ffill", scaling="none")
    targets, naive = dataset.load(0).test.targets, dataset.references()["naive"]
    assert len(naive) == len(targets) == 19 - 2
    assert naive[:3, 0].tolist() == [79, 80, 81]
    assert naive[-1].tolist() == [97, 97]


def test_origins_roll_over_the_test_rows():
    tested = []
    for origin in range(3):
        dataset = series_of(np.arange(30), origins=3, origin=origin)
        splits = dataset.load(0)
        train, valid, test = (s.targets[:, 0].int().tolist() for s in (splits.train, splits.valid, splits.test))
        assert test == list(range(15 + 5 * origin, 20 + 5 * origin))
        assert valid == list(range(test[0] - 5, test[0]))  # always as many, just before
        assert train == list(range(3, valid[0]))  # and all that was before these
        tested += test
    assert tested == list(range(15, 30))
    whole = series_of(np.arange(30)).load(0)
    assert whole.test.targets[:, 0].int().tolist() == tested


def test_origins_leave_the_first_rows_of_an_odd_test_part_out():
    cuts = [series_of(np.arange(30), origins=4, origin=k)._rows.cuts for k in range(4)]
    assert cuts == [(13, 18, 21), (16, 21, 24), (19, 24, 27), (22, 27, 30)]


def test_a_simulation_is_another_one_for_another_seed():
    dataset = series_of(np.arange(30))
    first = dataset.load(1).test.targets
    assert torch.equal(dataset.load(2).test.targets, first + 1)
    assert dataset.references()["naive"][0, 0] == 16
    assert torch.equal(dataset.load(1).test.targets, first)


@pytest.mark.parametrize("name", ["sunspots", "airline", "min_temperatures", "laser", "etth1", "exchange_rate"])
def test_windows_of_published_series(real_data, name):
    conf = Path(__file__).parents[2] / "conf/dataset" / f"{name}.yaml"
    dataset = _built({**options(conf), "data_dir": real_data})
    splits, spec = dataset.load(0), dataset.spec
    assert splits.train.inputs.shape[1:] == (dataset.window, spec.input_size)
    assert splits.test.targets.shape[1] == spec.target_size
    naive = (dataset.references()["naive"] - splits.test.targets).square().mean()
    assert torch.isfinite(naive)
    if name == "etth1":
        assert [len(s) for s in (splits.train, splits.valid, splits.test)] == [8521, 2857, 2857]


def test_a_gap_predicts_the_row_beyond_it_alone(make):
    """What horizon 4 predicts last, horizon 1 predicts behind a gap of 3, from the same rows; baselines too."""
    whole = make(horizon=4, ar_order=2, season=2)
    alone = make(horizon=1, gap=3, ar_order=2, season=2)
    C = whole.spec.target_size // 4
    assert (alone.spec.target_size, alone.spec.window.gap, alone.artifacts()["gap"]) == (C, 3, 3)
    for part in ("train", "valid", "test"):
        ours, theirs = getattr(alone.load(0), part), getattr(whole.load(0), part)
        # a window may look at rows of the split before, and so the first rows of validation can be predicted too
        more = 3 if part != "train" else 0
        assert len(ours) == len(theirs) + more
        assert torch.equal(ours.inputs[more:], theirs.inputs)
        assert torch.equal(ours.targets[more:], theirs.targets[:, -C:])
    for name, of_N in whole.references().items():
        torch.testing.assert_close(alone.references()[name][3:], of_N[:, -C:])
    assert alone.test_rows[3] == whole.test_rows[0] + 3
