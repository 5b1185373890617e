"""The wheel, installed apart from the checkout, works from another folder."""

import os
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from rnnbench import __version__

ROOT = Path(__file__).parents[1]
TINY = ["model.hidden_size=3", "debug=two_steps", "trainer.max_epochs=1", "logger=none"]

CELL = '''
from dataclasses import dataclass
from rnnbench.cells import RNN

@dataclass(frozen=True)
class MyCell(RNN):
    """A user's own."""
'''
CELL_YAML = """
name: mine
_target_: rnnbench.layers.Recurrent
cell: {_target_: my_cells.MyCell, _partial_: true, nonlinearity: tanh}
hidden_size: 4
"""
DATASET = '''
from rnnbench.data import Digits

class MyDigits(Digits):
    """A user's own."""
    version = 7
'''
DATASET_YAML = """
defaults: [{override /task@_global_.task: classification}]
name: my_digits
_target_: my_data.MyDigits
batch_size: 32
eval_batch_size: 360
"""

pytestmark = pytest.mark.slow


def call(*command, cwd):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("RNNBENCH", "PYTHON"))}
    return subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, env=env)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    done = call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory):
    """The folder of programs of an environment with the wheel in it and this one's libraries beside it."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    libraries = Path(call(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=folder).stdout.strip())
    done = call(
        *[sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel],
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    (libraries / "theirs.pth").write_text("\n".join(site.getsitepackages()))
    return folder / "bin"


@pytest.fixture
def installed(programs):
    return Path(
        call(programs / "python", "-c", "import rnnbench; print(rnnbench.__path__[0])", cwd=programs).stdout.strip()
    )


def snapshot(folder):
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts}


def test_the_wheel_holds_the_package_its_configs_and_papers_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    info = f"rnnbench-{__version__}.dist-info/"
    assert [name for name in names if not name.startswith(("rnnbench/", info))] == []
    for folder, inside in (
        ("conf", "rnnbench/conf"),
        ("experiments", "rnnbench/experiments"),
        ("rnnbench", "rnnbench"),
    ):
        tracked = call("git", "ls-files", folder, cwd=ROOT).stdout.split()
        assert tracked
        assert [path for path in tracked if inside + path.removeprefix(folder) not in names] == []


def test_it_is_the_wheel_that_runs(programs, installed, tmp_path):
    assert ROOT not in installed.parents
    done = call(programs / "rnnbench", "--version", cwd=tmp_path)
    assert done.stdout == f"rnnbench {__version__}\n"


def test_it_trains_and_tables_in_any_folder_and_leaves_itself_alone(programs, installed, tmp_path):
    before = snapshot(installed)
    rnnbench = programs / "rnnbench"
    sweep = call(rnnbench, "train", "-m", "model=gru,lstm", "seed=0,1", *TINY, cwd=tmp_path)
    assert sweep.returncode == 0, sweep.stderr
    assert "gru" in call(rnnbench, "table", cwd=tmp_path).stdout
    assert [p.name for p in tmp_path.iterdir()] == ["runs"]
    listed = call(rnnbench, "data", "list", cwd=tmp_path)
    assert "jsb" in listed.stdout
    assert snapshot(installed) == before


def test_its_papers_are_read_there_and_written_here(programs, installed, tmp_path):
    before = snapshot(installed)
    done = call(programs / "rnnbench", "reproduce", "chung2014", "--table-only", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "### Search" in done.stdout
    assert (tmp_path / "runs" / "papers" / "chung2014" / "README.md").exists()
    assert snapshot(installed) == before


def test_a_users_own_cell_and_data_set_need_no_fork(programs, tmp_path):
    for path, text in (
        ("my_cells.py", CELL),
        ("my_data.py", DATASET),
        ("my_conf/model/mine.yaml", CELL_YAML),
        ("my_conf/dataset/my_digits.yaml", DATASET_YAML),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    mine = ["--config-dir", "my_conf", "dataset=my_digits", "model=mine,rnn", *TINY]
    workers = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]  # other processes must find the modules too
    done = call(programs / "rnnbench", "train", "-m", *mine, *workers, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mine" in done.stdout
    assert "my_digits" in done.stdout
    helped = call(programs / "rnnbench", "train", "--config-dir", "my_conf", "--help", cwd=tmp_path)
    assert "mine" in helped.stdout


def test_an_own_module_that_is_missing_is_one_line(programs, tmp_path):
    (tmp_path / "my_conf" / "model").mkdir(parents=True)
    (tmp_path / "my_conf" / "model" / "mine.yaml").write_text(CELL_YAML)
    done = call(programs / "rnnbench", "train", "--config-dir", "my_conf", "model=mine", cwd=tmp_path)
    assert done.returncode == 2
    assert "my_cells" in done.stderr
    assert done.stderr.count("\n") == 1
