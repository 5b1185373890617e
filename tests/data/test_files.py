import gzip
import hashlib
import os
import zipfile

import pytest

from rnnbench.data import files, manifest
from rnnbench.data.archives import members_sum
from rnnbench.data.manifest import Entry
from rnnbench.errors import UserError

CONTENT = b"published bytes" * 100
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def publish(monkeypatch, tmp_path):
    """Makes the manifest hold exactly the given entry, and no attempt be repeated."""
    monkeypatch.setattr(files, "RETRIES", 0)

    def become(*entries):
        monkeypatch.setattr(manifest, "entries", lambda: {e.name: e for e in entries})
        return tmp_path / "data"

    return become


def plain(url="http://127.0.0.1:9/a.bin", **more):
    return Entry(**{"name": "a", "file": "set/a.bin", "url": url, "licence": "-", "bytes": 1500, "sha256": SHA, **more})


def put(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("name", "content"), [("a.bin", CONTENT), ("a.bin.gz", gzip.compress(CONTENT, mtime=0))])
def test_local_file_plain_or_gzipped(publish, name, content):
    folder = publish(plain())
    path = put(folder, f"set/{name}", content)
    assert files.fetch("a", folder) == files.locate("a", folder) == path
    assert files.read("a", folder) == CONTENT


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.bin", CONTENT[:-1]),
        ("a.bin", b""),
        ("a.bin.gz", gzip.compress(CONTENT, mtime=0)[:-9]),
        ("a.bin.gz", b"not gzip"),
        ("a.bin.gz", gzip.compress(CONTENT + b"x", mtime=0)),
    ],
)
def test_corrupt_local_file_is_reported_and_left_alone(publish, server, name, content):
    folder = publish(plain(f"{server.url}/a.bin"))
    put(server.folder, "a.bin", CONTENT)
    path = put(folder, f"set/{name}", content)
    with pytest.raises(UserError) as caught:
        files.fetch("a", folder)
    message = str(caught.value)
    assert str(path) in message
    assert SHA in message
    assert server.url in message
    assert "\n" not in message
    assert path.read_bytes() == content
    assert server.requests == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_unreadable_file(publish):
    folder = publish(plain())
    put(folder, "set/a.bin", CONTENT).chmod(0)
    with pytest.raises(UserError, match="cannot be read"):
        files.fetch("a", folder)


def test_download(publish, server):
    folder = publish(plain(f"{server.url}/a.bin"))
    put(server.folder, "a.bin", CONTENT)
    path = files.fetch("a", folder)
    assert path == folder / "set/a.bin"
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o044 == 0o044  # others may read it
    assert [p.name for p in path.parent.iterdir()] == ["a.bin"]  # nothing left over
    files.fetch("a", folder)
    assert len(server.requests) == 1


def test_download_of_a_gzipped_file(publish, server):
    folder = publish(plain(f"{server.url}/b.bin.gz"))
    put(server.folder, "b.bin.gz", gzip.compress(CONTENT, mtime=0))
    assert files.fetch("a", folder) == folder / "set/a.bin.gz"
    assert files.read("a", folder) == CONTENT


def archived(server, name, file, member, content):
    sha256 = hashlib.sha256(content).hexdigest()
    return Entry(name, file, f"{server.url}/all.zip", "-", len(content), sha256, archive_member=member)


def test_members_of_one_archive_are_downloaded_once(publish, server):
    with zipfile.ZipFile(server.folder / "all.zip", "w") as archive:
        archive.writestr("./x/a.txt", b"alpha")
        archive.writestr("x/b.txt", b"beta")
    folder = publish(
        archived(server, "a", "set/a.txt", "x/a.txt", b"alpha"), archived(server, "b", "set/b.txt", "x/b.txt", b"beta")
    )
    assert files.fetch("a", folder).read_bytes() == b"alpha"
    assert files.fetch("b", folder).read_bytes() == b"beta"
    assert len(server.requests) == 1


