"""Every model config that names one of our layers: complete, buildable, running."""

import dataclasses
import inspect
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf

CONF = Path(__file__).parents[2] / "conf"


def composed() -> dict:
    """The models, by name, whose backbone is one of our layers."""
    names = sorted(path.stem for path in (CONF / "model").glob("[!_]*.yaml"))
    with initialize_config_dir(str(CONF), version_base=None):
        configs = {name: OmegaConf.to_container(compose(f"model/{name}").model) for name in names}
    return {name: config for name, config in configs.items() if config["_target_"].startswith("rnnbench.layers.")}


CONFIGS = composed()
GIVEN_BY_CODE = {"input_size", "batch_first", "device", "dtype"}


def test_the_promised_models_are_there():
    own = {"lstm", "gru", "rnn", "rnn_relu", "gru_cho", "gru_cho_v1", "gru_chung", "gru_sum"}
    assert own | {"torch_lstm", "torch_gru", "torch_rnn"} <= set(CONFIGS)


@pytest.mark.parametrize("name", CONFIGS)
def test_lists_every_option_and_no_other(name):
    config = CONFIGS[name]
    assert config["name"] == name
    options = set(inspect.signature(get_class(config["_target_"])).parameters) - GIVEN_BY_CODE
    assert set(config) == options | {"name", "_target_"}
    if "cell" in config:
        fields = {field.name for field in dataclasses.fields(get_class(config["cell"]["_target_"]))}
        assert set(config["cell"]) == fields - {"input_size", "hidden_size", "bias"} | {"_target_", "_partial_"}


@pytest.mark.parametrize("name", CONFIGS)
def test_builds_and_runs(name):
    config = {key: value for key, value in CONFIGS[name].items() if key != "name"}
    layer = instantiate(config, input_size=config["hidden_size"], batch_first=True)
    out, _ = layer(torch.randn(2, 3, config["hidden_size"]), lengths=torch.tensor([1, 3]))
    assert out.shape == (2, 3, layer.output_size)
    assert (out[0, 1:] == 0).all()
    assert out.isfinite().all()


def test_variants_differ_from_each_other():
    """Each own config is another function or another parametrisation: no two build equal cells."""
    own = {name: config for name, config in CONFIGS.items() if "cell" in config}
    cells = [repr(instantiate(config["cell"])(input_size=64, hidden_size=64, bias=True)) for config in own.values()]
    assert len(set(cells)) == len(cells)
