import os
import re

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from rnnbench.errors import UserError
from rnnbench.records.events import read_scalars
from rnnbench.results.compare import appearances, compare, draw_curves, log_ticks, plot
from rnnbench.results.curves import average
from rnnbench.results.pictures import canvas


@pytest.fixture
def runs(make):
    return [
        make.run(0.1 * (i + 1) + 0.01 * seed, model=f"m{i}", dataset=dataset, seed=seed)
        for dataset in ("adding", "copy")
        for i in range(5)
        for seed in range(10)
    ]


def test_five_models_with_ten_seeds_are_five_lines_with_bands(runs, tmp_path):
    made = compare(runs, tmp_path / "out")
    assert made.runs == tuple(f"{dataset}/m{i}" for dataset in ("adding", "copy") for i in range(5))
    curve = average(runs)[2].by_metric["valid/mse"]
    scalars = read_scalars(tmp_path / "out" / "adding" / "m2")
    assert set(scalars) == {f"adding/{m}/{end}" for m in ("valid/mse", "train/loss") for end in ("mean", "lo", "hi")}
    for end in ("mean", "lo", "hi"):
        points = scalars[f"adding/valid/mse/{end}"]
        assert [step for step, _ in points] == [20, 40, 60]
        assert [value for _, value in points] == pytest.approx(getattr(curve, end), rel=1e-6)
    assert curve.lo[0] < curve.mean[0] < curve.hi[0]
    assert made.notes == ()


def test_the_layout_has_a_chart_for_each_data_set_and_metric(runs, tmp_path):
    compare(runs, tmp_path)
    accumulator = EventAccumulator(str(tmp_path / "layout")).Reload()
    text = accumulator.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0]
    layout = layout_pb2.Layout.FromString(text)
    assert [category.title for category in layout.category] == ["adding", "copy", "adding: training", "copy: training"]
    charts = {(c.title, chart.title): chart.margin.series[0] for c in layout.category for chart in c.chart}
    assert set(charts) == {
        (d + t, m) for d in ("adding", "copy") for t, m in (("", "valid/mse"), (": training", "train/loss"))
    }
    written = read_scalars(tmp_path / "copy" / "m0")
    series = charts["copy", "valid/mse"]
    assert {series.value, series.lower, series.upper} <= set(written)
    assert not {series.value} & set(read_scalars(tmp_path / "adding" / "m0"))  # each chart holds one data set


def test_settings_become_runs_with_names_fit_for_files(make, tmp_path):
    runs = [make.run(seed=0, hparams={"optimizer.lr": lr}) for lr in (0.1, 0.2)]
    assert compare(runs, tmp_path).runs == ("adding/lstm-lr=0.1", "adding/lstm-lr=0.2")
    assert compare(runs, tmp_path, rows="optimizer.lr", cols="model").runs == ("lstm/0.1", "lstm/0.2")


def test_labels_too_long_for_a_file_are_still_runs_of_their_own(make, tmp_path):
    runs = [make.run(seed=0, model="m" * 90, hparams={"optimizer.lr": lr}) for lr in (0.1, 0.2)]
    assert compare(runs, tmp_path).runs == (f"adding/{'m' * 80}", f"adding/{'m' * 80}-2")


def test_an_earlier_comparison_is_replaced_and_nothing_else(runs, tmp_path):
    compare(runs, tmp_path)
    compare(runs[:10], tmp_path)
    assert not (tmp_path / "copy").exists()
    assert len(read_scalars(tmp_path / "adding" / "m0")["adding/valid/mse/mean"]) == 3
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    with pytest.raises(UserError, match="holds no comparison"):
        compare(runs, tmp_path / "other")
    assert (tmp_path / "other" / "thesis.tex").exists()


def test_the_picture_has_a_panel_for_each_data_set(runs, make, tmp_path):
    path = plot([*runs, make.run(model="m0", seed=99, status="diverged")], tmp_path / "deep" / "curves.svg")
    text = path.read_text()
    comments = re.findall(r"<!-- (.*?) -->", text)
    for expected in ("adding", "copy", "step", "valid/mse", "m4 (n=10)", "baseline"):
        assert expected in comments
    png = plot(runs, tmp_path / "curves.png", metric="train/loss")
    with Image.open(png) as image:
        assert image.width > 1000
        assert len(image.convert("RGB").getcolors(1 << 20)) > 50  # not an empty page


