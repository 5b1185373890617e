import io

import pytest
from rich.console import Console

from rnnbench.errors import UserError
from rnnbench.results.status import print_status, status_rows, summary


@pytest.fixture
def runs(make):
    return [
        make.run(0.012345, seed=0),
        make.run(seed=1, status="failed"),
        make.run(seed=2, status="pending"),
        make.run(metrics={}, seed=3, status="diverged"),
    ]


def test_a_row_says_what_became_of_a_job(runs):
    rows = status_rows(runs)
    assert [row.number for row in rows] == [1, 2, 3, 4]
    assert [row.status for row in rows] == ["finished", "failed", "pending", "diverged"]
    assert [row.metric for row in rows] == ["mse=0.01235", "", "", ""]
    assert [row.seconds for row in rows] == [12.25, None, None, 12.25]
    assert rows[1].error == "ValueError: boom"
    assert rows[0].directory == str(runs[0].path)


def test_a_failure_without_traceback_still_says_something(make):
    run = make.run(status="failed")
    for failure, text in ({"error": "killed"}, "killed"), ({"why": 1}, "no traceback was kept"):
        assert status_rows([type(run)(run.job, run.path, "failed", None, failure)])[0].error == text


def test_summary_counts(runs):
    assert summary(status_rows(runs)) == "4 jobs: 1 finished, 1 failed, 1 pending, 1 diverged"
    assert summary(status_rows(runs[:1])) == "1 job: 1 finished"


def test_metric_by_choice(runs):
    assert status_rows(runs, "loss")[0].metric == "loss=0.01235"
    with pytest.raises(UserError, match="did you mean loss"):
        status_rows(runs, "los")


def test_print_status_names_what_failed_and_cuts_nothing(runs):
    console = Console(file=io.StringIO())
    print_status(runs, console=console)
    text = console.file.getvalue()
    assert "2 lstm adding seed 1: ValueError: boom" in text
    assert text.rstrip().endswith("1 finished, 1 failed, 1 pending, 1 diverged")
    assert all(any(str(run.path) in line for line in text.splitlines()) for run in runs)
