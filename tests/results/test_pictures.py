"""Pictures of a paper, and whether they belong to its records."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from rnnbench.results import pictures
from rnnbench.results.pictures import (
    COST,
    CURVES,
    SUCCESS,
    TRIAL_COST,
    TRIAL_CURVES,
    TRIED,
    check_pictures,
    draw_pictures,
    drawn,
)

declared = runpy.run_path(str(Path(__file__).parents[1] / "records" / "test_paper_table.py"))
ROWS = {"lstm": ["model=lstm"], "gru": ["model=gru"]}
COUNTED = "sequences_to_success"
STEPS = ((0, (1, 2, 3)), (1, (1, 3, 5)))  # seed to where its curve has points
FOUR = {"dataset.batch_size": 4}


@pytest.fixture
def paper(tmp_path):
    declared["without_search"](tmp_path / "p", rows=ROWS)
    return declared["load_paper"](tmp_path / "p")


@pytest.fixture
def runs(make):
    return [make.run(v + s / 100, model=m, seed=s) for m, v in (("lstm", 0.4), ("gru", 0.5)) for s in (0, 1)]


def test_both_pictures_are_drawn_and_belong_to_their_records(paper, runs):
    draw_pictures(paper, runs, paper.folder)
    for name in (CURVES, COST):
        assert Image.open(paper.folder / name).size[0] > 300
    assert check_pictures(paper, runs) == []


def test_pictures_of_the_same_records_are_left_alone(paper, runs):
    draw_pictures(paper, runs, paper.folder)
    before = {name: (paper.folder / name).stat().st_mtime_ns for name in (CURVES, COST)}
    draw_pictures(paper, runs, paper.folder)
    assert {name: (paper.folder / name).stat().st_mtime_ns for name in (CURVES, COST)} == before


def test_another_curve_and_another_number_make_another_picture(paper, runs, make):
    draw_pictures(paper, runs, paper.folder)
    series = {"epoch": [1, 2, 3], "step": [20, 40, 60], "valid/mse": [0.9, 0.8, 0.7]}
    curve = make.run(0.4, model="lstm", seed=0, series=series)
    assert [path.name for path in check_pictures(paper, [curve, *runs[1:]])] == [CURVES]
    metrics = {split: {"mse": 0.3} for split in ("train", "valid", "test")}
    number = make.run(0.4, model="lstm", seed=0, metrics=metrics)
    assert [path.name for path in check_pictures(paper, [number, *runs[1:]])] == [COST]
    (paper.folder / CURVES).unlink()
    assert [path.name for path in check_pictures(paper, runs)] == [CURVES]


def test_without_curves_or_runs_there_is_less_to_draw(paper, runs, make):
    assert drawn(paper, []) == {}
    draw_pictures(paper, runs, paper.folder)
    bare = [make.run(0.4, model="lstm", seed=s, series={"epoch": [], "step": []}) for s in (0, 1)]
    assert list(drawn(paper, bare)) == [COST]
    draw_pictures(paper, bare, paper.folder)
    assert not (paper.folder / CURVES).exists()


@pytest.fixture
def counting(tmp_path):
    """A paper that counts sequences to success."""
    number = {"values": [{"row": "lstm", "col": "adding", "metric": COUNTED, "value": 40, "split": "train"}]}
    declared["without_search"](tmp_path / "p", rows=ROWS, metric=COUNTED, splits=["train"], published=number)
    return declared["load_paper"](tmp_path / "p")


@pytest.fixture
def trial(make):
    """A run that took so many sequences, or none that were enough."""

    def made(model, seed, sequences, **more):
        metrics = {split: {"mse": 0.1} for split in ("train", "valid", "test")}
        metrics["train"][COUNTED] = sequences
        return make.run(0.1, model=model, seed=seed, metrics=metrics, **more)

    return made


def test_trials_are_drawn_where_a_paper_counts_sequences(counting, trial):
    runs = [trial(m, s, None if (m, s) == ("gru", 1) else 30.0 + s) for m in ROWS for s in (0, 1)]
    assert list(drawn(counting, runs)) == [SUCCESS, TRIAL_CURVES, TRIAL_COST]
    draw_pictures(counting, runs, counting.folder)
    for name in (SUCCESS, TRIAL_CURVES, TRIAL_COST):
        assert Image.open(counting.folder / name).size[0] > 300
    assert check_pictures(counting, runs) == []
    slower = [trial("lstm", 0, 30.0, seconds=1234.5), *runs[1:]]
    assert [path.name for path in check_pictures(counting, slower)] == [TRIAL_CURVES, TRIAL_COST]
    later = [trial("lstm", 0, 31.0), *runs[1:]]
    assert [path.name for path in check_pictures(counting, later)] == [SUCCESS, TRIAL_COST]
    failed = [trial("lstm", 0, None), *runs[1:]]
    assert TRIAL_CURVES in [path.name for path in check_pictures(counting, failed)]  # its mark is another


def test_each_trial_has_a_curve_of_its_own_length_that_ends_in_what_became_of_it(counting, trial, figures):
    curves = {
        seed: {"epoch": [*steps], "step": [*steps], "valid/mse": [0.5 / s for s in steps]} for seed, steps in STEPS
    }
    runs = [trial("lstm", 0, 60.0, series=curves[0], seconds=6.0, steps=3, hparams=FOUR)]
    runs.append(trial("lstm", 1, None, series=curves[1], seconds=20.0, steps=5, hparams=FOUR))
    draw_pictures(counting, runs, counting.folder)
    of_sequences, of_seconds = figures[TRIAL_CURVES].axes
    for axis, a_step in ((of_sequences, [0.004, 0.004]), (of_seconds, [2.0, 4.0])):
        lines = [line for line in axis.lines if line.get_marker() == "None"]
        ends = [line for line in axis.lines if line.get_marker() != "None"]
        assert [line.get_marker() for line in ends] == ["o", "x"]
        for line, end, width, (_, steps) in zip(lines, ends, a_step, STEPS):
            np.testing.assert_allclose(line.get_xdata(), [width * step for step in steps])
            assert end.get_xydata().tolist() == line.get_xydata()[-1:].tolist()
    assert [text.get_text() for text in figures[TRIAL_CURVES].legends[0].get_texts()] == ["lstm"]


def test_seconds_and_sequences_of_a_trial_are_a_dot_or_a_cross(counting, trial, figures):
    runs = [trial("lstm", 0, 6000.0, seconds=6.0), trial("lstm", 1, None, seconds=20.0, steps=900, hparams=FOUR)]
    draw_pictures(counting, runs, counting.folder)
    (axis,) = figures[TRIAL_COST].axes
    found = {line.get_marker(): line.get_xydata().tolist() for line in axis.lines}
    assert found == {"o": [[6.0, 6.0]], "x": [[20.0, 3.6]]}


@pytest.fixture
def figures(monkeypatch):
    """File name to figure, in place of files."""
    shown = {}
    monkeypatch.setattr(pictures, "save", lambda figure, path, digest: shown.update({path.name: figure}))
    return shown


@pytest.mark.parametrize("far", [False, True], ids=["linear", "log"])
def test_costs_have_the_interval_of_logarithms_on_a_logarithmic_axis(paper, make, figures, far):
    values = {"lstm": [0.3, 0.5], "gru": [0.001, 0.002] if far else [0.4, 0.6]}
    runs = [make.run(v, model=m, seed=s) for m in values for s, v in enumerate(values[m])]
    draw_pictures(paper, runs, paper.folder)
    (axis,) = figures[COST].axes
    assert axis.get_yscale() == ("log" if far else "linear")
    for bar, (_, own) in zip(axis.containers, sorted(values.items())):
        scale, back = (np.log, np.exp) if far else (np.array, np.array)
        middle = np.mean(scale(own))
        ends = stats.t.interval(0.95, 1, middle, stats.sem(scale(own)))
        np.testing.assert_allclose(bar.lines[0].get_ydata(orig=False), [back(middle)])
        np.testing.assert_allclose(bar.lines[2][0].get_segments()[0][:, 1], back(ends))
    assert [text.get_text() for text in figures[COST].legends[0].get_texts()] == sorted(values)


def test_a_run_without_a_number_counts_for_neither_mean_and_one_run_has_no_bar(paper, make, figures):
    runs = [make.run(0.3, model="lstm", seed=0, seconds=10.0), make.run(0.4, model="gru", seed=0)]
    nothing = {split: {"mse": None} for split in ("train", "valid", "test")}
    runs.append(make.run(0.3, model="lstm", seed=1, seconds=1000.0, metrics=nothing))
    draw_pictures(paper, runs, paper.folder)
    (axis,) = figures[COST].axes
    point = next(bar.lines[0] for bar in axis.containers if bar.lines[0].get_ydata(orig=False) == [0.3])
    assert point.get_xdata(orig=False) == [10.0]
    assert not any(bar.has_yerr for bar in axis.containers)


def test_wide_bars_leave_the_points_of_a_logarithmic_axis_apart(paper, make, figures):
    values = {"lstm": [0.4, 0.5], "gru": [1e-7, 0.02]}
    draw_pictures(paper, [make.run(v, model=m, seed=s) for m in values for s, v in enumerate(values[m])], paper.folder)
    low, high = figures[COST].axes[0].get_ylim()
    assert 1e-8 < low < 1e-7
    assert 0.5 < high < 5


@pytest.mark.parametrize("length", [5, 19, 40])
def test_a_legend_lies_in_the_figure_above_its_panels(tmp_path, make, figures, length):
    names = [f"m{i}".ljust(length, "x") for i in range(9)]
    declared["without_search"](
        tmp_path / "p",
        rows={name: [f"model={name}"] for name in names},
        published={"metric": "mse", "values": []},
    )
    paper = declared["load_paper"](tmp_path / "p")
    draw_pictures(paper, [make.run(0.4, model=name, seed=s) for name in names for s in (0, 1)], paper.folder)
    for name in (CURVES, COST):
        figure = figures[name]
        figure.canvas.draw()
        box = figure.legends[0].get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width
        assert box.y0 > max(axis.get_tightbbox().y1 for axis in figure.axes)


def test_rows_that_share_a_colour_have_other_marks_and_rows_without_runs_no_name(tmp_path, make, figures):
    names = [f"model_{i}" for i in range(10)]
    declared["without_search"](
        tmp_path / "p", rows={name: [f"model={name}"] for name in names}, published={"metric": "mse", "values": []}
    )
    paper = declared["load_paper"](tmp_path / "p")
    runs = [make.run(0.4 + i / 100, model=name, seed=s) for i, name in enumerate(names[:-1]) for s in (0, 1)]
    draw_pictures(paper, runs, paper.folder)
    legend = figures[COST].legends[0]
    assert [text.get_text() for text in legend.get_texts()] == names[:-1]
    assert len({(line.get_color(), line.get_marker()) for line in legend.legend_handles}) == 9


def test_every_trial_is_drawn_and_the_best_by_validation_with_their_interval(tmp_path, make, figures):
    kept = {key: value for key, value in declared["DECLARED"].items() if key not in ("search", "seeds")}
    space = {"keys": {"optimizer.lr": {"low": 1e-4, "high": 1e-1}}, "count": 20, "seed": 3, "metric": "mse"}
    paper = declared["write"](tmp_path / "odyssey", {**kept, "trials": space, "rows": ROWS})
    draws = paper.tables[0].trials.draws()

    def trial(row, seed, value, baseline=0.5, lr=None, **more):
        metrics = {split: {"mse": value and value + (split == "test") / 100} for split in ("train", "valid", "test")}
        hparams = {"optimizer.lr": lr or draws[seed]["optimizer.lr"]}
        more = {"metrics": metrics, "hparams": hparams, "baseline": {"mse": baseline}, **more}
        return make.run(value or 0.1, model=row, seed=seed, **more)

    runs = [trial(row, s, 0.1 + s / 20) for row in ROWS for s in range(20)]
    runs[7] = trial("lstm", 7, 0.45, baseline=0.3)  # seeds that make the data have baselines of their own
    runs[6] = trial("lstm", 6, None, status="diverged")
    assert TRIED not in drawn(paper, runs[:19])
    draw_pictures(paper, [*runs, trial("lstm", 3, 0.2, lr=1.0)], paper.folder)  # the last is no trial
    (axis,) = figures[TRIED].axes
    assert {tick.get_text() for tick in axis.get_yticklabels()} == set(ROWS)
    marks = [line for line in axis.lines if line.get_linestyle() == "None" and line.get_marker() in tuple(".xo")]
    points = {kind: [p for m in marks if m.get_marker() == kind for p in m.get_xydata().tolist()] for kind in ".xo"}
    dots = {kind: sorted(x for x, _ in places) for kind, places in points.items()}
    values = 0.11 + np.arange(20) / 20
    assert dots["o"] == pytest.approx(sorted([*values[:2]] * 2))
    assert dots["."] == pytest.approx(sorted([*values[2:8], *values[2:6]]))
    assert dots["x"] == [0.3, *[0.5] * 25]  # at the constant prediction, whatever they are
    assert len(set(map(tuple, points["x"]))) == 26  # none upon another
    ends = stats.t.interval(0.95, 1, values[:2].mean(), stats.sem(values[:2]))
    np.testing.assert_allclose(axis.containers[0].lines[2][0].get_segments()[0][:, 0], ends)
    curves = [line for line in figures[CURVES].axes[0].lines if "n=" in line.get_label()]
    assert sorted(line.get_label() for line in curves) == [
        "gru (n=2)",
        "lstm (n=2)",
    ]  # one line whatever they were told


def test_another_baseline_makes_another_picture_of_trials(tmp_path, make):
    kept = {key: value for key, value in declared["DECLARED"].items() if key not in ("search", "seeds")}
    space = {"keys": {"optimizer.lr": {"low": 1e-4, "high": 1e-1}}, "count": 2, "seed": 3, "metric": "mse"}
    paper = declared["write"](tmp_path / "odyssey", {**kept, "trials": space, "rows": ROWS})

    def trials(baseline):
        draws = enumerate(paper.tables[0].trials.draws())
        more = [{"seed": i, "hparams": draw, "baseline": {"mse": baseline}} for i, draw in draws]
        return [make.run(0.4, model=row, **own) for row in ROWS for own in more]

    draw_pictures(paper, trials(0.5), paper.folder)
    assert check_pictures(paper, trials(0.5)) == []
    assert [path.name for path in check_pictures(paper, trials(0.3))] == [TRIED]
