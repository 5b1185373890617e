"""The page of a paper: made from records, and found out when either is changed by hand."""

import runpy
from pathlib import Path

import pytest

from rnnbench.errors import UserError
from rnnbench.records.archive import write_archive
from rnnbench.records.paper import load_paper
from rnnbench.results.paper import BEGIN, END, check_table, write_digest, write_table

declared = runpy.run_path(str(Path(__file__).parents[1] / "records" / "test_paper.py"))
EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.fixture
def paper(tmp_path, make):
    folder = tmp_path / "experiments" / "some2014"
    folder.parent.mkdir()
    return declared["write"](folder, declared["DECLARED"])


@pytest.fixture
def runs(paper, make):
    found = declared["searched"](
        make, paper, {m: [(0.3, "finished"), (0.2, "finished"), (0.4, "finished")] for m in paper.rows}
    )
    rate = paper.search.values()[1]
    for model, value in (("tanh", 0.9), ("lstm", 0.5)):
        found += [
            make.run(value + seed / 100, model=model, seed=seed, hparams={"optimizer.lr": rate}) for seed in (0, 1)
        ]
    return found


def test_the_page_keeps_what_stands_around_the_table(paper, runs):
    page = paper.folder / "README.md"
    page.write_text(f"before\n{BEGIN}\nformer table\n{END}\nafter\n")
    write_table(paper, runs, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "former table" not in text
    assert "0.505" in text.split("### Search")[0]  # the mean of the reported seeds of lstm
    assert "**0.200**" in text  # the value that the search took
    assert "10 of 10 runs" in text


def test_a_page_without_its_marks_is_refused(paper, runs):
    page = paper.folder / "README.md"
    page.write_text("mine\n")
    with pytest.raises(UserError, match="do not edit"):
        write_table(paper, runs, page)
    assert page.read_text() == "mine\n"


def test_a_record_or_a_table_changed_by_hand_is_found_out(paper, runs):
    archive, page, front = (
        paper.folder / "records.csv",
        paper.folder / "README.md",
        paper.folder.parents[1] / "README.md",
    )
    write_archive(runs, archive)
    front.write_text(f"# Front\n<!-- {paper.name} -->\n<!-- /{paper.name} -->\n")
    write_table(paper, runs, page)
    write_digest(paper, runs, front)
    check_table(paper)
    for file, old, new in ((archive, "0.51", "0.41"), (page, "0.505", "0.405"), (front, "0.505", "0.405")):
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))
        with pytest.raises(UserError, match=r"README\.md: its table is not what records\.csv gives"):
            check_table(paper)
        file.write_text(text)
    check_table(paper)


@pytest.mark.parametrize("name", sorted(p.parent.name for p in EXPERIMENTS.glob("*/records.csv")))
def test_committed_tables_are_what_the_committed_records_give(name):
    check_table(load_paper(EXPERIMENTS / name))
