"""The page of a paper: made from records, and found out when either is changed by hand."""

import re
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from rnnbench.errors import UserError
from rnnbench.records.archive import write_archive
from rnnbench.records.contents import CONTENTS, Contents, write_contents
from rnnbench.records.paper import load_paper
from rnnbench.records.series import SERIES, read_runs, write_series
from rnnbench.results.paper import BEGIN, END, check_marks, check_table, generated, results, write_digest, write_table
from rnnbench.results.pictures import draw_pictures

declared = runpy.run_path(str(Path(__file__).parents[1] / "records" / "test_paper_table.py"))
EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.fixture
def paper(tmp_path, make):
    folder = tmp_path / "experiments" / "some2014"
    folder.parent.mkdir()
    return declared["write"](folder, declared["DECLARED"])


@pytest.fixture
def runs(paper, make):
    (table,) = paper.tables
    found = declared["searched"](
        make, table, {m: [(0.3, "finished"), (0.2, "finished"), (0.4, "finished")] for m in table.rows}
    )
    rate = table.search.values()[1]
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


def test_a_changed_title_reaches_the_page(paper, runs):
    page = paper.folder / "README.md"
    write_table(paper, runs, page)
    assert page.read_text().count(f"# {paper.title}\n\n{paper.reference}\n") == 1
    write_table(replace(paper, title="Another title"), runs, page)
    assert "# Another title\n" in page.read_text()
    assert paper.title not in page.read_text()


def test_a_cell_lacks_the_seeds_that_were_not_run(paper, runs):
    cells = results(paper.tables[0], runs[:-1])["test"].cells
    assert (cells["tanh", "adding"].missing, cells["lstm", "adding"].missing) == ({}, {"not run": 1})


def test_records_of_seeds_that_are_not_declared_any_more_are_told_apart(paper, runs):
    fewer = replace(paper, tables=(replace(paper.tables[0], seeds=(0,)),))
    text = generated(fewer, runs)
    assert "8 of 8 runs recorded" in text
    assert "hours in all with 2 of seeds or values not declared any more" in text


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
    write_series(paper.tables[0].reported(runs), paper.folder / SERIES)
    runs = read_runs(archive)
    front.write_text(f"# Front\n<!-- {paper.name} -->\n<!-- /{paper.name} -->\n")
    write_table(paper, runs, page)
    write_digest(paper, runs)
    draw_pictures(paper, runs, paper.folder)
    check_table(paper)
    for file, old, new in ((archive, "0.51", "0.41"), (page, "0.505", "0.405"), (front, "0.505", "0.405")):
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))
        with pytest.raises(UserError, match=r"README\.md: its table is not what records\.csv and series\.csv give"):
            check_table(paper)
        file.write_text(text)
    check_table(paper)
    for file, mark in ((page, BEGIN), (front, f"<!-- {paper.name} -->")):
        text = file.read_text()
        file.write_text(text + text.replace("0.505", "0.405"))  # a second, changed copy
        with pytest.raises(UserError, match=f"needs the lines '{mark}' and"):
            check_table(paper)
        file.write_text(text)
    text = page.read_text()
    page.write_text(f"{text}\nWhat the owner of the page adds.\n")
    check_table(paper)
    page.write_text(f"| lstm | 0.405 |\n\n{text}")
    with pytest.raises(UserError, match=r"README\.md: has text above the generated part"):
        check_table(paper)


def test_a_folder_elsewhere_has_no_front_page(tmp_path, runs):
    paper = declared["write"](tmp_path / "some2014", declared["DECLARED"])
    front = tmp_path.parent / "README.md"
    front.write_text("<!-- some2014 -->\n<!-- /some2014 -->\n")
    write_digest(paper, runs)
    assert front.read_text() == "<!-- some2014 -->\n<!-- /some2014 -->\n"


