"""The list of papers."""

import runpy
from pathlib import Path

import pytest

from rnnbench.errors import UserError
from rnnbench.records.archive import write_archive
from rnnbench.records.paper import load_paper, load_papers
from rnnbench.results.papers import check_front, check_pages, listing, summaries, summarise, write_front, write_pages

declared = runpy.run_path(str(Path(__file__).parents[1] / "records" / "test_paper_table.py"))
ROOT = Path(__file__).parents[2]
ROWS = {name: [f"model={name}"] for name in ("same", "low", "high", "wide", "never")}
NUMBERS = [{"row": row, "col": "adding", "value": 0.5} for row in (*ROWS, "baseline")]
CLAIMS = [{"a": "low", "says": "better", "b": "high"}, {"a": "never", "says": "better", "b": "high"}]


@pytest.fixture
def paper(tmp_path, make):
    published = {"metric": "mse", "values": NUMBERS}
    declared["without_search"](tmp_path / "p", rows=ROWS, seeds=[0, 1, 2, 3, 4], published=published, claims=CLAIMS)
    return load_paper(tmp_path / "p")


@pytest.fixture
def runs(make):
    middle = {"same": (0.5, 1e-3), "low": (0.4, 1e-3), "high": (0.6, 1e-3), "wide": (0.5, 0.1)}
    return [
        make.run(mean + spread * (seed - 2), model=row, seed=seed, seconds=720.0)
        for row, (mean, spread) in middle.items()
        for seed in range(5)
    ]


def test_published_numbers_are_counted_by_verdict_and_hours_by_what_is_left(paper, runs):
    (paper.folder / "estimates.csv").write_text("row,col,steps,seconds_per_step,hardware\nnever,adding,7200,0.5,x\n")
    one = summarise(paper, runs)
    assert one.verdicts == {
        "reproduced": 1,
        "not reproduced, ours better": 1,
        "not reproduced, ours worse": 1,
        "no verdict": 2,
        "not run": 1,
    }
    assert one.claims == {"supported": 1, "not run": 1}
    assert (one.runs, one.hours, one.runs_left, one.hours_left) == (20, pytest.approx(4.0), 5, pytest.approx(5.0))
    line = listing([one]).splitlines()[2]
    assert line == "| p | 1 | 1 / 1 | 2 | 1 | 1 / 0 / 0 / 1 | 4.0 | 5.0 (5 runs) |"


def test_a_paper_that_was_never_run_says_so(paper):
    one = summarise(paper, [])
    assert one.verdicts["not run"] == len(NUMBERS)
    assert one.unmeasured == len(ROWS)
    assert "| 25 runs, 5 cells not measured |" in listing([one])


def test_the_list_on_the_front_page_is_found_out_when_changed(paper, runs, tmp_path):
    write_archive(runs, paper.folder / "records.csv")
    front = tmp_path / "README.md"
    front.write_text("# Front\n<!-- papers -->\n<!-- /papers -->\nend\n")
    write_front([paper], front)
    text = front.read_text()
    assert "| [p](experiments/p/README.md) | 1 | 1 / 1 |" in text
    check_front([paper], front)
    front.write_text(text.replace("| 1 / 1 |", "| 0 / 0 |"))
    with pytest.raises(UserError, match="its list of papers is not what their records give"):
        check_front([paper], front)


def test_pages_are_made_by_one_call_and_a_changed_one_is_found_out(paper, runs, tmp_path):
    folder = tmp_path / "experiments"
    folder.mkdir()
    (tmp_path / "p").rename(folder / "p")
    (tmp_path / "README.md").write_text("<!-- papers -->\n<!-- /papers -->\n<!-- p -->\n<!-- /p -->\n")
    write_archive(runs, folder / "p" / "records.csv")
    papers = load_papers(folder)
    write_pages(papers, folder)
    check_pages(papers, folder)
    for page in (folder / "README.md", folder / "p" / "README.md", tmp_path / "README.md"):
        text = page.read_text()
        page.write_text(text.replace("| 1 / 1 |", "| 2 / 1 |").replace("0.5000", "0.4000"))
        assert page.read_text() != text
        with pytest.raises(UserError, match=r"README\.md"):
            check_pages(papers, folder)
        page.write_text(text)
    check_pages(papers, folder)


def test_our_pages_are_what_the_committed_records_give():
    check_pages(load_papers(ROOT / "experiments"), ROOT / "experiments")


def test_every_published_number_of_ours_is_read_and_every_claim(paper):
    found = summaries(load_papers(ROOT / "experiments"))
    assert {"arjovsky2016", "chung2014"} <= {one.paper.name for one in found}
    assert all(one.runs + one.runs_left for one in found)
    for one in found:
        assert sum(one.verdicts.values()) == sum(len(table.published) for table in one.paper.tables), one.paper.name
