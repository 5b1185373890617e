import os
import subprocess
import sys
from pathlib import Path

import pytest

from rnnbench.layers.fused import build
from rnnbench.layers.fused.build import BuildError

SOURCE = '#include "kernel.hpp"\nextern "C" int64 answer() { return 42; }\n'
MEMORY = (build.compiler, build._machine, build.trouble, build.runtime)


@pytest.fixture(autouse=True)
def forget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A cache folder of its own, and no memory of what was found before or in here."""
    monkeypatch.setenv("RNNBENCH_CACHE", str(tmp_path / "cache"))
    for function in MEMORY:
        function.cache_clear()
    yield
    for function in MEMORY:
        function.cache_clear()


def test_a_built_library_is_used_again():
    assert build.build(SOURCE, "float").answer() == 42
    (library,) = build.folder().glob("*.so")
    before = library.stat().st_mtime_ns
    assert build.build(SOURCE, "float").answer() == 42
    assert [path.stat().st_mtime_ns for path in build.folder().iterdir()] == [before]


def test_number_source_compiler_and_its_options_each_make_another_library(monkeypatch: pytest.MonkeyPatch):
    build.build(SOURCE, "float")
    build.build(SOURCE, "double")
    build.build(SOURCE + "// other\n", "float")
    monkeypatch.setenv("CXX", f"{build.compiler()[0]} -DOTHER")
    build.compiler.cache_clear()
    build._machine.cache_clear()
    build.build(SOURCE, "float")
    assert len(list(build.folder().glob("*.so"))) == 4


def executable(path: Path, text: str) -> str:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def test_no_compiler_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CXX", "/nonexistent")
    assert build.trouble() == "CXX=/nonexistent: no such program"
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path))
    for function in MEMORY:
        function.cache_clear()
    assert build.trouble() == "no C++ compiler found: install g++ or clang++, or name one in CXX"


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("exit 1", "failed without a word"),
        ('echo "In file included" >&2; echo "x.cpp:1: error: no" >&2; exit 1', "x.cpp:1: error: no"),
        ('echo "only this"; exit 1', "only this"),
    ],
)
def test_a_failing_compiler_is_quoted(script: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = executable(tmp_path / "c++", script)
    monkeypatch.setenv("CXX", program)
    assert build.trouble() == f"{program}: {complaint}"
    assert list(build.folder().iterdir()) == []


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RNNBENCH_CACHE", str(tmp_path / "file"))
    reason = build.trouble()
    assert reason is not None
    assert "\n" not in reason
    assert "RNNBENCH_CACHE names a folder" in reason


def test_a_broken_library_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    build.build(SOURCE, "float")
    (library,) = build.folder().glob("*.so")
    monkeypatch.setenv("RNNBENCH_CACHE", str(tmp_path / "other"))
    build.folder().mkdir(parents=True)
    (build.folder() / library.name).write_text("no library")
    with pytest.raises(BuildError, match="RNNBENCH_CACHE names a folder"):
        build.build(SOURCE, "float")


AUTO = """
import warnings
from rnnbench.cells import GRU, LSTM
from rnnbench.layers import Recurrent
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    print(Recurrent(LSTM, 3, 5).engine, Recurrent(GRU, 3, 5).engine, Recurrent(LSTM, 3, 6).engine)
print(*(str(warning.message) for warning in seen), sep="\\n")
try:
    Recurrent(LSTM, 3, 5, engine="fused")
except ValueError as error:
    print(error)
"""


def test_without_a_compiler_auto_is_the_loop_and_says_so_once():
    done = subprocess.run(
        [sys.executable, "-c", AUTO],
        env={**os.environ, "CXX": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "loop loop loop",
        "the fused engine cannot be built, the loop runs instead: CXX=/nonexistent: no such program",
        "engine='fused': CXX=/nonexistent: no such program; must be one of 'auto', 'loop'",
    ]


def test_two_processes_may_build_at_once():
    program = f"from rnnbench.layers.fused import build\nprint(build.build({SOURCE!r}, 'double').answer())"
    command = [sys.executable, "-c", program]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in running] == ["42", "42"]
    assert [path.suffix for path in build.folder().iterdir()] == [".so"]


def test_the_default_folder_is_the_users(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("RNNBENCH_CACHE")
    assert build.folder().parts[-2:] == ("rnnbench", "fused")


@pytest.mark.parametrize("number", ["float", "double"])
def test_the_runtime_compiles_without_warnings(number: str, tmp_path: Path):
    command = [*build.compiler(), *build.FLAGS, "-Wall", "-Wno-psabi", f"-DNUMBER={number}", "-Werror"]
    source = Path(build.__file__).with_name("runtime.cpp")
    done = subprocess.run([*command, str(source), "-o", str(tmp_path / "r.so")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
