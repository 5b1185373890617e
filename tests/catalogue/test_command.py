import csv
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnnbench import cli
from rnnbench.catalogue.page import page


def test_the_list_with_given_sizes_into_a_file(tmp_path):
    file = tmp_path / "cells.csv"
    assert cli.main(["cells", "--input-size", "3", "--hidden-size", "5", "--format", "csv", "--out", str(file)]) == 0
    rows = {row["model"]: row for row in csv.DictReader(file.open())}
    assert rows["rnn"]["parameters"] == str(5 * (3 + 5 + 2))


def test_the_page_on_the_terminal(capsys):
    assert cli.main(["cells", "--page"]) == 0
    assert capsys.readouterr().out == page()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--page", "--format", "csv"], "--page is Markdown"),
        (["--page", "--hidden-size", "64"], "--page has the equations of our cells: leave out --hidden-size 64"),
        (["--page", "--config-dir", "mine"], "leave out --config-dir mine"),
        (["--hidden-size", "0"], "'0' is not a number of at least 1"),
        (["--format", "latex"], "invalid choice: 'latex'"),
        (["--config-dir", "nowhere"], "no such folder"),
    ],
)
def test_a_mistake_is_one_line(arguments, said, capsys):
    assert cli.main(["cells", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["cells", "check-cell"])
def test_help_comes_at_once(command):
    code = f"import sys; from rnnbench.cli import main\ntry: main(['{command}', '--help'])\nexcept SystemExit: pass\n"
    code += "print('HEAVY', [n for n in ('torch', 'hydra', 'rich', 'yaml') if n in sys.modules])"
    before = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path.cwd())
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr
    assert time.perf_counter() - before < 10  # 0.2 s on an idle machine
