"""What is left of a paper, in runs and hours."""

import runpy
from pathlib import Path

import pytest

from rnnbench.errors import UserError
from rnnbench.records.estimates import ESTIMATES, Estimate, hours_left, read_estimates, write_estimates

declared = runpy.run_path(str(Path(__file__).with_name("test_paper_table.py")))


def test_written_estimates_are_read_again(tmp_path):
    one = Estimate("lstm", "jsb", 14500, 0.0125, "A processor, with a comma")
    assert read_estimates(tmp_path / ESTIMATES) == {}
    write_estimates([one], tmp_path / ESTIMATES)
    assert read_estimates(tmp_path / ESTIMATES) == {("lstm", "jsb"): one}


def test_hours_come_from_runs_of_the_cell_else_from_its_estimate(tmp_path, make):
    table = declared["without_search"](
        tmp_path / "p", rows={name: [f"model={name}"] for name in ("lstm", "gru", "rnn")}
    )
    runs = [make.run(model="lstm", seed=0, seconds=1800.0)]
    estimates = {(row, "adding"): Estimate(row, "adding", 7200, 0.5, "") for row in ("lstm", "gru")}
    assert hours_left(table, runs, estimates) == {
        ("lstm", "adding"): (1, pytest.approx(0.5)),
        ("gru", "adding"): (2, pytest.approx(2.0)),
        ("rnn", "adding"): (2, None),
    }
    both = [*runs, make.run(model="lstm", seed=1)]
    assert ("lstm", "adding") not in hours_left(table, both, estimates)


def test_a_damaged_file_is_one_line(tmp_path):
    path = tmp_path / ESTIMATES
    path.write_text("row,col,steps,seconds_per_step,hardware\nlstm,adding,many,0.5,a processor\n")
    with pytest.raises(UserError, match=r"estimates\.csv, line 2: .*'many'.*--estimate"):
        read_estimates(path)