def test_a_curve_or_a_picture_changed_by_hand_is_found_out(paper, runs):
    write_archive(runs, paper.folder / "records.csv")
    write_series(paper.tables[0].reported(runs), paper.folder / SERIES)
    runs = read_runs(paper.folder / "records.csv")
    write_table(paper, runs, paper.folder / "README.md")
    draw_pictures(paper, runs, paper.folder)
    check_table(paper)
    series = paper.folder / SERIES
    text = series.read_text()
    series.write_text(text.replace("0.7", "0.6", 1))
    assert series.read_text() != text
    with pytest.raises(UserError, match=r"README\.md: its table is not what records\.csv and series\.csv give"):
        check_table(paper)
    series.unlink()
    with pytest.raises(UserError, match=r"README\.md: its table is not what"):
        check_table(paper)
    series.write_text(text)
    picture = paper.folder / "quality_and_cost.png"
    content = picture.read_bytes()
    of_others = re.sub(rb"Description\0.{16}", b"Description\0" + b"0" * 16, content)
    middle = len(content) // 2
    zeros = content[:middle] + bytes(100) + content[middle + 100 :]
    for damaged in (content[:-100], zeros, of_others, b""):
        picture.write_bytes(damaged)
        with pytest.raises(UserError, match=r"quality_and_cost\.png: is damaged, or not drawn"):
            check_table(paper)
    picture.write_bytes(content)
    with Image.open(picture) as image:
        kept = PngInfo()
        kept.add_text("Description", image.info["Description"])
        image.paste((255, 0, 0), (10, 10, 60, 60))
        image.save(picture, "PNG", pnginfo=kept)  # painted over
    with pytest.raises(UserError, match=r"quality_and_cost\.png: is damaged, or not drawn"):
        check_table(paper)
    picture.unlink()
    with pytest.raises(UserError, match=r"quality_and_cost\.png: is damaged, or not drawn"):
        check_table(paper)
    draw_pictures(paper, runs, paper.folder)
    check_table(paper)
    (paper.folder / "sequences_to_success.png").write_bytes(content)
    with pytest.raises(UserError, match=r"sequences_to_success\.png: is damaged, or not drawn"):
        check_table(paper)
    (paper.folder / "sequences_to_success.png").unlink()
    series.write_text(text + "0123456789abcdef,valid/mse,1,20,0.5\n")
    with pytest.raises(UserError, match=r"series\.csv: identity 0123456789abcdef is not on the page"):
        check_table(paper)


def test_marks_are_looked_for_before_anything_runs(paper, runs):
    page, front = paper.folder / "README.md", paper.folder.parents[1] / "README.md"
    check_marks(paper, page)
    write_table(paper, runs, page)
    front.write_text("<!-- some2014 -->\n")
    with pytest.raises(UserError, match="needs the lines '<!-- some2014 -->' and '<!-- /some2014 -->' once each"):
        check_marks(paper, page)
    front.write_text("none\n")
    page.write_text("mine\n")
    with pytest.raises(UserError, match="do not edit"):
        check_marks(paper, page)


def test_what_is_not_run_stands_on_the_page_with_its_published_numbers(paper, make):
    text = generated(paper, [])
    assert "| lstm on adding | test | 0.5 | not run |" in text
    assert "| lstm on adding | 5 | not measured |" in text
    (paper.folder / "estimates.csv").write_text(
        "row,col,steps,seconds_per_step,hardware\nlstm,adding,7200,0.5,a processor\n"
    )
    text = generated(paper, [])
    assert "| lstm on adding | 5 | 5.0 |" in text  # five runs of an hour
    assert "of a short trial on one core of a processor and all its epochs" in text


def test_columns_that_are_not_run_keep_their_published_numbers_beside_those_that_are(tmp_path, make):
    values = [{"row": "lstm", "col": col, "value": value} for col, value in (("adding", 0.5), ("digits", 0.7))]
    declaration = {**declared["DECLARED"], "published": {"metric": "mse", "values": values}}
    declaration["cols"] = {"adding": ["dataset=adding"], "digits": ["dataset=digits"]}
    paper = declared["write"](tmp_path / "half", {**declaration, "tables": [{"search": None}]})
    text = generated(paper, [make.run(0.4 + seed / 100, model="lstm", seed=seed) for seed in (0, 1)])
    assert "adding mse" in text
    assert "| lstm on digits | test | 0.7 | not run |" in text
    assert "| lstm on adding | test | 0.5 | not run |" not in text


