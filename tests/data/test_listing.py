import gzip

from rnnbench.data import listing


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
