"""Every file in conf/ composes, and trains two steps."""

import os
from pathlib import Path

import pytest
import torch
import yaml

from rnnbench.cli import main
from rnnbench.data.files import locate
from rnnbench.data.listing import dataset_files
from rnnbench.records.load import load_runs

CONF = Path(__file__).parents[1] / "conf"
OPTIONS = sorted((path.parent.name, path.stem) for path in CONF.glob("*/[!_]*.yaml"))
DEVICES = {"gpu", "ddp", "ddp_cpu"}  # their processes start this very command again: see tests/training
SMALL = {
    "model": ["model=rnn", "model.hidden_size=3"],
    "dataset": ["dataset=digits"],
    "debug": ["debug=two_steps"],
    "logger": ["logger=none"],
    "trainer": ["trainer=default"],
    "epochs": ["trainer.max_epochs=1"],
}
SIZES = ["dataset.train_size=100", "dataset.valid_size=20", "dataset.test_size=20", "dataset.length=12"]
EXTRA = {
    ("model", "gru_sum"): ["model.hidden_size=8"],  # as wide as its input
    ("model", "intersection_rnn"): ["model.hidden_size=8"],  # likewise
    ("model", "clockwork_rnn"): ["model.hidden_size=4"],  # a unit for each of its periods
    ("model", "lstmp"): ["model.cell.proj_size=2"],
    ("dataset", "adding"): SIZES,
    ("dataset", "adding30"): SIZES,
    ("dataset", "copy_memory"): SIZES,
    ("dataset", "selective_copy"): SIZES,
    ("dataset", "arithmetic"): SIZES[:3],
    ("dataset", "tags"): SIZES[:3],
    ("dataset", "embedded_reber"): SIZES[:3],
    ("dataset", "long_lag"): [*SIZES[:3], "dataset.lag=5", "dataset.distractors=4"],
    ("dataset", "two_sequence"): SIZES,
    ("dataset", "temporal_order"): [*SIZES[:3], "dataset.length=20"],
    ("dataset", "csv"): ["dataset.path=prices.csv", "dataset.window=4"],
    ("task", "regression"): ["dataset=adding", *SIZES],
    ("task", "polyphonic"): ["dataset=jsb"],
    ("budget", "params_20k"): ["model=rnn"],
    ("debug", "anomaly"): ["debug.limit_batches=1"],
}


def ids(option):
    return "/".join(option)


def small(group, name):
    """A tiny training of one option among defaults that take no time."""
    parts = [line for other, lines in SMALL.items() if other != group for line in lines]
    if group == "model":
        parts.append("model.hidden_size=3")
    if group == "budget":
        parts.remove("model.hidden_size=3")
    return [*parts, f"{group}={name}", *EXTRA.get((group, name), [])]


def need_data(group, name):
    dataset = {("task", "polyphonic"): "jsb"}.get((group, name), name if group == "dataset" else "")
    for file in dataset_files().get(dataset, ()):
        if locate(file, os.environ.get("RNNBENCH_DATA")) is None:
            pytest.skip(f"{file} is not in the data folder (RNNBENCH_DATA)")


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    if data := os.environ.get("RNNBENCH_DATA"):
        monkeypatch.setenv("RNNBENCH_DATA", str(Path(data).resolve()))
    monkeypatch.setenv("RNNBENCH_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prices.csv").write_text("price\n" + "\n".join(str(i % 7 + i / 50) for i in range(200)))


@pytest.mark.parametrize("option", [o for o in OPTIONS if o[1] not in DEVICES and o[0] != "experiment"], ids=ids)
def test_an_option_trains_two_steps(option, tmp_path, capsys):
    need_data(*option)
    overrides = small(*option)
    assert main(["train", *overrides]) == 0, capsys.readouterr().err
    (run,) = load_runs(tmp_path / "runs")
    assert run.record is not None
    assert run.status == "finished"
    assert run.record["steps"] == {"debug/none": 17, "debug/anomaly": 1}.get(ids(option), 2)
    if option[0] in ("model", "dataset", "task"):
        assert run.record[option[0]] == option[1]


@pytest.mark.parametrize("path", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_an_experiment_trains_two_steps_of_a_job(path, tmp_path, capsys):
    few = ["hydra.sweeper.params=null", "hydra.launcher.n_jobs=1", "model.hidden_size=3", "trainer.max_epochs=1"]
    code = main(["train", "-m", f"experiment={path.stem}", "debug=two_steps", *few])
    assert code == 0, capsys.readouterr().err
    (run,) = load_runs(tmp_path / "runs")
    assert run.status == "finished"


def test_the_quickstart_is_thirty_jobs_for_two_workers(capfd):
    assert main(["train", "-m", "experiment=quickstart", "dry_run=true"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert sum(line.startswith("[") for line in lines) == 2 * 5 * 3
    assert main(["train", "experiment=quickstart", "--cfg", "hydra"]) == 0
    assert "n_jobs: 2" in capfd.readouterr().out


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_a_choice_of_devices_composes(name, capfd):
    assert main(["train", f"trainer={name}", "--cfg", "job"]) == 0
    config = yaml.safe_load(capfd.readouterr().out)
    assert config["trainer"]["accelerator"] == ("cpu" if name == "ddp_cpu" else "gpu")
    assert config["trainer"]["max_epochs"] == 20  # that of the default


@pytest.mark.gpu
def test_the_gpu_trains_two_steps(tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    assert main(["train", *small("trainer", "gpu")]) == 0
    (run,) = load_runs(tmp_path / "runs")
    assert run.status == "finished"


def test_every_file_is_named_as_it_is_called():
    names = {}
    for group, stem in OPTIONS:
        content = yaml.safe_load((CONF / group / f"{stem}.yaml").read_text())
        if group in ("model", "dataset", "task"):
            names[group, stem] = content["name"]
    assert [(option, name) for option, name in names.items() if option[1] != name] == []


def test_every_file_says_in_words_what_it_is_or_is_its_groups_default():
    silent = []
    for group, stem in OPTIONS:
        if group in ("model", "dataset", "experiment"):
            first = (CONF / group / f"{stem}.yaml").read_text().splitlines()
            if not any(line.startswith("# ") for line in first[:2]):
                silent.append((group, stem))
    assert silent == []


def test_the_defaults_of_conf_and_schema_are_one():
    from rnnbench.schema import Budget, Debug, Logger, Paths, Trainer

    defaults = yaml.safe_load((CONF / "train.yaml").read_text())["defaults"]
    chosen = {key: name for entry in defaults if isinstance(entry, dict) for key, name in entry.items()}
    for group, cls in {"trainer": Trainer, "budget": Budget, "logger": Logger, "debug": Debug, "paths": Paths}.items():
        assert yaml.safe_load((CONF / group / f"{chosen[group]}.yaml").read_text()) == vars(cls()), group