def test_claims_stand_on_the_page_with_their_outcome(tmp_path, make):
    claims = [{"a": "lstm", "says": "better", "b": "tanh", "source": "section 5"}]
    tables = [{"search": None, "claims": claims}]
    declaration = {**declared["DECLARED"], "tables": tables, "seeds": [0, 1, 2]}
    paper = declared["write"](tmp_path / "claiming", declaration)
    runs = [make.run(v + s / 1000, model=m, seed=s) for m, v in (("tanh", 0.9), ("lstm", 0.5)) for s in range(3)]
    text = generated(paper, runs)
    assert "| lstm is better than tanh on adding (section 5) | -0.4000 ± 0 | 0 | paired t | supported |" in text
    assert "on A processor." in text


@pytest.mark.parametrize("name", sorted(p.parent.name for p in EXPERIMENTS.glob("*/paper.yaml")))
def test_committed_tables_are_what_the_committed_records_give(name):
    check_table(load_paper(EXPERIMENTS / name))


def test_a_further_metric_has_a_table_of_its_own(tmp_path, make):
    published = {"metric": "mse", "values": [{"row": "lstm", "col": "adding", "value": 0.5}]}
    published["values"].append({"row": "lstm", "col": "adding", "metric": "loss", "value": 0.25})
    declaration = {**declared["DECLARED"], "tables": [{"search": None, "also": ["loss"], "published": published}]}
    paper = declared["write"](tmp_path / "two", declaration)
    text = generated(paper, [])
    assert "published mse" in text
    assert "published loss" in text
    runs = [make.run(v, model=m, seed=s) for m, v in (("tanh", 0.9), ("lstm", 0.5)) for s in range(2)]
    text = generated(paper, runs)
    first, second = text.split("### Test, ")[1:]
    assert (first.splitlines()[0], second.splitlines()[0]) == ("mse", "loss")
    assert "adding mse" in first
    assert "adding loss" in second
    assert "| 0.5 |" in first
    assert "| 0.25 |" in second


def test_trials_are_one_row_with_a_test_over_the_best(tmp_path, make):
    kept = {key: value for key, value in declared["DECLARED"].items() if key not in ("search", "seeds")}
    trials = {"keys": {"optimizer.lr": {"low": 1e-4, "high": 1e-1}}, "count": 20, "seed": 3, "metric": "mse"}
    claims = [{"a": "tanh", "says": "worse", "b": "lstm", "test": "welch"}]
    paper = declared["write"](tmp_path / "odyssey", {**kept, "trials": trials, "claims": claims})
    (table,) = paper.tables
    runs = [
        make.run(base + i / 1000, model=model, seed=i, hparams=draw)
        for model, base in (("tanh", 0.9), ("lstm", 0.5))
        for i, draw in enumerate(table.trials.draws())
    ]
    text = generated(paper, runs)
    assert "The 2 best of 20 trials by mse on validation" in text
    assert "optimizer.lr 0.0001 to 0.1 (log)" in text
    assert "| lstm | **0.5005 ± 0.0064 (2/2)**" in text
    assert "| tanh is worse than lstm on adding | 0.4000 ± 0.0030 | 3.1e-06 | Welch t | supported |" in text
    assert "40 of 40 runs" in text


def test_the_page_of_a_quick_form_says_so(paper):
    said = "The quick form, whose numbers say nothing of the paper: `trainer.max_epochs=1` and fewer runs."
    assert said in generated(paper.shortened(), [])
    assert "quick form" not in generated(paper, [])


def test_the_page_of_a_quick_form_repeats_nothing_that_the_whole_form_came_to(paper):
    notes = {"departures from the paper": ("One rate.",), "what came out": ("Twice as good.",)}
    whole = replace(paper, notes=notes)
    assert "Twice as good." in generated(whole, [])
    assert "One rate." in generated(whole.shortened(), [])
    assert "Twice as good." not in generated(whole.shortened(), [])


def test_the_page_says_what_the_columns_that_were_run_hold(paper, runs):
    held = Contents("adding", "0", 2, False, 1000, 200, 300, 30_000, 6_000, 9_000)
    write_contents([held, replace(held, col="digits")], paper.folder / CONTENTS)
    text = generated(paper, runs)
    assert "- adding: 2 inputs a step; 1,000 / 200 / 300 sequences of 30,000 / 6,000 / 9,000 steps in all." in text
    assert "digits" not in text
    assert "sequences of" not in generated(paper, [])
    assert "sequences of" not in generated(paper.shortened(), runs)  # it reads less
