"""A paper's declaration: one table or several, and mistakes in it."""

import runpy
from pathlib import Path

import pytest

from rnnbench.errors import UserError
from rnnbench.records.paper import load_paper, load_papers
from rnnbench.records.published import Published

declared = runpy.run_path(str(Path(__file__).with_name("test_paper_table.py")))
DECLARED, write = declared["DECLARED"], declared["write"]
GRID = {"key": "optimizer.lr", "seeds": [9], "metric": "mse"}
SECOND = {"table": "Table 2", "cols": {"copy": ["dataset=copy_memory"]}, "search": None, "metric": "nll"}


def test_one_table_stands_at_the_top(tmp_path):
    paper = write(tmp_path / "some2014", DECLARED)
    (table,) = paper.tables
    assert (paper.name, table.title, table.metric, table.splits) == ("some2014", "Table 1", "mse", ("test",))
    assert table.published == (Published("lstm", "adding", "mse", 0.5),)


def test_what_a_table_does_not_say_holds_for_all(tmp_path):
    second = {**SECOND, "published": {"values": []}}
    paper = write(tmp_path / "two", {**DECLARED, "tables": [{}, second]})
    assert [table.title for table in paper.tables] == ["Table 1", "Table 2"]
    assert paper.tables[1].rows == paper.tables[0].rows
    assert paper.tables[0].search is not None
    assert paper.tables[1].search is None
    assert paper.tables[1].metric == "nll"


def test_only_takes_names_of_any_table_and_refuses_others(tmp_path):
    paper = write(tmp_path / "two", {**DECLARED, "tables": [{}, {**SECOND, "published": {"values": []}}]})
    assert [len(table.places) for table in paper.only(["copy"]).tables] == [0, 2]
    assert [table.places for table in paper.only(["copy", "lstm"]).tables] == [[], [("lstm", "copy")]]
    assert paper.only([]) == paper
    with pytest.raises(UserError, match="--only lstn: no row or column of two; did you mean lstm"):
        paper.only(["lstn"])
    apart = write(
        tmp_path / "apart", {**DECLARED, "tables": [{}, {**SECOND, "published": {"values": []}, "rows": OTHER}]}
    )
    with pytest.raises(UserError, match="--only gru adding: no table of apart has these rows and columns together"):
        apart.only(["gru", "adding"])


