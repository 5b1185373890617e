"""The README's commands run as they are printed."""

import glob
import os
import re
import shlex
import subprocess
import wave
from pathlib import Path

import pytest

from rnnbench.cli import main
from rnnbench.data.files import locate

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
FILES = {found[1]: block for kind, block in BLOCKS if (found := re.match(r"# (\S+\.(?:py|yaml))\n", block))}
LINES = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines() if line.strip()]
LONG = [line for line in LINES if "--quick" in line]
CHECK = [line for line in LINES if "--check" in line]
PUBLISHED = {"jsb": "jsb", "connected_digits": "fsdd"}  # a word of a command, and the file that it needs
NEED_DATA = [line for line in LINES if any(word in line for word in PUBLISHED) and line not in LONG]
FREE = [line for line in LINES if line not in [*LONG, *CHECK, *NEED_DATA]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A reader's folder: runs go to ./runs, his own table lies there, and the files that the README shows."""
    if data := os.environ.get("RNNBENCH_DATA"):
        monkeypatch.setenv("RNNBENCH_DATA", str(Path(data).resolve()))
    monkeypatch.delenv("RNNBENCH_RUNS", raising=False)
    monkeypatch.chdir(tmp_path)
    hours = range(24 * 28)
    rows = [
        f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00,{50 + i % 24 + i / 100},{'rain' * (i % 2) or 'sun'}" for i in hours
    ]
    (tmp_path / "prices.csv").write_text("time,price,weather\n" + "\n".join(rows))
    with wave.open(str(tmp_path / "speech.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    (tmp_path / "story.txt").write_text("once upon a time there was a cat\n" * 60)
    (tmp_path / "pairs.tsv").write_text("ein Mann rennt\ta man runs\neine Katze\ta cat\n" * 60)
    for name, block in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(block)
    monkeypatch.syspath_prepend(str(tmp_path))  # taken out again at the end
    return tmp_path


def run(line, capsys):
    program, *arguments = shlex.split(line, comments=True)
    assert program == "rnnbench", line
    arguments = [word for argument in arguments for word in glob.glob(argument) or [argument]]  # as a shell does
    code = main(arguments)
    captured = capsys.readouterr()
    assert code == 0, f"{line}\n{captured.err}"
    return captured.out


def need(file):
    if locate(file, os.environ.get("RNNBENCH_DATA")) is None:
        pytest.skip(f"{file} is not in the data folder (RNNBENCH_DATA)")


def test_the_commands_and_then_the_python_run_in_their_order(folder, capsys):
    said = {line: run(line, capsys) for line in FREE}
    assert len(said) >= 8
    assert any("tabular" in text for text in said.values())
    assert set(FILES) == {"my_module.py", "my_conf/model/mycell.yaml", "my_paper/paper.yaml"}
    page = (folder / "my_paper" / "README.md").read_text()
    assert "14 of 14 runs recorded" in page
    assert "| gru is better than tanh on adding10 (section 4) |" in page
    assert main(["reproduce", "my_paper", "--check"]) == 0
    assert any("the contract holds" in text for text in said.values())
    assert any(re.search(r"mycell.*\(1/1\)", text) for line, text in said.items() if "model=mycell" in line)
    assert any("4 jobs: 4 finished" in text for text in said.values())
    assert any(text.startswith("once upon") for text in said.values())
    assert (folder / "runs" / "sweeps").is_dir()
    python = [block for kind, block in BLOCKS if kind == "python" and block not in FILES.values()]
    assert len(python) >= 2
    for block in python:
        exec(compile(block, "README.md", "exec"), {})
    assert "adding30" in capsys.readouterr().out  # the frame that the first block prints


@pytest.mark.parametrize(("word", "answers"), [("jsb", ["present", "nll"]), ("connected_digits", ["wer", "digits "])])
def test_the_commands_on_published_data_run(word, answers, folder, capsys):
    need(PUBLISHED[word])
    said = [run(line, capsys) for line in NEED_DATA if word in line]
    assert [answer for answer in answers if not any(answer in text for text in said)] == []


@pytest.mark.slow
@pytest.mark.parametrize("line", LONG)
def test_a_quick_form_runs_and_leaves_what_is_committed_alone(line, folder, capsys):
    need("jsb")
    committed = [ROOT / "experiments" / "chung2014", ROOT / "rnnbench" / "bench"]
    before = {path: path.read_bytes() for place in committed for path in place.glob("*.*")}
    said = run(line, capsys)
    assert {path: path.read_bytes() for place in committed for path in place.glob("*.*")} == before
    if "reproduce" in line:
        assert "| published |" in said
        assert list((folder / "runs" / "quick" / "chung2014").glob("records.csv"))
    else:
        assert "torchrecurrent" in said


@pytest.mark.parametrize("line", CHECK)
def test_the_committed_table_is_what_the_committed_records_give(line, folder, capsys):
    run(line, capsys)


# --- make


TARGETS = dict(re.findall(r"^([a-z-]+):.*?##\s*(.*)$", MAKEFILE, re.MULTILINE))


def test_make_help_lists_every_target():
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == set(TARGETS)
    assert all(TARGETS.values())
    done = subprocess.run(["make", "-C", str(ROOT), "--no-print-directory", "help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["make", target] for target in TARGETS]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_every_make_command_of_a_page_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)
    assert [name for name in found if name not in TARGETS] == []
    assert page != "README.md" or {"sweep", "test", "help", "paper", "tensorboard"} <= set(found)


def test_make_knows_the_commands_it_calls():
    for command in re.findall(r"\$\(BIN\)/rnnbench ([a-z]+)", MAKEFILE):
        assert command in {"train", "reproduce", "bench"}
    assert (ROOT / "conf" / "experiment" / "quickstart.yaml").exists()
    dry = subprocess.run(
        ["make", "-C", str(ROOT), "-n", "paper", "PAPER=x", "QUICK=1", "WORKERS=3"], capture_output=True, text=True
    )
    assert "rnnbench reproduce x --workers 3 --quick" in dry.stdout


# --- words


def test_links_lead_somewhere():
    for page in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("http")]
        assert [link for link in links if not (ROOT / link).exists()] == []


def test_options_named_in_the_text_exist():
    named = re.findall(r"`((?:trainer|budget|debug|model|dataset|hydra/launcher)=\w+)`", TEXT)
    assert named
    for option in named:
        group, name = option.split("=")
        assert group == "hydra/launcher" or (ROOT / "conf" / group / f"{name}.yaml").exists(), option
