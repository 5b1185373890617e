import re

import pytest

from rnnbench.data.manifest import entries, entry
from rnnbench.errors import UserError


def test_every_entry_can_be_checked():
    assert len(entries()) > 60
    for found in entries().values():
        assert re.fullmatch(r"[0-9a-f]{64}", found.expected), found.name
        assert found.url.startswith(("https://", "http://"))
        assert bool(found.sha256) != bool(found.members_sha256)
        assert bool(found.members) == bool(found.members_sha256)
        assert not found.file.startswith("/")
        assert ".." not in found.file
        assert found.bytes > 0
        assert found.licence


def test_files_and_names_are_unique():
    files = [found.file for found in entries().values()]
    assert len(set(files)) == len(files)


@pytest.mark.parametrize("absent", ["muse_data", "etth2"])
def test_files_that_development_never_had_are_known(absent):
    assert entry(absent).sha256


def test_wrong_name_says_the_nearest():
    with pytest.raises(UserError, match="muse_data"):
        entry("musedata")