def test_log_axis_where_curves_span_decades(make, tmp_path):
    steep = {"epoch": [1, 2], "step": [1, 2], "valid/mse": [1.0, 1e-4]}
    text = plot([make.run(series=steep)], tmp_path / "a.svg").read_text()
    assert "mathdefault{10^{" in text
    assert "mathdefault{10^{" not in plot([make.run(series=steep)], tmp_path / "b.svg", log=False).read_text()


def test_a_baseline_far_from_all_curves_is_told_and_not_drawn(make, tmp_path):
    """The record's is 0.1667."""
    series = {"epoch": [1, 2], "step": [1, 2]}
    near, far = (make.run(series=series | {"valid/mse": [1.0, last]}) for last in (0.8, 0.9))
    assert "baseline 0.167" in plot([far], tmp_path / "a.svg").read_text()
    assert "baseline 0.167" not in plot([near], tmp_path / "b.svg").read_text()


def test_a_model_that_diverges_leaves_the_panel_and_the_others_can_be_told_apart(make):
    steps = {"epoch": [1, 2], "step": [1, 2]}
    wild = make.run(model="irnn", series=steps | {"valid/mse": [0.2, 1e24]})
    tame = make.run(model="gru", series=steps | {"valid/mse": [0.2, 0.002]})
    panel = average([wild, tame])
    axis = canvas(4, 3).subplots()
    draw_curves(axis, panel, "mse", appearances([one.label for one in panel]))
    assert axis.get_yscale() == "log"
    assert axis.get_ylim() == pytest.approx((0.001, 6.0))


def test_an_error_of_zero_stands_at_the_least_above_it_and_an_accuracy_of_zero_keeps_its_axis(make):
    steps = {"epoch": [1, 2], "step": [1, 2]}
    runs = [make.run(seed=seed, series=steps | {"valid/mse": [0.5, last]}) for seed, last in enumerate((0.0, 1e-8))]
    axis = canvas(4, 3).subplots()
    draw_curves(axis, average(runs), "mse", appearances(["lstm"]))
    assert axis.get_yscale() == "log"
    assert axis.get_lines()[0].get_ydata() == pytest.approx([0.5, 1e-8])
    runs = [
        make.run(seed=seed, series=steps | {"valid/accuracy": [first, 0.9]}) for seed, first in ((0, 0.0), (1, 0.02))
    ]
    for run in runs:
        run.record["metric_modes"]["accuracy"] = "max"
    axis = canvas(4, 3).subplots()
    draw_curves(axis, average(runs), "accuracy", appearances(["lstm"]))
    assert axis.get_yscale() == "linear"


def test_a_metric_that_rises_is_not_taken_for_one_that_diverges(make):
    series = {"epoch": [1, 2], "step": [1, 2], "valid/accuracy": [0.01, 0.9]}
    run = make.run(model="gru", series=series)
    run.record["metric_modes"]["accuracy"] = "max"
    axis = canvas(4, 3).subplots()
    draw_curves(axis, average([run]), "accuracy", appearances(["gru"]))
    assert axis.get_ylim() == pytest.approx((0.005, 1.8))


def test_a_linear_axis_shows_what_comes_after_the_start(make):
    steps = list(range(1, 41))
    values = [9.0, 5.0, 3.0, *(2.0 - 0.01 * i for i in range(37))]
    run = make.run(series={"epoch": steps, "step": steps, "valid/mse": values}, baseline={"mse": 2.5})
    axis = canvas(4, 3).subplots()
    draw_curves(axis, average([run]), "mse", appearances(["lstm"]))
    low, high = axis.get_ylim()
    assert (low < values[-1], 2.5 < high < 5.0, low > 1.3) == (True, True, True)  # the baseline is seen