OTHER = {"gru": ["model=gru"]}
NUMBER = {"row": "lstm", "col": "adding", "value": 1}
TRIALS = {"keys": {"optimizer.lr": {"low": 1e-4, "high": 1e-1}}, "count": 20, "seed": 3, "metric": "mse"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"search": {"key": "optimizer.lr"}}, "search: seeds is missing"),
        ({"search": {**DECLARED["search"], "count": 2.5}}, "search: count=2.5 is not a whole number"),
        ({"search": {**DECLARED["search"], "count": -1}}, "search: low=0.0001, high=0.1, count=-1: give a grid, or"),
        ({"search": {**DECLARED["search"], "low": 1}}, "search: low=1, high=0.1"),
        ({"search": {**DECLARED["search"], "seeds": []}}, r"search: seeds=\[\]: name each seed once, and at least one"),
        ({"search": {**DECLARED["search"], "grid": [0.1]}}, "search: give a grid, or low, high and count, not both"),
        ({"search": {**GRID, "grid": [0.1, 0.1]}}, r"search: grid=\[0.1, 0.1\]: name each value once"),
        ({"search": {**GRID, "grid": ["best"]}}, r"search: grid\[0\]='best' is not a number"),
        ({"rows": {"baseline": []}}, "rows: baseline is what the table calls a method without training"),
        ({"trials": TRIALS}, "give search or trials, not both"),
        ({"search": None, "trials": {**TRIALS, "best": 2}}, "trials: count=20, best=2"),
        ({"search": None, "trials": {**TRIALS, "count": 0}}, "trials: count=0"),
        ({"search": None, "trials": {**TRIALS, "keys": {"a": {"low": 2, "high": 1}}}}, "keys.a: low=2, high=1"),
        ({"search": None, "trials": {**TRIALS, "keys": {"a": {"low": 0, "high": 1}}}}, "give 0 < low <= high"),
        ({"seeds": [0, 1, 0]}, r"seeds=\[0, 1, 0\]: name each once"),
        ({"seeds": []}, r"seeds=\[\]: name each once, and at least one"),
        ({"seeds": 5}, "seeds=5 is not a list"),
        ({"splits": ["dev"]}, "splits: 'dev'; choose one of test, train, valid"),
        ({"published": {"metric": "mse"}}, "published: values is missing"),
        ({"published": {"metric": "mse", "values": [{**NUMBER, "row": "gru"}]}}, "gru on adding is not among"),
        ({"published": {"metric": "mse", "values": [{**NUMBER, "row": "arima"}]}}, "arima on adding is not among"),
        ({"published": {"metric": "mse", "values": [{**NUMBER, "row": "AR", "split": "train"}]}}, "AR on adding is"),
        ({"published": {"metric": "mse", "values": [NUMBER, NUMBER]}}, r"lstm on adding: stands 2 times \(mse on test"),
        ({"published": {"values": [NUMBER]}, "metric": "mse"}, "published, number 1: metric is missing"),
        ({"published": {"metric": "mse", "values": [{**NUMBER, "metric": "mae"}]}}, "the table shows no mae on test"),
        ({"published": {"metric": "mse", "values": [NUMBER]}, "splits": ["train"]}, "the table shows no mse on test"),
        ({"published": {"values": []}}, "metric is missing"),
        ({"claims": [{"a": "lstm", "says": "better", "b": "gru"}]}, "Table 1: claim 1: b='gru'"),
        ({"rowz": {}}, "unknown key 'rowz'; did you mean rows"),
        ({"rows": None}, "rows=None has no keys"),
        ({"rows": {}}, "rows are empty"),
        ({"rows": {"lstm": "model=lstm"}}, "rows.lstm='model=lstm' is not a list"),
        ({"rows": {False: []}}, "rows: key=False is not a text"),
        ({"rows": {" x ": []}}, "rows: ' x ' is no name: a letter, then"),
        ({"cols": {"x (ours)": []}}, r"cols: 'x \(ours\)' is no name"),
        ({"cols": {"true": []}}, "cols: 'true' is no name"),
        ({"cols": {"x${y}": []}}, "is no name"),
        ({"tables": []}, "tables are empty"),
        ({"tables": [{"notes": {}}]}, "notes stands at the top of the file, not in a table"),
        ({"splits": 5}, "splits=5 is not a list"),
        ({"splits": "test"}, "splits='test' is not a list"),
        ({"also": ["mse"]}, r"metric and also=\['mse', 'mse'\]: name each once"),
        ({"seeds": [100, 1]}, "search: seeds: 100 is reported too"),
        ({"tables": [{}, {}]}, "on adding stands in 2 tables"),
        ({"tables": [3]}, r"tables\[0\]=3 has no keys"),
        ({"cells": {"lstm": {"copy": []}}}, "lstm on copy is not among its rows and columns"),
        ({"quick": {"draws": 2}}, "quick: overrides is missing"),
        ({"quick": {"overrides": [], "draw": 2}}, "quick: unknown key 'draw'; did you mean draws"),
        ({"quick": {"overrides": [], "draws": "two"}}, "quick: draws='two' is not a whole number"),
        ({"quick": {"overrides": [], "seeds": 0}}, "quick: draws and seeds are at least 1"),
        ({"quick": {"overrides": [], "only": ["ading"]}}, "quick: only: ading: no row or column of p; did you mean ad"),
        ({"notes": {"departures": "none"}}, "notes.departures='none' is not a list"),
    ],
)
def test_a_wrong_declaration_names_its_file_before_anything_runs(tmp_path, change, named):
    with pytest.raises(UserError, match=rf"paper\.yaml: .*{named}"):
        write(tmp_path / "p", {**DECLARED, **change})


def test_a_grid_of_whole_numbers_stays_one(tmp_path):
    search = {"key": "model.hidden_size", "grid": [50, 100], "seeds": [9], "metric": "mse"}
    table = write(tmp_path / "p", {**DECLARED, "search": search}).tables[0]
    assert [word for job in table.search_jobs() for word in job if "hidden" in word][:2] == [
        "model.hidden_size=50",
        "model.hidden_size=100",
    ]


def test_null_switches_search_or_trials_off_in_one_table(tmp_path):
    first = {"table": "A", "search": None, "trials": TRIALS, "cols": {"one": []}, "published": {"values": []}}
    second = {"table": "B", "trials": None, "cols": {"two": []}, "published": {"values": []}}
    paper = write(tmp_path / "p", {**DECLARED, "metric": "mse", "tables": [first, second]})
    assert [(table.trials is None, table.seeds) for table in paper.tables] == [(False, ()), (True, (0, 1))]


def test_a_folder_has_its_name_however_it_is_given(tmp_path, monkeypatch):
    write(tmp_path / "some2014", DECLARED)
    monkeypatch.chdir(tmp_path / "some2014")
    assert load_paper(Path(".")).name == "some2014"


def test_what_is_not_a_mapping_is_one_line(tmp_path):
    (tmp_path / "paper.yaml").write_text("- 1\n")
    with pytest.raises(UserError, match=r"paper\.yaml: declares no paper; give it title"):
        load_paper(tmp_path)


def test_an_unknown_paper_names_the_known_ones(tmp_path):
    write(tmp_path / "some2014", DECLARED)
    with pytest.raises(UserError, match="some2014"):
        load_paper(tmp_path / "other2015")
    assert [paper.name for paper in load_papers(tmp_path)] == ["some2014"]
