import pytest

from rnnbench.errors import UserError
from rnnbench.records.archive import write_archive
from rnnbench.records.load import load_records, load_run, load_runs, runs_of
from rnnbench.records.store import RunDirectory
from rnnbench.records.sweep import create_sweep, load_sweep


@pytest.fixture
def jobs(make):
    return [make.job(model, seed=seed) for model in ("lstm", "gru") for seed in (0, 1)]


@pytest.fixture
def sweep(make, jobs, tmp_path):
    """Of four jobs one is finished, one failed, one diverged, one has not begun."""
    sweep = create_sweep(tmp_path, "try", jobs, ["rnnbench", "train"])
    make.directory(tmp_path, jobs[0], 0.1)
    failed = RunDirectory(tmp_path / jobs[1].directory)
    failed.write_job(jobs[1])
    failed.write_failure({"error": "ValueError: boom", "traceback": "Traceback\nValueError: boom"})
    make.directory(tmp_path, jobs[2], float("nan"), status="diverged")
    return sweep


def test_a_sweep_lists_every_job_in_its_order(sweep, jobs):
    runs = load_runs(sweep.path)
    assert [run.job for run in runs] == jobs
    assert [run.status for run in runs] == ["finished", "failed", "diverged", "pending"]
    assert runs[1].failure["error"] == "ValueError: boom"
    assert runs[0].metric("test", "mse") == 0.1
    assert runs_of(load_sweep(sweep.path)) == runs


def test_the_runs_folder_lists_what_is_on_disk(sweep, tmp_path, jobs):
    runs = load_runs(tmp_path)
    assert {run.job.identity for run in runs} == {job.identity for job in jobs[:3]}
    assert {run.job.identity for run in load_runs(tmp_path / "runs")} == {job.identity for job in jobs[:3]}
    assert [run.job for run in load_runs(tmp_path / "sweeps")] == jobs


def test_one_run_and_several_folders(sweep, tmp_path, jobs):
    one = load_run(tmp_path / jobs[0].directory)
    assert one.job == jobs[0]
    assert load_runs([tmp_path / jobs[0].directory, sweep.path, tmp_path]) == load_runs(sweep.path)
    assert load_runs(str(tmp_path / jobs[0].directory)) == [one]


def test_links_of_a_sweep_lead_to_its_runs(sweep, jobs):
    assert load_run(sweep.path / "adding" / "lstm" / "s0").record == load_runs(sweep.path)[0].record


def test_a_run_on_disk_counts_more_than_its_archive(sweep, tmp_path, jobs, make):
    write_archive([make.run(9.0, seed=0), make.run(0.2, model="gru", seed=1)], tmp_path / "old.csv")
    for folders in ([sweep.path, tmp_path / "old.csv"], [tmp_path / "old.csv", sweep.path]):
        found = {run.job.identity: run.metric("test", "mse") for run in load_runs(folders)}
        assert found[jobs[0].identity] == 0.1
        assert found[jobs[3].identity] == 0.2  # pending on disk, finished in the archive


def test_folders_without_runs_are_named(tmp_path):
    (tmp_path / "notes.json").touch()
    with pytest.raises(UserError, match=r"notes\.json is no folder: give the folder of a run"):
        load_runs(tmp_path / "notes.json")
    with pytest.raises(UserError, match="nowhere does not exist"):
        load_runs(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no runs in"):
        load_runs(tmp_path)
    with pytest.raises(UserError, match="is no run"):
        load_run(tmp_path)


def test_a_folder_cut_off_before_its_first_file_is_left_out(sweep, tmp_path, caplog):
    (tmp_path / "runs" / "torn").mkdir()
    (tmp_path / "runs" / "torn" / "job.json").write_text('{"ident')
    assert len(load_runs(tmp_path)) == 3
    assert "torn" in caplog.text
    with pytest.raises(UserError, match="neither a readable"):
        load_run(tmp_path / "runs" / "torn")


def test_load_records_is_a_frame_of_all_runs(sweep):
    frame = load_records(sweep.path)
    assert list(frame["status"]) == ["finished", "failed", "diverged", "pending"]
    assert list(frame["model"]) == ["lstm", "lstm", "gru", "gru"]
    assert frame["test/mse"][0] == 0.1
    assert frame["test/mse"].isna().tolist() == [False, True, True, True]
    assert frame["parameters/backbone"][0] == 1234
    assert (frame["optimizer.lr"] == 0.01).all()