@pytest.mark.parametrize("rises", [False, True])
def test_a_peak_leaves_a_linear_axis_and_what_is_learnt_late_does_not(make, rises):
    """Either a short divergence, or a plateau that is left in the end."""
    steps, sign = list(range(1, 41)), -1 if rises else 1
    for values, (low, high) in (
        ([2.0] * 30 + [9.0] * 3 + [1.9] * 7, (1.5, 2.5)),
        ([2.0] * 36 + [1.5, 1.4, 1.3, 1.2], (1.0, 2.5)),
    ):
        series = {"epoch": steps, "step": steps, "valid/mse": [sign * value for value in values]}
        run = make.run(series=series, baseline={"mse": None})
        run.record["metric_modes"]["mse"] = "max" if rises else "min"
        axis = canvas(4, 3).subplots()
        draw_curves(axis, average([run]), "mse", appearances(["lstm"]), log=False)
        ends = sorted(sign * end for end in axis.get_ylim())
        assert low < ends[0] < min(values)
        assert 2.0 < ends[1] < high


@pytest.mark.parametrize("which", ["x", "y"])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([74.0, 125.0], [80, 100, 120]),
        ([310.0, 480.0], [300, 400, 500]),
        ([229.6, 230.0], [200, 250, 300]),
        ([1.0, 90.0], [1, 2, 5, 10, 20, 50, 100]),
        ([0.3, 200.0], [0.3, 1, 3, 10, 30, 100]),
        ([0.01, 1e4], [0.01, 0.1, 1, 10, 100, 1000, 10000]),
    ],
)
def test_a_logarithmic_axis_has_numbers_and_a_factor_of_two_at_least(which, values, expected):
    axis = canvas(4, 3).subplots()
    axis.plot(values, values, "o")
    log_ticks(axis, which)
    low, high = axis.get_xlim() if which == "x" else axis.get_ylim()
    assert high / low >= 2 - 1e-9
    assert low < min(values) <= max(values) < high
    of_axis = axis.xaxis if which == "x" else axis.yaxis
    seen = [label.get_text() for label, at in zip(of_axis.get_ticklabels(), of_axis.get_ticklocs()) if low < at < high]
    assert seen == [f"{value:g}" for value in expected if low < value < high]
    assert len(seen) >= 3


def test_a_baseline_that_is_none_or_0_does_not_stand_in_the_way(make, tmp_path):
    series = {"epoch": [1, 2], "step": [1, 2], "valid/mse": [0.01, 0.5]}
    for value in (None, 0.0):
        runs = [make.run(0.5, seed=seed, series=series, baseline={"mse": value}) for seed in (0, 1)]
        assert plot(runs, tmp_path / "curves.png").exists()


def test_an_unknown_metric_comes_before_anything_is_written(runs, tmp_path):
    with pytest.raises(UserError, match="metric=valid/nope"):
        compare(runs, tmp_path / "out", metric="nope")
    assert not (tmp_path / "out").exists()


def test_a_single_epoch_can_be_seen(make, tmp_path):
    run = make.run(series={"epoch": [1], "step": [1], "valid/mse": [1.0]})
    with Image.open(plot([run], tmp_path / "a.png")) as image:
        first = image.convert("RGB").crop((0, 0, image.width * 3 // 4, image.height))  # left of the legend
    blue = sum(n for n, (r, _, b) in first.getcolors(1 << 20) if b > r + 100)
    assert blue > 50  # a marker, not a line of no length


def test_plot_leaves_no_figure_behind_and_names_unknown_series(runs, tmp_path):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    plot(runs, tmp_path / "a.png", metric="mse")
    assert plt.get_fignums() == before
    with pytest.raises(UserError, match=r"metric=valid/msee: .*did you mean valid/mse"):
        plot(runs, tmp_path / "b.png", metric="msee")


def test_common_models_look_alike_in_every_picture():
    few, many = appearances(["lstm", "irnn"]), appearances(["tanh", "irnn", "urnn", "lstm", "gru"])
    assert few["lstm"] == many["lstm"]
    assert len(set(many.values())) == 5
    assert list(few) == ["lstm", "irnn"]
    assert len(set(appearances([str(n) for n in range(25)]).values())) == 25


def test_a_picture_that_cannot_be_drawn_to_its_end_leaves_the_old_one(runs, tmp_path, monkeypatch):
    def breaks_off(figure, target, **options):
        target.write_bytes(b"half") if isinstance(target, os.PathLike) else target.write(b"half")
        raise OSError("no space left on device")

    old = tmp_path / "curves.png"
    old.write_bytes(b"old")
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", breaks_off)
    with pytest.raises(OSError, match="no space left"):
        plot(runs, old)
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]
