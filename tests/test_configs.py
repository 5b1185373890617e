"""Every file in conf/ composes, and trains two steps."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import yaml

from rnnbench.cli import main
from rnnbench.data.files import locate
from rnnbench.data.listing import dataset_files
from rnnbench.records.load import load_runs
from rnnbench.training.compose import Composer
from rnnbench.training.plan import make_plan

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
    ("dataset", "text_csv"): ["dataset.path=texts.csv"],
    ("dataset", "connected_digits"): ["dataset.train_size=32", "dataset.valid_size=8", "dataset.test_size=8"],
    ("dataset", "mnist"): ["dataset.batch_size=8", "dataset.eval_batch_size=8"],
    ("dataset", "imdb"): ["dataset.max_length=20", "dataset.max_words=5000"],
    ("dataset", "text_file"): ["dataset.path=story.txt"],
    ("task", "language_modelling"): ["dataset=text_file", "dataset.path=story.txt"],
    ("task", "regression"): ["dataset=adding", *SIZES],
    ("dataset", "conll"): ["dataset.path=tags.conll", "task=entities"],
    ("dataset", "ts"): ["dataset.path=series.ts", "dataset.test_path=series.ts"],
    ("dataset", "multi30k"): ["dataset.eval_batch_size=8", "task.beam=1"],
    ("dataset", "parallel_text"): ["dataset.path=pairs.tsv"],
    ("task", "translation"): ["dataset=parallel_text", "dataset.path=pairs.tsv"],
    ("task", "text_classification"): ["dataset=sentences"],
    ("task", "entities"): ["dataset=conll", "dataset.path=tags.conll"],
    ("task", "tagging"): ["dataset=conll", "dataset.path=words.conll"],
    ("task", "polyphonic"): ["dataset=jsb"],
    ("task", "transcription"): ["dataset=connected_digits", "dataset.train_size=32", *SIZES[1:3]],
    ("task", "next_symbols"): ["dataset=embedded_reber", "dataset.possible=true", *SIZES[:3]],
    ("task", "forecasting"): ["dataset=price_walk"],
    ("budget", "params_20k"): ["model=rnn"],
    ("debug", "anomaly"): ["debug.limit_batches=1"],
}


STANDS_FOR = {"logistic_units": "classification"}  # another form of a task, by whose name data ask for it
FILES = dataset_files()
PACKAGES = {"sp500": "arch", "nasdaq": "arch", "seattle_weather": "vega_datasets"}


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
    if (package := PACKAGES.get(name)) and find_spec(package) is None:
        pytest.skip(f"package {package} is not installed")
    of_others = {("task", "polyphonic"): "jsb", ("task", "transcription"): "connected_digits"}
    dataset = of_others.get((group, name), name if group == "dataset" else "")
    for file in FILES.get(dataset, ()):
        if locate(file, os.environ.get("RNNBENCH_DATA")) is None:
            pytest.skip(f"{file} is not in the data folder (RNNBENCH_DATA)")


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    if data := os.environ.get("RNNBENCH_DATA"):
        monkeypatch.setenv("RNNBENCH_DATA", str(Path(data).resolve()))
    monkeypatch.setenv("RNNBENCH_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    texts = "".join(f"day {i} is {kind},{kind}\n" for i in range(40) for kind in ("fine", "poor"))
    (tmp_path / "texts.csv").write_text(f"text,label\n{texts}")
    (tmp_path / "story.txt").write_text("once upon a time\n" * 150)
    (tmp_path / "tags.conll").write_text("Ada B-person\nwrote O\n\n" * 90)
    (tmp_path / "words.conll").write_text("Ada NOUN\nwrote VERB\n\n" * 90)
    (tmp_path / "pairs.tsv").write_text("ein Tag\ta day\n" * 90)
    (tmp_path / "series.ts").write_text("@classLabel true\n@data\n" + "1,2:a\n2,1,0:b\n" * 20)
    (tmp_path / "prices.csv").write_text("price\n" + "\n".join(str(i % 7 + i / 50) for i in range(200)))


LONG = {("dataset", "imdb"), ("dataset", "wikitext2"), ("dataset", "multi30k")}  # that take long to read
TRIED = [
    pytest.param(option, marks=pytest.mark.slow if option in LONG else (), id=ids(option))
    for option in OPTIONS
    if option[1] not in DEVICES and option[0] != "experiment"
]


@pytest.mark.parametrize("option", TRIED)
def test_an_option_trains_two_steps(option, tmp_path, capsys):
    need_data(*option)
    overrides = small(*option)
    assert main(["train", *overrides]) == 0, capsys.readouterr().err
    (run,) = load_runs(tmp_path / "runs")
    assert run.record is not None
    assert run.status == "finished"
    assert run.record["steps"] == {"debug/none": 17, "debug/anomaly": 1}.get(ids(option), 2)
    if option[0] in ("model", "dataset", "task"):
        # output units bear the name of the problem that they are used for
        assert run.record[option[0]] == STANDS_FOR.get(option[1], option[1])


WORDS = ["dataset=conll", "dataset.path=words.conll", "task=tagging"]
PARTS = {
    "composition/crf": WORDS,
    "composition/none": WORDS,
    "encoder/cnn": ["dataset=digits"],
    "encoder/embedding": WORDS,
    "encoder/none": [],
    "encoder/words_characters": [*WORDS, "dataset.characters=4"],
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_task_trains_two_steps(part, tmp_path, capsys):
    group, name = part.split("/")
    fixed = [line for key, lines in SMALL.items() if key != "dataset" for line in lines]
    overrides = [*fixed, *(PARTS[part] or SMALL["dataset"]), f"task/{group}={name}"]
    assert main(["train", *overrides]) == 0, capsys.readouterr().err
    (run,) = load_runs(tmp_path / "runs")
    assert run.record is not None
    assert (run.status, run.record["steps"]) == ("finished", 2)


EVERYWHERE = {
    "digits": [],
    "adding": SIZES,
    "price_walk": [],
    "sentences": [],
    "connected_digits": ["dataset.train_size=32", *SIZES[1:3]],
}


@pytest.mark.parametrize("dataset", EVERYWHERE)
def test_two_layers_in_both_directions_under_attention_train_two_steps(dataset, tmp_path, capsys):
    need_data("dataset", dataset)
    fixed = [line for key, lines in SMALL.items() if key != "dataset" for line in lines]
    parts = ["model.num_layers=2", "model.bidirectional=true"]
    parts += [] if dataset == "connected_digits" else ["task.pooling=attention"]  # it has outputs at every step
    parts += [] if dataset == "sentences" else ["task/encoder=cnn"]
    assert main(["train", *fixed, f"dataset={dataset}", *EVERYWHERE[dataset], *parts]) == 0, capsys.readouterr().err
    (run,) = load_runs(tmp_path / "runs")
    assert run.record is not None
    assert (run.status, run.record["steps"]) == ("finished", 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dataset=jsb", "model.bidirectional=true"], "bidirectional=True: targets are inputs to come"),
        (["dataset=embedded_reber", "model.bidirectional=true"], "bidirectional=True: targets are inputs to come"),
        (["dataset=arithmetic", "model.bidirectional=true"], "bidirectional=True: targets are inputs to come"),
        (["dataset=text_file", "dataset.path=story.txt", "model.bidirectional=true"], "the state is carried"),
        (["dataset=selective_copy", "task.pooling=attention"], "task.pooling=attention: every step has a target"),
        (["dataset=jsb", "task/encoder=cnn"], "encoder.causal=False: targets are inputs to come"),
        (["dataset=selective_copy", "task/encoder=cnn", "task.encoder.stride=2"], "encoder.stride=2: every step"),
        (["dataset=sentences", "task/encoder=cnn"], "are ids of tokens"),
        (["dataset=price_walk", "task.strategy=recursive", "task/encoder=cnn"], "task.encoder: reads whole windows"),
        (["model.share_layers=true"], "share_layers=True: num_layers=1 has no two layers"),
    ],
)
def test_what_makes_no_sense_is_one_line(words, message, capsys):
    assert main(["train", *words, "dry_run=true"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_every_part_of_a_task_is_tried():
    assert sorted(f"{path.parent.name}/{path.stem}" for path in (CONF / "task").glob("*/*.yaml")) == sorted(PARTS)


@pytest.mark.parametrize("path", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_an_experiment_trains_two_steps_of_a_job(path, tmp_path, capsys):
    entries = [entry for entry in yaml.safe_load(path.read_text())["defaults"] if isinstance(entry, dict)]
    chosen = {key.removeprefix("override /"): name for entry in entries for key, name in entry.items()}
    need_data("dataset", {"forecasting": "airline"}.get(path.stem) or chosen.get("dataset", ""))
    few = ["hydra.sweeper.params=null", "model.hidden_size=3", "trainer.max_epochs=1"]
    few += ["hydra.launcher.n_jobs=1"] if "hydra/launcher" in chosen else []
    few += {
        "forecasting": ["dataset=airline", "budget.params=null"],
        "connected_digits": ["dataset.train_size=32", *SIZES[1:3]],
        "multi30k": ["dataset.eval_batch_size=8", "task.beam=1"],
    }.get(path.stem, [])
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


def test_zaremba_halves_the_rate_after_each_epoch_from_the_fourth_on():
    plan = make_plan(Composer().one(["experiment=zaremba_small"]))
    optimizer = plan.optimizer([torch.nn.Parameter(torch.zeros(1))])
    schedule, rates = plan.scheduler(optimizer), []
    for _ in range(plan.config["trainer"]["max_epochs"]):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert [rate / 20 for rate in rates] == [1.0] * 4 + [
        0.5**k for k in range(1, 10)
    ]  # a mean, not a sum, over 20 steps
    assert plan.parameters["backbone"] == 2 * 4 * (2 * 200 * 200 + 2 * 200)
    assert plan.parameters["head"] == 200 * 10_000 + 10_000


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
    assert [(option, name) for option, name in names.items() if STANDS_FOR.get(option[1], option[1]) != name] == []


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
