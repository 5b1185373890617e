"""Files that are whole or as they were; CSV files whose damage is named."""

import os
import subprocess
import sys

import pytest

from rnnbench.errors import UserError
from rnnbench.records import files
from rnnbench.records.files import alone, read_rows, read_text, write_rows, write_whole


def test_a_file_that_cannot_be_written_is_as_it_was_and_is_named(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "a.txt"
    write_whole(path, "old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_whole(path, "new" * 1000)
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["a.txt"]


def test_links_and_permissions_stay(tmp_path):
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    write_whole(link, "new")
    assert link.is_symlink()
    assert (real.read_text(), real.stat().st_mode & 0o777) == ("new", 0o600)


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        write_whole(pipe, "new")
        assert reader.stdout is not None
        assert reader.stdout.read() == b"new"
    assert pipe.is_fifo()


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "a.csv"
    write_rows(path, ("a", "b"), [{"a": "x,\ny", "b": 'quo"te'}, {"b": "é"}])
    assert read_rows(path, ("a", "b")) == [
        (f"{path}, line 3", {"a": "x,\ny", "b": 'quo"te'}),
        (f"{path}, line 4", {"a": "", "b": "é"}),
    ]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # as a spreadsheet saves it
    assert len(read_rows(path, ("a", "b"))) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n1,2,3\n", "a.csv, line 3: has not as many cells"),
        (b"a,b\n1\n", "a.csv, line 2: has not as many cells"),
        (b"a\n1\n", "a.csv: its heading lacks b"),
        (b"", "a.csv: its heading lacks a, b"),
        (b"a,b\n\xff,1\n", "a.csv: .*utf-8"),
        (b'a,b\n"1,2\n', "a.csv: unexpected end of data"),
    ],
)
def test_damage_is_one_line_with_the_file(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_rows(path, ("a", "b"))
    assert "\n" not in str(caught.value)


def test_a_page_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "README.md"
    path.write_bytes("é".encode("latin-1"))
    with pytest.raises(UserError, match=r"README\.md: .*save it as UTF-8"):
        read_text(path)


ADD = """
import sys, time
from pathlib import Path
from rnnbench.records.files import alone, write_whole
path = Path(sys.argv[1])
for i in range(20):
    with alone(path):
        text = path.read_text() if path.exists() else ""
        time.sleep(0.005)
        write_whole(path, text + f"{sys.argv[2]}{i}\\n")
"""


def test_what_several_processes_add_to_a_file_at_once_all_stays(tmp_path):
    path = tmp_path / "new" / "a.csv"
    adding = [subprocess.Popen([sys.executable, "-c", ADD, str(path), name]) for name in "xyz"]
    assert [process.wait(timeout=120) for process in adding] == [0, 0, 0]
    assert sorted(path.read_text().split()) == sorted(f"{name}{i}" for name in "xyz" for i in range(20))
    with alone(path):
        assert path.exists()