def test_archive_with_another_member_than_published(publish, server):
    with zipfile.ZipFile(server.folder / "all.zip", "w") as archive:
        archive.writestr("x/a.txt", b"ALPHA")
    folder = publish(archived(server, "a", "set/a.txt", "x/a.txt", b"alpha"))
    with pytest.raises(UserError, match=r"sent something else"):
        files.fetch("a", folder)
    assert not [p for p in folder.rglob("*") if p.is_file()]  # neither the file nor the archive is kept


def test_whole_archive_official_or_repacked(publish, server):
    pattern = r"(?:^|/)([^/]+\.wav)$"
    with zipfile.ZipFile(server.folder / "v1.zip", "w") as archive:
        for name in ("repo-1/README", "repo-1/rec/2.wav", "repo-1/rec/1.wav"):
            archive.writestr(name, name[-5:])
    total = members_sum(server.folder / "v1.zip", pattern)
    more = {"sha256": None, "members": pattern, "members_sha256": total}
    folder = publish(Entry("a", "set/packed.zip", f"{server.url}/v1.zip", "-", 9, **more))
    assert files.fetch("a", folder) == folder / "set/packed.zip"
    # the same by hand, under the official name
    (folder / "set/packed.zip").rename(folder / "set/v1.zip")
    assert files.fetch("a", folder) == folder / "set/v1.zip"
    # and repacked: other order, no prefix
    (folder / "set/v1.zip").unlink()
    with zipfile.ZipFile(folder / "set/packed.zip", "w") as archive:
        archive.writestr("1.wav", "1.wav")
        archive.writestr("2.wav", "2.wav")
    assert files.fetch("a", folder) == folder / "set/packed.zip"
    put(folder, "set/packed.zip", b"PK nonsense")
    with pytest.raises(UserError, match="corrupt"):
        files.fetch("a", folder)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("{url}/none.bin", "404"),
        ("{url}/wrong.bin", "something else"),
        ("{url}/cut/a.bin", "failed"),
        ("{url}/plain.gz", "something else"),
        ("http://127.0.0.1:1/a.bin", "refused"),
        ("nonsense://x/a.bin", "something else"),
    ],
)
def test_failed_download_says_what_to_do(publish, server, address, reason):
    folder = publish(plain(address.format(url=server.url)))
    put(server.folder, "wrong.bin", b"sorry, moved")
    put(server.folder, "plain.gz", b"not gzip")
    with pytest.raises(UserError) as caught:
        files.fetch("a", folder)
    message = str(caught.value)
    for part in (address.format(url=server.url), SHA, str(folder / "set/a.bin"), reason):
        assert part in message
    assert "\n" not in message
    assert not [p for p in folder.rglob("*") if p.is_file()]


def test_bad_archive_download(publish, server):
    put(server.folder, "all.zip", b"<html>sorry</html>")
    folder = publish(archived(server, "a", "set/a.txt", "x/a.txt", b"alpha"))
    with pytest.raises(UserError, match="bad archive"):
        files.fetch("a", folder)


def test_data_folder_that_cannot_be_made(publish, server, tmp_path):
    publish(plain(f"{server.url}/a.bin"))
    put(server.folder, "a.bin", CONTENT)
    put(tmp_path, "file", b"")
    with pytest.raises(UserError, match="put the file at"):
        files.fetch("a", tmp_path / "file")


def test_data_folder_by_argument_environment_default(monkeypatch, tmp_path):
    monkeypatch.setenv("RNNBENCH_DATA", str(tmp_path / "env"))
    assert files.data_folder("given").name == "given"
    assert files.data_folder(None) == tmp_path / "env"
    monkeypatch.delenv("RNNBENCH_DATA")
    assert files.data_folder(None).name == "data"


@pytest.mark.parametrize("name", ["jsb", "etth1", "exchange_rate", "mnist_t10k_labels_idx1_ubyte", "fsdd"])
def test_published_files(real_data, name):
    path = files.locate(name, real_data)
    if path is None:
        pytest.skip(f"{name} is not in the data folder")
    files.verify(name, path)
