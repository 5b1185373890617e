import gzip

import pytest

from rnnbench.data import files, listing
from rnnbench.data.manifest import entries
from rnnbench.errors import UserError


def test_status(tmp_path):
    file = tmp_path / "polyphonic/MuseData.mat"
    assert listing.status("muse_data", tmp_path) == "missing"
    file.parent.mkdir()
    file.write_bytes(b"x")
    assert listing.status("muse_data", tmp_path) == "corrupt"
    file.rename(file.with_name("MuseData.mat.gz"))
    assert listing.status("muse_data", tmp_path) == "corrupt"


def test_present(real_data):
    assert listing.status("jsb", real_data) == "present"


def test_gzipped_copy_is_present(real_data, tmp_path):
    copy = tmp_path / "polyphonic/JSB_Chorales.mat.gz"
    copy.parent.mkdir()
    copy.write_bytes(gzip.compress((real_data / "polyphonic/JSB_Chorales.mat").read_bytes()))
    (row,) = listing.rows(["jsb"], tmp_path)
    assert (row.status, row.path) == ("present", copy)


def test_rows_tell_where_files_belong(tmp_path):
    rows = listing.rows(["jsb", "muse_data"], tmp_path)
    assert [(r.name, r.status) for r in rows] == [("jsb", "missing"), ("muse_data", "missing")]
    assert rows[1].path == tmp_path / "polyphonic/MuseData.mat"
    assert rows[1].bytes == 947219


def test_shipped_datasets_read_known_files():
    reads = listing.dataset_files()
    assert reads["muse_data"] == ("muse_data",)
    assert reads["adding"] == reads["digits"] == ()
    assert all(name in entries() for names in reads.values() for name in names)


def test_options_are_inherited(tmp_path):
    (tmp_path / "base.yaml").write_text("defaults:\n  - override /task: polyphonic\na: 1\nb: 2\n")
    (tmp_path / "mine.yaml").write_text("defaults:\n  - base\n  - _self_\nb: 3\n")
    assert listing.options(tmp_path / "mine.yaml") == {"a": 1, "b": 3}


def test_list_shows_every_dataset(tmp_path, capsys):
    assert listing.main("list", [], tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    wanted = [name for dataset, files in listing.dataset_files().items() for name in files or (dataset,)]
    assert sorted(line.split()[0] for line in lines) == sorted(wanted)
    assert any(line.startswith("jsb") and "missing" in line and str(tmp_path) in line for line in lines)


def test_verify_finds_the_corrupt_and_the_missing(tmp_path, capsys):
    path = tmp_path / "polyphonic/MuseData.mat"
    path.parent.mkdir()
    path.write_bytes(b"x")
    assert listing.main("verify", [], tmp_path) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line
    assert entries()["muse_data"].expected in line
    assert listing.main("verify", ["jsb"], tmp_path) == 1
    assert "JSB_Chorales.mat is missing" in capsys.readouterr().err


def test_prepare_goes_on_after_a_failure(tmp_path, capsys, monkeypatch):
    tried = []

    def fetch(name, data_dir):
        tried.append(name)
        raise UserError(f"no {name}")

    monkeypatch.setattr(files, "fetch", fetch)
    assert listing.main("prepare", ["jsb", "digits", "ptb_train"], tmp_path) == 1
    assert tried == ["jsb", "ptb_train"]
    assert capsys.readouterr().err.splitlines() == ["no jsb", "no ptb_train"]


def test_prepare_what_is_there(capsys, real_data):
    assert listing.main("prepare", ["jsb"], real_data) == 0
    assert "present" in capsys.readouterr().out


def test_unknown_name(tmp_path):
    with pytest.raises(UserError, match="nottingham"):
        listing.main("list", ["notingham"], tmp_path)
