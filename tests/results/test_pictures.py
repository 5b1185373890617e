"""Pictures of a paper, and whether they belong to its records."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from rnnbench.results import pictures
from rnnbench.results.pictures import COST, CURVES, SUCCESS, TRIED, check_pictures, draw_pictures, drawn

declared = runpy.run_path(str(Path(__file__).parents[1] / "records" / "test_paper_table.py"))
ROWS = {"lstm": ["model=lstm"], "gru": ["model=gru"]}


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


def test_trials_are_drawn_where_a_paper_counts_sequences(tmp_path, make):
    counted = "sequences_to_success"
    number = {"values": [{"row": "lstm", "col": "adding", "metric": counted, "value": 40, "split": "train"}]}
    changes = {"metric": counted, "splits": ["train"], "published": number}
    declared["without_search"](tmp_path / "p", rows=ROWS, **changes)
    paper = declared["load_paper"](tmp_path / "p")

    def trial(model, seed, sequences):
        metrics = {split: {"mse": 0.1} for split in ("train", "valid", "test")}
        metrics["train"][counted] = sequences
        return make.run(0.1, model=model, seed=seed, metrics=metrics)

    runs = [trial(m, s, None if (m, s) == ("gru", 1) else 30.0 + s) for m in ROWS for s in (0, 1)]
    assert list(drawn(paper, runs)) == [SUCCESS]
    draw_pictures(paper, runs, paper.folder)
    assert Image.open(paper.folder / SUCCESS).size[0] > 300
    assert check_pictures(paper, runs) == []
    later = [trial("lstm", 0, 31.0), *runs[1:]]
    assert [path.name for path in check_pictures(paper, later)] == [SUCCESS]


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

    def trial(row, seed, value):
        metrics = {split: {"mse": value + (split == "test") / 100} for split in ("train", "valid", "test")}
        hparams = {"optimizer.lr": draws[seed]["optimizer.lr"]}
        return make.run(value, model=row, seed=seed, metrics=metrics, hparams=hparams, baseline={"mse": 0.5})

    runs = [trial(row, s, 0.1 + s / 20) for row in ROWS for s in range(20)]
    assert TRIED not in drawn(paper, runs[:19])
    draw_pictures(paper, runs, paper.folder)
    (axis,) = figures[TRIED].axes
    assert {tick.get_text() for tick in axis.get_yticklabels()} == set(ROWS)
    dots = {kind: [x for line in axis.lines if line.get_marker() == kind for x in line.get_xdata()] for kind in ".xo|"}
    values = 0.11 + np.arange(20) / 20
    assert sorted(dots["o"]) == pytest.approx(sorted([*values[:2]] * 2))
    assert sorted(dots["."]) == pytest.approx(sorted([*values[2:8]] * 2))
    assert dots["x"] == [0.5] * 24  # at the constant prediction, whatever they are
    ends = stats.t.interval(0.95, 1, values[:2].mean(), stats.sem(values[:2]))
    np.testing.assert_allclose(axis.containers[0].lines[2][0].get_segments()[0][:, 0], ends)
