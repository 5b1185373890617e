"""Pictures of a paper, and whether they belong to its records."""

import runpy
from pathlib import Path

import pytest
from PIL import Image

from rnnbench.results.pictures import COST, CURVES, SUCCESS, check_pictures, draw_pictures, drawn

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
