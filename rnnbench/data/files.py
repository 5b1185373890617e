"""Published files: found in the data folder, else downloaded; always checked; never changed once there.

A file that is present and wrong is reported and left alone: it may be the user's only copy of something.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import Any

from rnnbench.data.archives import BadArchive, copy_member, members_sum
from rnnbench.data.manifest import Entry, entry
from rnnbench.errors import UserError

CHUNK = 1 << 20
TIMEOUT = 30  # seconds without an answer, per attempt
RETRIES = 2

log = logging.getLogger(__name__)


def data_folder(data_dir: str | Path | None) -> Path:
    """``data_dir``, else the environment's ``RNNBENCH_DATA``, else ``data`` in the working directory."""
    return Path(data_dir or os.environ.get("RNNBENCH_DATA") or "data").expanduser()


def locate(name: str, data_dir: str | Path | None) -> Path | None:
    """The file called ``name`` in the data folder, unchecked: as published, gzipped, or None."""
    found = entry(name)
    target = data_folder(data_dir) / found.file
    candidates = [target, target.with_name(target.name + ".gz")]
    if found.members_sha256:
        candidates.append(target.with_name(found.basename))  # the archive under its official name
    return next((path for path in candidates if path.is_file()), None)


def digest(found: Entry, path: Path) -> str:
    """The sum of the file at ``path`` by the entry's rule; a word in its place when it cannot be unpacked."""
    if found.members and found.members_sha256:
        try:
            return members_sum(path, found.members)
        except BadArchive:
            return "none: unreadable archive"
    try:
        with gzip.open(path) if path.name == Path(found.file).name + ".gz" else path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return "none: truncated or not gzip"


def verify(name: str, path: Path) -> None:
    """Check a file against the manifest. Raises ``UserError`` when it is not the published one."""
    found = entry(name)
    try:
        actual = digest(found, path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {_first_line(error)}") from error
    if actual != found.expected:
        raise UserError(
            f"{path} is corrupt: sha256 {actual}, expected {found.expected}; move it away and run again, "
            f"or replace it by hand from {_origin(found)}"
        )


def fetch(name: str, data_dir: str | Path | None) -> Path:
    """The verified path of a file, downloaded first when it is absent. Raises ``UserError``."""
    path = locate(name, data_dir)
    if path is None:
        return _download(entry(name), data_folder(data_dir))
    verify(name, path)
    return path


def read(name: str, data_dir: str | Path | None) -> bytes:
    """The verified, unpacked bytes of a file, downloaded first when it is absent. Raises ``UserError``."""
    path = fetch(name, data_dir)
    if path.name == Path(entry(name).file).name + ".gz":
        with gzip.open(path) as stream:
            return stream.read()
    return path.read_bytes()


def _origin(found: Entry) -> str:
    return found.url + (f" (member {found.archive_member})" if found.archive_member else "")


def _download(found: Entry, folder: Path) -> Path:
    """Download, check and put in place in one step, so that no half file is ever seen."""
    gzipped = found.url.endswith(".gz") and not found.archive_member and not found.members_sha256
    target = folder / (found.file + (".gz" if gzipped else ""))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as scratch:
            got = _unpacked(found, folder, Path(scratch), target.name)
            actual = digest(found, got)
            if actual != found.expected:
                raise _failure(found, folder, f"sent something else: sha256 {actual}")
            got.chmod(0o644)  # a temporary file is its owner's alone; a data folder may be shared
            os.replace(got, target)
    except BadArchive as error:
        raise _failure(found, folder, f"sent a bad archive: {error}") from error
    except OSError as error:  # the network's errors are OSErrors too
        raise _failure(found, folder, f"failed: {_first_line(error)}") from error
    return target


def _unpacked(found: Entry, folder: Path, scratch: Path, filename: str) -> Path:
    """The file in ``scratch``, out of its archive where it has one; a good archive is kept for its other members."""
    if not found.archive_member:
        return _retrieve(found.url, scratch, filename, found.sha256 if filename == Path(found.file).name else None)
    kept = folder / "archives" / found.basename
    archive = kept if kept.is_file() else _retrieve(found.url, scratch, found.basename, None)
    got = scratch / f"member-{filename}"
    with got.open("wb") as out:
        copy_member(archive, found.archive_member, out, found.bytes)
    if archive != kept and digest(found, got) == found.expected:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(archive, kept)
    return got


def _retrieve(url: str, folder: Path, filename: str, sha256: str | None) -> Path:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    log.info("downloading %s", url)
    hub = pooch.create(
        path=folder,
        base_url="",
        registry={filename: f"sha256:{sha256}" if sha256 else None},
        urls={filename: url},
        retry_if_failed=RETRIES,
    )
    downloader: Any = pooch.HTTPDownloader(timeout=TIMEOUT)
    try:
        return Path(hub.fetch(filename, downloader=downloader))
    except ValueError as error:  # pooch's word for a wrong sum
        raise OSError(f"the address sent something else ({_first_line(error)})") from error


def _failure(found: Entry, folder: Path, what: str) -> UserError:
    where = (folder / found.file).absolute()
    return UserError(
        f"{where.name}: download from {_origin(found)} {what}; expected sha256 {found.expected}; "
        f"to go on without a network put the file at {where}"
    )


def _first_line(error: Exception) -> str:
    cause = getattr(error.args[0], "reason", None) if error.args else None  # requests wraps what urllib3 found
    return (str(cause or error) or type(error).__name__).splitlines()[0]
