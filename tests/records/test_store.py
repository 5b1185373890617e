import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from rnnbench.errors import UserError
from rnnbench.records import store
from rnnbench.records.store import RunBusy, RunDirectory, run_name, slug, write_json


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path / "runs" / "adding-lstm-s0-0123456789")


def test_names_are_fit_for_any_file_system():
    assert run_name("adding", "lstm", 0, "0123456789abcdef") == "runs/adding-lstm-s0-0123456789"
    assert slug("a b/c:d*é") == "a_b_c_d_"
    assert slug("../..") == "_"
    assert slug("lr=0.01") == "lr=0.01"
    assert slug("") == "_"
    assert len(slug("x" * 500)) == 80


def test_result_comes_back_and_ends_the_failure(directory, make):
    record = make.record(make.job())
    assert directory.result() is None
    directory.write_failure({"error": "ValueError: boom", "traceback": "..."})
    assert directory.failure() == {"error": "ValueError: boom", "traceback": "..."}
    directory.write_result(record)
    assert directory.result() == record
    assert directory.failure() is None


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_numbers_that_json_does_not_know_become_null(directory, make, value):
    record = make.record(make.job(), value=float(value), status="diverged")
    directory.write_result(record)
    text = (directory.path / "result.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["metrics"]["test"]["mse"] is None
    assert directory.status() == "diverged"


def test_a_bad_record_is_refused(directory, make):
    with pytest.raises(ValueError, match="status"):
        directory.write_result(make.record(make.job(), status="done"))
    assert directory.result() is None


@pytest.mark.parametrize("text", ["", '{"schema": 1, "identi', "[1, 2]", '{"schema": 1}', "\x00" * 64])
def test_a_torn_result_counts_as_absent_with_a_warning(directory, text, caplog):
    directory.path.mkdir(parents=True)
    (directory.path / "result.json").write_text(text)
    assert directory.result() is None
    assert directory.status() == "pending"
    assert "result.json" in caplog.text


def test_a_record_of_a_later_version_is_not_taken_for_absent(directory, make):
    write_json(directory.path / "result.json", {**make.record(make.job()), "schema": 2})
    with pytest.raises(UserError, match="install a newer rnnbench"):
        directory.result()


def test_dying_while_writing_leaves_the_old_record(directory, make, monkeypatch):
    old = make.record(make.job(), value=0.5)
    directory.write_result(old)

    def die(*_):
        raise KeyboardInterrupt

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(store.os, step, die)
            with pytest.raises(KeyboardInterrupt):
                directory.write_result(make.record(make.job(), value=0.9))
        assert directory.result() == old


def test_readers_never_see_half_a_file(tmp_path):
    path = tmp_path / "data.json"
    write_json(path, [0] * 5000)
    stop = threading.Event()

    def rewrite():
        number = 0
        while not stop.is_set():
            number += 1
            write_json(path, [number] * 5000)

    thread = threading.Thread(target=rewrite)
    thread.start()
    try:
        for _ in range(100):
            assert len(set(json.loads(path.read_text()))) == 1
    finally:
        stop.set()
        thread.join()
    assert [p.name for p in tmp_path.iterdir()] == ["data.json"]


def test_status_by_what_is_on_disk(directory, make):
    assert directory.status() == "pending"
    directory.write_job(make.job())
    directory.checkpoints.mkdir()
    assert directory.status() == "pending"
    (directory.checkpoints / "last.ckpt").write_bytes(b"x")
    assert directory.status() == "interrupted"
    directory.write_failure({"error": "x"})
    assert directory.status() == "failed"
    with directory.lock():
        assert directory.status() == "running"
    assert directory.status() == "failed"
    directory.write_result(make.record(make.job()))
    assert directory.status() == "finished"


def test_job_is_known_before_and_after_the_record(directory, make):
    assert directory.job() is None
    job = make.job()
    directory.write_job(job)
    assert directory.job() == job
    (directory.path / "job.json").unlink()
    directory.write_result(make.record(job))
    known = directory.job()
    assert (known.identity, known.hparams) == (job.identity, job.hparams)
    assert known.directory == f"runs/{directory.path.name}"


def test_a_damaged_job_counts_as_absent(directory, make, caplog):
    write_json(directory.path / "job.json", {"model": 3})
    assert directory.job() is None
    assert "job.json counts as absent: job: identity=None must be str" in caplog.text
    directory.write_result(make.record(make.job()))
    assert directory.job().identity == make.job().identity


HOLD = """
import sys, time
from rnnbench.records.store import RunDirectory
with RunDirectory(sys.argv[1]).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_keeps_others_out_until_its_process_dies(directory, monkeypatch):
    monkeypatch.setattr(store, "LOCK_WAIT", 0.1)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(directory.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        assert directory.status() == "running"
        with pytest.raises(RunBusy, match="another process"), directory.lock():
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        assert directory.status() == "pending"
        with directory.lock():
            assert directory.status() == "running"
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_look_at_the_status_does_not_turn_a_run_away(directory):
    with directory.lock():
        pass
    stop = threading.Event()

    def look():
        while not stop.is_set():
            directory.status()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(20):
            with directory.lock():
                time.sleep(0.001)
    finally:
        stop.set()
        thread.join()


def test_the_lock_is_released_by_an_exception(directory):
    with pytest.raises(ZeroDivisionError), directory.lock():
        raise ZeroDivisionError
    assert directory.status() == "pending"


def test_status_of_a_folder_that_may_not_be_written(directory, make, monkeypatch):
    directory.write_job(make.job())
    (directory.path / "run.lock").touch()
    monkeypatch.setattr(store.os, "access", lambda *_: False)
    assert directory.status() == "pending"
