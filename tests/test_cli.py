"""The command line as a user meets it: exit codes, one line for a mistake, and answers at once."""

import csv
import io
import json
import os
import runpy
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnnbench import __version__
from rnnbench.cli import build_parser, main
from rnnbench.records.store import RunDirectory
from rnnbench.records.sweep import create_sweep

ROOT = Path(__file__).parents[1]
make = runpy.run_path(str(ROOT / "tests" / "records" / "conftest.py"))["Factory"]
COMMANDS = [
    "train",
    "status",
    "table",
    "compare",
    "predict",
    "inspect",
    "export",
    "shrink",
    "generate",
    "data",
    "cells",
    "check-cell",
    "bench",
    "reproduce",
    "papers",
    "completion",
    "search",
    "lr-find",
]
HEAVY = ("torch", "lightning", "hydra", "pandas", "matplotlib", "tensorboard", "sklearn")


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A sweep of two models and three seeds: four finished, one failed, one not begun."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("RNNBENCH_RUNS", str(folder))
    monkeypatch.chdir(tmp_path)
    jobs = [make.job(model, seed=seed) for model in ("lstm", "gru") for seed in (0, 1, 2)]
    create_sweep(folder, "adding", jobs, ["rnnbench", "train"])
    for i, job in enumerate(jobs[:4]):
        make.directory(folder, job, value=0.1 + 0.01 * i)
    failed = RunDirectory(folder / jobs[4].directory)
    failed.write_job(jobs[4])
    failed.write_failure({"error": "ValueError: boom", "traceback": "Traceback ...\nValueError: boom"})
    return folder


