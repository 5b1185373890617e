import hashlib
import io
import tarfile
import zipfile

import pytest

from rnnbench.data.archives import BadArchive, copy_member, members_sum

FILES = {"./top/data/a.txt": b"alpha", "top/data/b.txt": b"beta" * 1000, "top/other/a.txt": b"no"}
PATTERN = r"data/([^/]+\.txt)$"


def make(path, files=None):
    files = FILES if files is None else files
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, f"w:{path.suffix[1:]}") as archive:
        folder = tarfile.TarInfo("top")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture(params=["a.zip", "a.gz", "a.xz"])
def archive(request, tmp_path):
    return make(tmp_path / request.param)


def test_member_is_found_by_its_path(archive):
    out = io.BytesIO()
    copy_member(archive, "top/data/a.txt", out, limit=10)
    assert out.getvalue() == b"alpha"


def test_reading_stops_beyond_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("rnnbench.data.archives.CHUNK", 100)
    out = io.BytesIO()
    copy_member(make(tmp_path / "a.gz"), "top/data/b.txt", out, limit=50)
    assert len(out.getvalue()) == 100


def test_missing_member(archive):
    with pytest.raises(BadArchive, match=r"no member top/c\.txt"):
        copy_member(archive, "top/c.txt", io.BytesIO(), limit=10)


def test_sum_over_members(archive):
    lines = [f"{n}  {hashlib.sha256(c).hexdigest()}\n" for n, c in (("a.txt", b"alpha"), ("b.txt", b"beta" * 1000))]
    assert members_sum(archive, PATTERN) == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_sum_ignores_order_and_prefix(tmp_path):
    official = {f"release-1/{n.removeprefix('./')}": c for n, c in reversed(FILES.items())}
    assert members_sum(make(tmp_path / "b.gz", official), PATTERN) == members_sum(make(tmp_path / "a.zip"), PATTERN)


def test_sum_sees_every_change(tmp_path):
    changed = members_sum(make(tmp_path / "b.zip", {**FILES, "top/data/b.txt": b"beta"}), PATTERN)
    assert changed != members_sum(make(tmp_path / "a.zip"), PATTERN)


@pytest.mark.parametrize("keep", [0.5, 0.0])
def test_truncated_archive(archive, keep):
    content = archive.read_bytes()
    archive.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(BadArchive):
        members_sum(archive, PATTERN)


def test_flipped_byte_in_a_zip(tmp_path):
    path = make(tmp_path / "a.zip", {"data/a.txt": bytes(range(256)) * 50})
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(BadArchive):
        members_sum(path, PATTERN)
