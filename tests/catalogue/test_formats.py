import csv
import io
import json

from rnnbench import cells
from rnnbench.catalogue.docs import Paper
from rnnbench.catalogue.entries import Entry
from rnnbench.catalogue.formats import COLUMNS, notes, print_entries, render

ENTRIES = [
    Entry("gru", cells.GRU, Paper("Cho, A and B", 2014, "arXiv:1406.1078"), 3, 64, 24960, ("fused", "loop"), {}),
    Entry("lru", cells.LRU, None, 3, 128, 20864, ("scan", "loop"), {"float32": "rounding"}),
    Entry("odd", cells.RNN, None, None, None, None, (), {}, "sizes must be equal"),
]


def test_markdown():
    lines = render(ENTRIES, "markdown").splitlines()
    assert lines[0] == "| model | cell | paper | year | gates | state | parameters | engines | exceptions |"
    assert lines[2] == "| gru | GRU | Cho, A and B, arXiv:1406.1078 | 2014 | 3 | 64 | 24,960 | fused loop | – |"
    assert lines[4].startswith("| odd | RNN | – | – | – |")


def test_csv():
    rows = list(csv.DictReader(io.StringIO(render(ENTRIES, "csv"))))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["paper"] == "Cho, A and B, arXiv:1406.1078"
    assert (rows[1]["parameters"], rows[1]["exceptions"], rows[1]["year"]) == ("20864", "float32", "")


def test_json():
    rows = json.loads(render(ENTRIES, "json"))
    assert rows[0]["engines"] == ["fused", "loop"]
    assert rows[1]["exceptions"] == {"float32": "rounding"}
    assert rows[2]["note"] == "sizes must be equal"


def test_the_terminal_has_a_line_a_model_and_the_notes_below(capsys):
    print_entries(ENTRIES)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 3 + 2
    assert lines[1].split() == ["gru", "GRU", "Cho", "et", "al.", "2014", "3", "64", "24,960", "fused", "loop"]
    assert lines[4:] == notes(ENTRIES) == ["lru: float32: rounding", "odd: not built: sizes must be equal"]
