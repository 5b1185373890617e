import json

import pytest

from rnnbench import cli
from rnnbench.bench import overhead
from rnnbench.bench.command import main
from rnnbench.bench.overhead import DifferentWork

TINY = ["dataset=digits", "model.hidden_size=4", "debug.limit_batches=2", "trainer.max_epochs=1"]


def test_overhead_prints_a_table_and_writes_all_numbers(tmp_path, capsys):
    file = tmp_path / "deep" / "numbers.json"
    assert main(["overhead", "--repeats", "2", "--json", str(file), *TINY]) == 0
    out = capsys.readouterr().out
    numbers = json.loads(file.read_text())
    assert f"| **ratio** | **{numbers['ratio_wall']:.3f}** | **{numbers['ratio_cpu']:.3f}** |" in out
    assert numbers["benchmark"] == "overhead"
    assert numbers["steps"] == 2
    assert len(numbers["pairs"]) == 2
    assert numbers["machine"]["cpu"] in out.splitlines()[-1]
    assert f"threads {numbers['machine']['threads']}" in out.splitlines()[-1]


def test_sweep_prints_a_table_and_writes_all_numbers(tmp_path, capsys):
    file = tmp_path / "numbers.json"
    assert main(["sweep", "--jobs", "1", "--json", str(file), *TINY]) == 0
    numbers = json.loads(file.read_text())
    added = numbers["per_job"]["added"]
    assert f"| **added by the framework** | {added['wall']:.3f} | {added['cpu']:.3f} |" in capsys.readouterr().out
    assert numbers["jobs"] == 1


def test_different_work_is_an_error_without_a_table(monkeypatch, capsys):
    def measure(*_):
        raise DifferentWork("last weights differ by 1")

    monkeypatch.setattr(overhead, "measure_overhead", measure)
    assert main(["overhead"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["rnnbench bench: last weights differ by 1: the times would say nothing"]


def test_a_mistake_is_one_line(capsys):
    assert cli.main(["bench", "overhead", "model=lstn"]) == 2
    assert "lstm" in capsys.readouterr().err
    assert cli.main(["bench", "overhead", "trainer.patience=3"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["overhead", "--repeats", "0"], "argument --repeats: '0': must be a whole number from 1 on"),
        (["overhead", "--repeats", "few"], "argument --repeats: 'few': must be a whole number from 1 on"),
        (["cells", "--sizes", "1,2,3"], "argument --sizes: '1,2,3': must be batch,steps,input,hidden, as 32,100,64,64"),
        (["nothing"], "invalid choice: 'nothing'"),
        ([], "the following arguments are required: benchmark"),
    ],
)
def test_wrong_usage_is_one_line(arguments, said, capsys):
    assert cli.main(["bench", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert line.endswith("--help`")


def test_cells_prints_the_page_and_writes_all_files(tmp_path, capsys):
    files = {name: tmp_path / "out" / f"cells.{name}" for name in ("json", "csv", "md", "png")}
    words = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    size = ["--sizes", "2,3,4,5", "--threads", "1", "--rounds", "1", "--engines", "loop", "--against"]
    assert main(["cells", "--cells", "mgu", *size, "torch", *words]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "[1/1] mgu (2,3,4,5), threads 1\n"
    assert all(file.stat().st_size for file in files.values())
    assert "(cells.png)" in files["md"].read_text()
    assert main(["cells", "--read", str(files["json"])]) == 0
    assert "| mgu | loop |" in capsys.readouterr().out


def test_cells_quick_is_small_and_bounded(monkeypatch, capsys):
    from rnnbench.bench import cells
    from rnnbench.bench.cells import SIZES, Result

    seen = []
    monkeypatch.setattr(cells, "measure", lambda options, say: seen.append(options) or Result())
    assert main(["cells", "--quick"]) == 0
    assert (list(seen[0].sizes), seen[0].threads, seen[0].rounds, seen[0].limit) == ([SIZES[0]], [1], 2, 60.0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--clock", "cpu"], "--clock cpu adds up the time of all threads"),
        (["--cells", "grru"], "--cells grru: no model of ours"),
        (["--read", "nowhere.json"], "nowhere.json: No such file"),
    ],
)
def test_a_mistake_in_cells_is_one_line(words, said, capsys):
    assert cli.main(["bench", "cells", *words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
