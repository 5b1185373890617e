import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from rnnbench.bench.cells import How, Result, Row
from rnnbench.bench.contenders import Size
from rnnbench.bench.report import as_csv, as_json, load, page, picture
from rnnbench.errors import UserError

FOLDER = Path(__file__).parents[2] / "rnnbench" / "bench"
SIZE = Size(8, 60, 88, 36)


def result(model="mgu", machine="A processor, 2 cores"):
    found = Result({1: How("cpu", 3, (0.5, 2.0))}, machine=machine, gates={model: 2}, notes=["odd: not measured"])
    found.products[f"{model} {SIZE}"] = (6336, 2592)
    for mode, factor in (("forward", 1), ("training", 2)):
        for who, ms in (("fused", 1.5), ("scan", 3.0), ("torchrecurrent", 12), ("own lstm", 3), ("matrix", 20)):
            peak = None if who == "matrix" else 2**20
            found.rows.append(Row(SIZE, 1, model, who, mode, factor * ms / 1e3, peak))
    return found


def test_json_comes_back(tmp_path):
    file = tmp_path / "a.json"
    file.write_text(as_json(result()))
    assert load([file]) == result()
    assert json.loads(file.read_text())["benchmark"] == "cells"


def test_several_runs_make_one_page(tmp_path):
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, model in zip(files, ("mgu", "gru")):
        file.write_text(as_json(result(model)))
    both = load(files)
    assert both.gates == {"mgu": 2, "gru": 2}
    assert len(both.rows) == 20
    assert both.notes == ["odd: not measured"]


def test_of_two_measurements_the_first_counts(tmp_path):
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    files[0].write_text(as_json(result()))
    again = result()
    again.rows = [replace(row, seconds=1.0) for row in again.rows]
    files[1].write_text(as_json(again))
    assert load(files).rows == result().rows


def test_other_threads_may_have_another_clock(tmp_path):
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    two = result()
    two.how = {2: How("wall", 9, (1.0, 3.0))}
    two.rows = [replace(row, threads=2) for row in two.rows]
    for file, one in zip(files, (two, result())):
        file.write_text(as_json(one))
    both = load(files)
    assert both.how == {1: How("cpu", 3, (0.5, 2.0)), 2: How("wall", 9, (1.0, 3.0))}
    assert [row.threads for row in both.rows] == [1] * 10 + [2] * 10
    text = " ".join(page(both).split())
    assert "2 threads: wall time, in which other work on the machine counts; 9 rounds, load average 1 to 3." in text


def test_what_another_run_measured_was_not_left_out(tmp_path):
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    late = result()
    late.notes = ["gru (8,60,88,36): not measured: 3 s were over", "gru (1,1,1,1): not measured: 3 s were over"]
    for file, one in zip(files, (late, result("gru"))):
        file.write_text(as_json(one))
    assert load(files).notes == ["gru (1,1,1,1): not measured: 3 s were over", "odd: not measured"]
    late.notes = ["gru (1,1,1,1): not measured: too much state"]  # another try, another reason
    files.append(tmp_path / "later.json")
    files[-1].write_text(as_json(late))
    assert "gru (1,1,1,1): not measured: too much state" in load(files).notes
    assert len(load(files).notes) == 2


def test_runs_of_two_machines_make_none_and_a_wrong_file_is_one_line(tmp_path):
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    files[0].write_text(as_json(result()))
    files[1].write_text(as_json(result(machine="Another")))
    with pytest.raises(UserError, match=r"b.json: rounds, clock or machine differ"):
        load(files)
    files[1].write_text('{"rows": 3}')
    with pytest.raises(UserError, match=r"b.json: not what"):
        load(files)


def test_csv_has_a_line_a_row():
    rows = list(csv.DictReader(io.StringIO(as_csv(result()))))
    assert len(rows) == 10
    assert rows[0] | {"ms": float(rows[0]["ms"])} == {
        "batch": "8", "steps": "60", "input": "88", "hidden": "36", "threads": "1", "model": "mgu",
        "contender": "fused", "mode": "forward", "ms": 1.5, "peak_mib": "1.0",
    }  # fmt: skip
    assert rows[4]["peak_mib"] == ""


def test_the_page():
    text = page(result(), "cells.png")
    assert "Machine: A processor, 2 cores." in text
    assert "(cells.png)" in text
    assert "1 thread: time of the processor" in text
    assert "3 rounds, load average 0.5 to 2." in " ".join(text.split())
    assert "### 8,60,88,36, 1 thread" in text
    share = f"{480 * (2 * 6336 + 3 * 2592) / 3e-3 / (2**30 / 40e-3):.0%}"
    assert f"| mgu | fused | 1.50 | 3.00 | 1.00 | 1.00 | – | 8.00 | – | 1.00 | – | – | {share} |" in text.splitlines()
    assert "| mgu | scan | 3.00 | 6.00 | 1.00 | 1.00 | – | 4.00 | – | – | – | – | – |" in text.splitlines()
    assert "Geometric mean against torchrecurrent: 8.0." in text
    assert text.endswith("- odd: not measured\n")


def test_what_was_left_out_for_one_reason_is_one_line():
    found = result()
    found.notes = [f"{name} (1,1,1,1): not measured: 3 s were over" for name in ("gru", "rnn")]
    assert page(found).endswith("## Left out\n\n- gru, rnn (1,1,1,1): not measured: 3 s were over\n")


def test_a_model_that_a_table_lacks_is_named():
    found = result()
    found.rows += [replace(row, size=Size(1, 2, 3, 4), model="gru") for row in found.rows]
    found.products[f"gru {Size(1, 2, 3, 4)}"] = (1, 1)
    found.notes = ["mgu (1,2,3,4): not measured: 3 s were over"]
    left = page(found).split("## Left out\n\n")[1]
    assert left == f"- {found.notes[0]}\n- gru (8,60,88,36; 1 thread): measured elsewhere only\n"


def test_the_picture_is_a_png(tmp_path):
    picture(result(), tmp_path / "deep" / "cells.png")
    assert (tmp_path / "deep" / "cells.png").read_bytes()[:4] == b"\x89PNG"


def test_the_committed_page_is_what_the_committed_times_give():
    made = "rnnbench bench cells --read cells.json --md README.md --png cells.png, in rnnbench/bench"
    committed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert committed == page(load([FOLDER / "cells.json"]), "cells.png"), f"not current: {made}"
    assert (FOLDER / "cells.png").exists()
