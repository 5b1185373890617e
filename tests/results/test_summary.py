"""The end of a sweep, as printed and as an exit code."""

from rnnbench.records.store import RunDirectory
from rnnbench.records.sweep import create_sweep
from rnnbench.results.summary import conclude


def sweep_of(make, runs_dir, jobs):
    return create_sweep(runs_dir, "adding", jobs, ["rnnbench", "train", "-m"])


def test_a_whole_sweep_prints_its_table_and_exits_0(make, tmp_path, capsys):
    jobs = [make.job(model, seed=seed) for model in ("lstm", "gru") for seed in (0, 1)]
    sweep = sweep_of(make, tmp_path, jobs)
    for job in jobs:
        RunDirectory(tmp_path / job.directory).write_result(make.record(job, 0.5))
    assert conclude(sweep.path) == 0
    out = capsys.readouterr().out
    assert "lstm" in out
    assert "baseline" in out
    assert f"tensorboard --host 127.0.0.1 --logdir {sweep.path}" in out


def test_failed_and_missing_jobs_are_named_and_exit_1(make, tmp_path, capsys):
    jobs = [make.job("lstm", seed=seed) for seed in (0, 1, 2)]
    sweep = sweep_of(make, tmp_path, jobs)
    RunDirectory(tmp_path / jobs[0].directory).write_result(make.record(jobs[0], 0.5))
    RunDirectory(tmp_path / jobs[1].directory).write_failure({"error": "ValueError: boom", "traceback": "..."})
    assert conclude(sweep.path) == 1
    out = capsys.readouterr().out
    assert "failed: lstm adding seed 1: ValueError: boom" in out
    assert "1 of 3 jobs are left" in out


def test_nothing_done_prints_no_table(make, tmp_path, capsys):
    sweep = sweep_of(make, tmp_path, [make.job("lstm")])
    assert conclude(sweep.path, stopped="interrupted") == 1
    assert "interrupted: 1 of 1 jobs are left" in capsys.readouterr().out


def test_jobs_that_no_one_table_has_are_a_line_and_their_records_stay(make, tmp_path, capsys):
    jobs = [make.job("lstm", seed=seed) for seed in (0, 1)]
    sweep = sweep_of(make, tmp_path, jobs)
    for job, metric in zip(jobs, ("mse", "mae")):
        RunDirectory(tmp_path / job.directory).write_result(make.record(job, 0.5, metric=metric))
    assert conclude(sweep.path) == 0
    assert "no table: runs on adding are judged by mae and mse: choose one, as --metric mae" in capsys.readouterr().out