def call(capsys, *arguments):
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def shell(command, **changes):
    """``command`` in a shell of its own that finds this Python's ``rnnbench``."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **changes}
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=env)


# --- answers


@pytest.mark.parametrize("command", [["--help"], ["status"], ["table"], ["table", "--format", "latex"]])
def test_quick_commands_import_nothing_heavy_and_answer_at_once(command, runs):
    code = f"import sys; from rnnbench.cli import main\ntry: main({command})\nexcept SystemExit: pass\n"
    code += f"print('HEAVY', [name for name in {HEAVY} if name in sys.modules])"
    before = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    seconds = time.perf_counter() - before
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr
    assert seconds < 10  # about 0.3 on an idle machine; the imports above are the real test


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert [name for name in COMMANDS if f"    {name}" not in text] == []


def test_status_shows_what_became_of_every_job(runs, capsys):
    code, out, _ = call(capsys, "status")
    assert code == 0
    assert "6 jobs: 4 finished, 1 failed, 1 pending" in out
    assert "ValueError: boom" in out
    assert "mse=0.1 " in out


def test_the_table_in_every_format(runs, capsys):
    code, out, _ = call(capsys, "table")
    assert code == 0
    assert "lstm" in out
    assert "(3/3)" in out
    assert "(1/3: 1 failed, 1 pending)" in out
    _, out, _ = call(capsys, "table", "--format", "md")
    assert out.startswith("| model |")
    assert "| baseline |" in out
    _, out, _ = call(capsys, "table", "--format", "latex")
    assert out.startswith(r"\begin{tabular}")
    _, out, _ = call(capsys, "table", "--format", "json")
    cells = {cell["row"]: cell for cell in json.loads(out)["cells"]}
    assert cells["lstm"]["mean"] == pytest.approx(0.11)
    _, out, _ = call(capsys, "table", "--format", "csv", "--rows", "seed", "--cols", "model")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {
        (row["row"], row["col"]): float(row["mean"]) for row in rows if row["mean"] and row["row"] != "baseline"
    } == {
        ("0", "lstm"): pytest.approx(0.10),
        ("1", "lstm"): pytest.approx(0.11),
        ("2", "lstm"): pytest.approx(0.12),
        ("0", "gru"): pytest.approx(0.13),
    }


def test_a_table_goes_into_a_file(runs, tmp_path, capsys):
    code, out, _ = call(capsys, "table", "--out", str(tmp_path / "table.md"))
    assert (code, out) == (0, "")
    assert (tmp_path / "table.md").read_text().startswith("| model |")


@pytest.mark.parametrize(
    ("name", "begins"),
    [("t.tex", "\\begin{tabular}"), ("t.csv", "row,col,"), ("t.json", "{"), ("t.md", "| model"), ("t", "| model")],
)
def test_a_table_is_of_the_kind_that_its_file_is_called(name, begins, runs, tmp_path, capsys):
    assert call(capsys, "table", "--out", str(tmp_path / name))[0] == 0
    assert (tmp_path / name).read_text().startswith(begins)


def test_benchmarks_have_a_help(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bench", "--help"])
    assert ended.value.code == 0
    assert "overhead" in capsys.readouterr().out


def test_compare_into_the_folder_one_is_in(runs, tmp_path, monkeypatch, capsys):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for _ in range(2):
        assert call(capsys, "compare", str(runs), "--out", ".")[0] == 0
        assert (here / "compare.json").exists()


def test_compare_writes_curves_and_a_picture(runs, capsys):
    code, out, _ = call(capsys, "compare")
    assert code == 0
    named = dict(line.split(":", 1) for line in out.splitlines() if ":" in line)
    curves, picture = Path(named["curves"].strip()), Path(named["picture"].strip())
    assert curves.parent == runs / "compare"
    assert (curves / "adding" / "lstm").is_dir()
    assert picture.stat().st_size > 10_000
    assert named["tensorboard"].split()[-1] == str(curves)


def test_folders_may_be_named(runs, capsys):
    run = next((runs / "runs").glob("adding-lstm-s1-*"))
    assert "1 job: 1 finished" in call(capsys, "status", str(run))[1]
    sweep = next((runs / "sweeps").iterdir())
    assert "6 jobs" in call(capsys, "status", str(sweep))[1]


def test_the_module_runs_from_another_folder(runs, tmp_path):
    done = subprocess.run([sys.executable, "-m", "rnnbench", "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == f"rnnbench {__version__}\n"
    done = subprocess.run([sys.executable, "-m", "rnnbench", "status"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "6 jobs" in done.stdout


# --- mistakes


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: command"),
        (["tabel"], "invalid choice: 'tabel'"),
        (["table", "--format", "pdf"], "invalid choice: 'pdf'"),
        (["table", "--rows", "modle"], "rows=modle: no run has such a field; did you mean model"),
        (["table", "--metric", "msee"], "metric=msee: no run has it on test; did you mean mse"),
        (["table", "nowhere"], "nowhere does not exist"),
        (["table", "--out", "mine.txt/table.md"], "mine.txt: File exists"),
        (["status", "--metric", "msee"], "metric=msee"),
        (["status", "."], "no runs in ."),
        (["compare", "--metric", "msee"], "metric=valid/msee: no run of adding has this series"),
        (["compare", "--out", "."], "holds no comparison: name another folder"),
        (["compare", "--cols", "colour"], "cols=colour"),
        (["data", "fetch"], "invalid choice: 'fetch'"),
        (["data", "verify", "jbs"], "no data file is called 'jbs'; did you mean jsb"),
        (["reproduce", "chung2013"], "paper chung2013: there is no"),
        (["reproduce", "no/such"], "no/such: no folder with a paper.yaml; `rnnbench papers` lists ours by name"),
        (["shrink", "run", "--int8", "--global"], "--global: says how --prune counts; add it"),
        (["bench", "overhed"], "overhed"),
        (["reproduce", "chung2014", "--workers", "0"], "'0' is not a number of at least 1"),
        (["reproduce", "chung2014", "--check", "--quick"], "argument --quick: not allowed with argument --check"),
        (["reproduce", "chung2014", "--check", "--only", "gru"], "--only: --check looks at the whole page"),
        (["completion", "tcsh"], "invalid choice: 'tcsh'"),
        (["train", "modle=gru"], "modle"),
        (["train", "model=grru"], "model=grru"),
        (["train", "--nope"], "unrecognized arguments: --nope"),
        (["train", "--cfg", "everything"], "invalid choice: 'everything'"),
        (["train", "--config-dir", "nowhere"], "--config-dir nowhere: no such folder"),
        (["train", "model=gru,lstm"], "model=gru,lstm"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, said, runs, tmp_path, capsys):
    (tmp_path / "mine.txt").touch()
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("rnnbench: ")
    assert err.count("\n") == 1


def test_no_sweep_yet(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RNNBENCH_RUNS", str(tmp_path))
    for command in ("status", "table", "compare"):
        code, _, err = call(capsys, command)
        assert code == 2
        assert "no sweep in" in err


def test_an_error_of_ours_keeps_its_traceback(runs, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("ours")

    monkeypatch.setattr("rnnbench.results.status.print_status", broken)
    with pytest.raises(RuntimeError, match="ours"):
        main(["status"])


@pytest.mark.parametrize("command", ["table", "table --format json", "train --info", "train --cfg job"])
def test_a_reader_that_leaves_is_no_error(command, runs):
    done = shell(f"rnnbench {command} | true")
    assert (done.returncode, done.stderr) == (0, "")


# --- Hydra's own questions


def test_train_help_lists_the_groups(runs, capfd):
    assert main(["train", "--help"]) == 0
    out = capfd.readouterr().out
    for group in sorted(p.name for p in (ROOT / "conf").iterdir() if p.is_dir()):
        assert f"\n{group}: " in out


def test_train_prints_its_configuration(runs, capfd):
    assert main(["train", "model=gru", "seed=7", "--cfg", "job"]) == 0
    out = capfd.readouterr().out
    assert "seed: 7" in out
    assert "_target_: rnnbench.cells.GRU" in out
    assert main(["train", "--cfg", "job", "--package", "trainer"]) == 0
    assert "max_epochs: 20" in capfd.readouterr().out


def test_train_tells_where_its_configuration_comes_from(runs):
    done = shell("rnnbench train --info searchpath && rnnbench train model=gru --info defaults")
    assert (done.returncode, done.stderr) == (0, "")
    assert (ROOT / "conf").as_uri() in done.stdout
    assert "model/gru" in done.stdout


def complete(line):
    """What bash would offer after ``line``, through the script that ``rnnbench completion bash`` prints."""
    script = f"""
        eval "$(rnnbench completion bash)"
        complete -p rnnbench >/dev/null || exit 3
        compopt() {{ :; }}
        COMP_LINE={line!r}; COMP_WORDS=($COMP_LINE)
        [ "${{COMP_LINE: -1}}" = " " ] && COMP_WORDS+=("")
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_POINT=${{#COMP_LINE}}
        _rnnbench; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = shell(script)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_bash_completes_commands_and_hydra_overrides():
    assert complete("rnnbench ") == sorted(COMMANDS)
    assert complete("rnnbench ta") == ["table"]
    assert "model=" in complete("rnnbench train mod")
    found = [p.stem for p in sorted((ROOT / "conf" / "model").glob("g*.yaml"))]
    assert complete("rnnbench train model=g") == [f"model={name}" for name in found]
    assert complete("rnnbench train -m model=gru trainer.max_e") == ["trainer.max_epochs="]


def test_every_command_has_help():
    parser = build_parser()
    for name in COMMANDS[1:]:
        if name not in ("bench", "search", "lr-find"):
            with pytest.raises(SystemExit) as end:
                parser.parse_args([name, "--help"])
            assert end.value.code == 0


def test_papers_are_listed_and_a_wrong_name_is_one_line(capsys):
    assert main(["papers"]) == 0
    out = capsys.readouterr().out
    assert "| chung2014 |" in out
    assert main(["reproduce", "chung2014", "--quick", "--only", "lstn"]) == 2
    assert "--only lstn: no row or column of chung2014; did you mean lstm" in capsys.readouterr().err


def test_ctrl_c_before_anything_has_begun_is_one_line(runs, monkeypatch, capsys):
    def pressed(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("rnnbench.results.status.print_status", pressed)
    assert main(["status"]) == 130
    assert capsys.readouterr().err == "rnnbench: stopped\n"
