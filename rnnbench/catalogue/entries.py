"""Every model by its configuration: what it is, where it was published, how large it is, what can run it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml

from rnnbench.catalogue.docs import Paper, source
from rnnbench.cells import Cell
from rnnbench.errors import UserError
from rnnbench.layers import Recurrent
from rnnbench.layers.engines import engines_for
from rnnbench.training.check import locate
from rnnbench.training.compose import packaged


@dataclass(frozen=True)
class Entry:
    """One model, built with given sizes.

    Attributes:
        model: its name, as in ``model=gru``.
        cell: class of the cell, or of the layer where there is no cell.
        paper: where it was published; None for what is no publication's.
        gates: blocks of ``hidden_size`` rows that its input's or its state's weights have.
        state: numbers carried from step to step; None for what carries no fixed number.
        parameters: of one layer; None where the model refuses the sizes.
        engines: what can run it on this machine, fastest first.
        exceptions: checks of the contract that it cannot keep, and why.
        note: why the model refuses the sizes, if it does.
    """

    model: str
    cell: type
    paper: Paper | None
    gates: int | None
    state: int | None
    parameters: int | None
    engines: tuple[str, ...]
    exceptions: Mapping[str, str]
    note: str | None = None


def entries(input_size: int, hidden_size: int, config_dir: Path | None = None) -> list[Entry]:
    """All models by name: ours, and those of a user's own ``config_dir``.

    Raises:
        UserError: for a folder that does not exist, or a model that cannot be found.
    """
    here_is_importable()
    found = []
    for name, (comment, config) in models(config_dir).items():
        try:
            found.append(_entry(name, comment, config, input_size, hidden_size))
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"model={name}: {error}") from error
    return found


def here_is_importable() -> None:
    """Let modules of the current folder be found, behind all others, as ``train`` does."""
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)


def models(config_dir: Path | None = None) -> dict[str, tuple[str, dict[str, Any]]]:
    """Comment and configuration of every file in ``model/`` of our ``conf`` and of ``config_dir``, by name.

    Read without Hydra, which takes 30 ms a file: of ``defaults`` only files beside it are known here.
    """
    if config_dir is not None and not config_dir.is_dir():
        raise UserError(f"--config-dir {config_dir}: no such folder")
    folders = [packaged("conf"), *([config_dir] if config_dir else [])]
    files = {path.stem: path for folder in folders for path in sorted(folder.glob("model/*.yaml"))}
    return {name: (_comment(files[name]), _merged(name, files)) for name in sorted(files) if name[0] != "_"}


def _comment(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return " ".join(line.lstrip("# ") for line in lines[:2] if line.startswith("#"))


def _merged(name: str, files: Mapping[str, Path]) -> dict[str, Any]:
    try:
        own = yaml.safe_load(files[name].read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise UserError(f"{files[name]}: {' '.join(str(error).split())}") from error
    below = [other for other in own.pop("defaults", []) if isinstance(other, str) and other in files]
    return {key: value for part in (*(_merged(other, files) for other in below), own) for key, value in part.items()}


def _entry(name: str, comment: str, config: Mapping[str, Any], input_size: int, hidden_size: int) -> Entry:
    cell_class = locate((config.get("cell") or config)["_target_"])
    about = (name, cell_class, source(cell_class, comment))
    exceptions = getattr(cell_class, "exceptions", {})
    try:
        layer = build(config, input_size, hidden_size)
    except ValueError as error:
        return Entry(*about, None, None, None, (), exceptions, str(error))
    parameters = sum(parameter.numel() for parameter in layer.parameters())
    state = getattr(layer, "state_size", None)
    if not isinstance(layer, Recurrent):
        return Entry(*about, None, state, parameters, ("torch",), exceptions)
    cell = layer.cells[0]
    return Entry(*about, gates(cell), state, parameters, engines_for(cell), exceptions)


def build(config: Mapping[str, Any], input_size: int, hidden_size: int, device: str = "meta", **more: Any) -> Any:
    """The layer that a composed ``model`` node describes, one deep, with other sizes.

    Raises:
        ValueError: in one line, where the model refuses the sizes.
    """
    options = {key: value for key, value in config.items() if key not in ("name", "cell") and key[0] != "_"}
    if "cell" in config:
        cell = {key: value for key, value in config["cell"].items() if key[0] != "_"}
        options["cell"] = partial(locate(config["cell"]["_target_"]), **cell)
    sizes = {"input_size": input_size, "hidden_size": hidden_size}
    with torch.device(device):
        return locate(config["_target_"])(**{**options, **sizes, "batch_first": False, **more})


def gates(cell: Cell) -> int:
    """Blocks of H rows in weight_ih or weight_hh, whichever has more: 4 of an LSTM, 3 of a GRU."""
    shapes = cell.parameter_shapes()
    rows = max(shapes[name][0] for name in ("weight_ih", "weight_hh") if name in shapes)
    return max(1, rows // cell.hidden_size)
