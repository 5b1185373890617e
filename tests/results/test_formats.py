import csv
import io
import json

import pytest
from rich.console import Console

from rnnbench.errors import UserError
from rnnbench.results.formats import interval_text, print_table, printed, render, to_csv, to_json, to_latex, to_markdown
from rnnbench.results.statistics import Interval
from rnnbench.results.table import build


@pytest.fixture
def table(make):
    good = [0.0100, 0.0120, 0.0110, 0.0130, 0.0105]
    runs = [make.run(v, model="my_lstm", seed=s) for s, v in enumerate(good)]
    runs += [make.run(v + 0.1, model="gru|x", seed=s) for s, v in enumerate(good)]
    runs += [make.run(model="gru|x", seed=7, status="failed")]
    runs += [make.run(0.9, model="my_lstm", dataset="digits", metric="accuracy", baseline=None,
                      parameters={"backbone": 20000, "head": 1})]  # fmt: skip
    entry = {"row": "my_lstm", "col": "adding", "metric": "mse", "value": "0.0110", "source": "Table 2"}
    return build(runs, published=[entry])


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (0.123456, 0.0123, "0.123 ± 0.012"),
        (0.123456, 0.0996, "0.12 ± 0.10"),
        (12.3456, 1.0, "12.3 ± 1.0"),
        (1234.5, 123.0, "1230 ± 120"),
        (3.21e-6, 1.23e-7, "(3.21 ± 0.12)e-06"),
        (2.5e-6, 1.5e-5, "(0.2 ± 1.5)e-05"),
        (1.5e7, 1.2e5, "(1.500 ± 0.012)e+07"),
        (0.5, 0.0, "0.5000 ± 0"),
        (1 / 6, None, "0.1667"),
        (98765.4, None, "98765"),
        (-0.5, 0.25, "-0.50 ± 0.25"),
        (0.0, 0.001, "0.0000 ± 0.0010"),
    ],
)
def test_numbers_are_as_precise_as_their_interval(mean, half, text):
    assert interval_text(Interval(mean, half, None, None, 5)) == text


def test_markdown(table):
    lines = to_markdown(table).splitlines()
    assert lines[0] == (
        "| model | adding mse ↓ | published | difference | verdict | digits accuracy ↑ "
        "| parameters | seconds | steps/s | peak MiB |"
    )
    assert lines[2].startswith("| my_lstm | 0.0113 ± 0.0015 (5/5) | 0.0110 | +0.0003 | inconclusive | 0.9000 (1/1) |")
    assert "| 1,234 / 20,000 | 12.2 | 33 | 1 |" in lines[2]
    assert lines[3].startswith(r"| gru\|x | 0.1113 ± 0.0015 (5/6: 1 failed) | – | – | – | – | 1,234 |")
    assert lines[4].startswith("| baseline | 0.1667 |")
    columns = lines[0].count("|")
    assert all(line.replace(r"\|", "").count("|") == columns for line in lines[:5])
    assert sum(line.startswith("- ") for line in lines) == len(table.notes)


def test_marks_are_bold(make):
    runs = [make.run(v, model=m, seed=s) for m, v0 in (("a", 0), ("b", 1)) for s, v in enumerate((v0 + 0.1, v0 + 0.11))]
    table = build(runs)
    assert "| a | **0.105" in to_markdown(table)
    assert r"a & \textbf{0.105" in to_latex(table)
    console = Console(file=io.StringIO(), width=40)
    print_table(table, console)
    assert "(2/2) *" in console.file.getvalue()


def test_latex_is_escaped_and_regular(table):
    text = to_latex(table)
    lines = text.splitlines()
    assert lines[0] == r"\begin{tabular}{lrrrrrrrrr}"
    rows = [line for line in lines if line.endswith(r"\\")]
    assert {row.count("&") for row in rows} == {9}
    assert r"my\_lstm & 0.0113 $\pm$ 0.0015 (5/5)" in text
    assert r"adding mse $\downarrow$" in text
    body = text[: text.index(r"\end{tabular}")]
    assert not set("±↓↑–") & set(body)
    assert all(line.startswith("% ") for line in lines[lines.index(r"\end{tabular}") + 1 :])


def test_csv_holds_full_precision(table):
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    first = rows[0]
    assert (first["row"], first["col"], first["n"], first["total"]) == ("my_lstm", "adding", "5", "5")
    assert float(first["mean"]) == table.cells["my_lstm", "adding"].interval.mean
    assert list(map(float, first["values"].split())) == list(table.cells["my_lstm", "adding"].values)
    assert (first["published"], first["published_source"], first["verdict"]) == ("0.011", "Table 2", "inconclusive")
    assert next(row for row in rows if row["row"] == "gru|x")["missing"] == "1 failed"
    assert [row["row"] for row in rows if row["baseline"] == "True"] == ["baseline"]


def test_json_holds_everything(table):
    data = json.loads(to_json(table), parse_constant=pytest.fail)
    cell = data["cells"][0]
    assert cell["values"] == [0.0100, 0.0120, 0.0110, 0.0130, 0.0105]
    assert cell["difference"] == pytest.approx(0.0113 - 0.0110)
    assert cell["verdict_lo"] < cell["mean"] < cell["verdict_hi"]
    assert data["notes"] == list(table.notes)
    assert data["rows"]["labels"] == ["my_lstm", "gru|x", "baseline"]


def test_metrics_stand_in_the_rows_where_a_column_holds_several(make):
    table = build([make.run(seed=0), make.run(dataset="digits", metric="accuracy")], rows="dataset", cols="model")
    header, body = printed(table)
    assert header[1] == "lstm"
    assert [row[0].text for row in body] == ["adding mse ↓", "digits accuracy ↑"]


def test_the_terminal_gets_every_column_when_piped(table):
    console = Console(file=io.StringIO())
    print_table(table, console)
    text = console.file.getvalue()
    assert "0.1113 ± 0.0015 (5/6: 1 failed)" in text
    assert "peak MiB" in text
    assert "95 % t interval" in text


def test_forms_by_name(table):
    assert render(table, "md") == to_markdown(table)
    assert not render(table, "csv").endswith("\n")
    with pytest.raises(UserError, match="format=latx: did you mean latex"):
        render(table, "latx")
