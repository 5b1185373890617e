"""What the schema promises of every key, and that the command line keeps it."""

import dataclasses
import math

import pytest

from rnnbench import schema
from rnnbench.cli import main

SECTIONS = {
    "": schema.Config,
    **{f.name + ".": f.default_factory for f in dataclasses.fields(schema.Config) if callable(f.default_factory)},
}
FIELDS = [(prefix + f.name, f) for prefix, cls in SECTIONS.items() for f in dataclasses.fields(cls) if f.metadata]


def test_every_key_has_its_limits_or_is_a_group():
    groups = {"dataset", "model", "task", "optimizer", "scheduler", *(name[:-1] for name in SECTIONS)}
    bare = [f.name for f in dataclasses.fields(schema.Config) if not f.metadata]
    assert set(bare) <= groups
    for name, cls in SECTIONS.items():
        assert name == "" or all(f.metadata for f in dataclasses.fields(cls)), name


@pytest.mark.parametrize(("key", "field"), FIELDS, ids=[key for key, _ in FIELDS])
def test_a_default_keeps_its_own_limits(key, field):
    limits, value = field.metadata, field.default
    if value is not None:
        assert limits["choices"] is None or value in limits["choices"]
        assert limits["ge"] is None or value >= limits["ge"]
        assert limits["gt"] is None or value > limits["gt"]


def beyond(limits):
    """Values outside of the limits of a key."""
    if limits["choices"]:
        return ["nonsense"]
    if limits["ge"] is not None:
        return [str(math.floor(limits["ge"]) - 1)]
    return ["0"] if limits["gt"] == 0 else []


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, field in FIELDS for value in beyond(field.metadata)], ids=lambda v: v
)
def test_a_value_out_of_range_is_one_line_that_names_the_key(key, value, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RNNBENCH_RUNS", str(tmp_path))
    assert main(["train", f"{key}={value}"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"rnnbench: {key}={value}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["trainer.max_epochs", "seed", "logger.tensorboard", "trainer.clip_norm"])
def test_a_value_of_the_wrong_type_is_one_line_that_names_the_key(key, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RNNBENCH_RUNS", str(tmp_path))
    assert main(["train", f"{key}=word"]) == 2
    err = capsys.readouterr().err
    assert key in err
    assert err.count("\n") == 1


def test_options_that_exclude_each_other(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RNNBENCH_RUNS", str(tmp_path))
    assert main(["train", "trainer.clip_norm=1", "trainer.clip_value=1"]) == 2
    assert "trainer.clip_norm and trainer.clip_value exclude each other" in capsys.readouterr().err


def test_what_cannot_change_a_result_is_marked():
    idle = {key for key, field in FIELDS if not field.metadata["science"]}
    assert {"paths.data_dir", "paths.runs_dir", "logger.tensorboard", "trainer.devices", "threads", "dry_run"} <= idle
    assert not {"seed", "init_from", "trainer.max_epochs", "trainer.precision", "debug.limit_batches"} & idle
