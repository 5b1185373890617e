"""A paper's declaration: one table or several, and mistakes in it."""

import runpy
from pathlib import Path

import pytest

from rnnbench.errors import UserError
from rnnbench.records.paper import load_paper, load_papers

declared = runpy.run_path(str(Path(__file__).with_name("test_paper_table.py")))
DECLARED, write = declared["DECLARED"], declared["write"]
SECOND = {"table": "Table 2", "cols": {"copy": ["dataset=copy_memory"]}, "search": None, "metric": "nll"}


def test_one_table_stands_at_the_top(tmp_path):
    paper = write(tmp_path / "some2014", DECLARED)
    (table,) = paper.tables
    assert (paper.name, table.title, table.metric, table.splits) == ("some2014", "Table 1", "mse", ("test",))
    assert table.published == ({"metric": "mse", "row": "lstm", "col": "adding", "split": "test", "value": 0.5},)


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


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"search": {"key": "optimizer.lr"}}, "search|seeds"),
        ({"published": {"metric": "mse"}}, "values"),
        ({"rowz": {}}, "unknown key 'rowz'; did you mean rows"),
        ({"rows": None}, "NoneType"),
        ({"tables": [{}, {}]}, "on adding stands in 2 tables"),
        ({"cells": {"lstm": {"copy": []}}}, "lstm on copy is not among its rows and columns"),
        ({"published": {"metric": "mse", "values": [{"row": "gru", "col": "adding", "value": 1}]}}, "gru on adding"),
    ],
)
def test_a_wrong_declaration_names_its_file(tmp_path, change, named):
    with pytest.raises(UserError, match=rf"paper\.yaml: .*({named})"):
        write(tmp_path / "p", {**DECLARED, **change})


def test_an_unknown_paper_names_the_known_ones(tmp_path):
    write(tmp_path / "some2014", DECLARED)
    with pytest.raises(UserError, match="some2014"):
        load_paper(tmp_path / "other2015")
    assert [paper.name for paper in load_papers(tmp_path)] == ["some2014"]
