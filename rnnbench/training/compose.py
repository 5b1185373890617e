"""Hydra without its entry point: overrides in, configurations out.

Hydra's own entry exits 1 with several lines for a mistake and knows no subcommands, so ours drives the same loader,
override grammar and launchers. Every mistake leaves here as one :class:`~rnnbench.errors.UserError`.
"""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnbench import schema
from rnnbench.errors import UserError
from rnnbench.training.explain import explain

CONFIG_NAME = "train"
_BUDGET = re.compile(r"^budget=(.+)$")
_PARAMS = re.compile(r"^params_(\d+(?:\.\d+)?)([kKmM]?)$")


def packaged(folder: str) -> Path:
    """``conf`` or ``experiments``: inside an installed wheel, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder


def is_installed(folder: Path) -> bool:
    """Whether ``folder`` belongs to an installed package, where nothing is written: not to a checkout, nor a user."""
    return folder.resolve().is_relative_to(Path(__file__).resolve().parent.parent)


def any_budget(override: str) -> str:
    """``budget=params_35k`` for any number, as a value of the one key that it sets."""
    found = _BUDGET.match(override)
    if not found:
        return override
    numbers = []
    for choice in found[1].split(","):
        size = _PARAMS.match(choice.strip())
        if not size:
            return override
        numbers.append(str(round(float(size[1]) * {"": 1, "k": 1e3, "m": 1e6}[size[2].lower()])))
    return f"budget.params={','.join(numbers)}"


class Remembering:
    """Hydra's loader of configurations, that remembers what it put together.

    Composing takes 0.1 s a job, as long as some jobs take. So files are put together once for all jobs that choose the
    same ones, and a launcher in this process is given what was composed to check its jobs. Kept pickled: 15 kB a job.
    Launchers call one method of it.
    """

    def __init__(self, loader: Any):
        self.loader = loader
        self.master: DictConfig | None = None
        self.chosen: dict[tuple[str, ...], bytes] = {}
        self.composed: dict[tuple[str, ...], bytes] = {}

    def compose(self, master: DictConfig, overrides: Sequence[str]) -> DictConfig:
        """The configuration of a job, and remember it for the launcher."""
        if master is not self.master:
            self.master, self.chosen, self.composed = master, {}, {}
        try:
            cfg = self.with_values(master, overrides)
        except Exception:  # Hydra has words of its own for each mistake
            cfg = None
        if cfg is None:
            cfg = self.loader.load_sweep_config(master, list(overrides))
        self.composed[tuple(overrides)] = pickle.dumps(cfg)
        return cfg

    def with_values(self, master: DictConfig, overrides: Sequence[str]) -> DictConfig | None:
        """What Hydra composes, by its own steps: choices of files first, then values in their order.

        None where files of elsewhere, or Hydra's own node, have a part in it.
        """
        from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
        from hydra.core.override_parser.overrides_parser import OverridesParser

        parsed = OverridesParser.create(config_loader=self.loader).parse_overrides(list(overrides))
        if master.hydra.searchpath or any(one.is_hydra_override() or one.key_or_group == "hydra" for one in parsed):
            return None
        choosing = [self._chooses(one) for one in parsed]
        choices = tuple(str(one.input_line) for one, chooses in zip(parsed, choosing) if chooses)
        if choices not in self.chosen:
            self.chosen[choices] = pickle.dumps(self.loader.load_sweep_config(master, list(choices)))
        cfg = pickle.loads(self.chosen[choices])
        ConfigLoaderImpl._apply_overrides_to_config([one for one, chooses in zip(parsed, choosing) if not chooses], cfg)
        cfg.hydra.overrides.task = [one.input_line for one in parsed]
        told = cfg.hydra.job.config.override_dirname
        cfg.hydra.job.override_dirname = get_overrides_dirname(parsed, told.exclude_keys, told.item_sep, told.kv_sep)
        OmegaConf.copy_cache(from_config=master, to_config=cfg)
        return cfg

    def _chooses(self, override: Any) -> bool:
        """Whether an override acts on which files there are; one that is a sweep is left for Hydra to refuse."""
        if override.is_sweep_override():
            return True
        return not isinstance(override.value(), dict) and self.loader.repository.group_exists(override.key_or_group)

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """What a launcher calls, with a new object each time, because it writes into it."""
        kept = self.composed.pop(tuple(sweep_overrides), None) if master_config is self.master else None
        return self.loader.load_sweep_config(master_config, sweep_overrides) if kept is None else pickle.loads(kept)

    def __reduce__(self) -> tuple[type, tuple[Any]]:
        return Remembering, (self.loader,)  # to another process each job goes alone


class Composer:
    """A Hydra object over our configurations and, first, a user's own ``config_dir``."""

    def __init__(self, config_dir: str | Path | None = None, config_name: str = CONFIG_NAME):
        from hydra._internal.hydra import Hydra
        from hydra._internal.utils import create_config_search_path
        from hydra.core.config_search_path import SearchPathQuery
        from hydra.core.global_hydra import GlobalHydra

        if (here := str(Path.cwd())) not in sys.path:  # `_target_` may name a module of the folder one works in
            sys.path.append(here)
        schema.register()
        path = create_config_search_path(str(packaged("conf")))
        if config_dir is not None:
            folder = Path(config_dir).resolve()
            if not folder.is_dir():
                raise UserError(f"--config-dir {config_dir}: no such folder")
            path.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="main"))
        self.config_name = config_name
        GlobalHydra.instance().clear()  # Hydra keeps one object a process; a second command in it brings its own
        self.hydra = Hydra.create_main_hydra2(task_name="rnnbench", config_search_path=path)
        self.loader = Remembering(self.hydra.config_loader)
        OmegaConf.register_new_resolver("hydra", _from_hydra, replace=True)  # Hydra's own gives None for the unknown

    @contextmanager
    def explained(self, overrides: Sequence[str]) -> Iterator[None]:
        """Turn what Hydra and OmegaConf raise into one line."""
        from hydra.errors import HydraException

        try:
            yield
        except (HydraException, OmegaConfBaseException, ValueError, TypeError, AttributeError) as error:
            # the plain ones are what both raise for values of a kind that they did not expect
            raise UserError(explain(error, overrides, self.hydra.config_loader, self.config_name)) from error

    def one(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration of one run, with its ``hydra`` node."""
        from hydra.types import RunMode

        with self.explained(overrides):
            return self.hydra.compose_config(
                config_name=self.config_name,
                overrides=list(overrides),
                run_mode=RunMode.RUN,
                with_log_configuration=False,
            )

    def sweep(self, overrides: Sequence[str]) -> tuple[DictConfig, list[list[str]]]:
        """The configuration of the sweep itself, and the overrides of each of its jobs."""
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
        from hydra.core.override_parser.overrides_parser import OverridesParser
        from hydra.types import RunMode

        with self.explained(overrides):
            master = self.hydra.compose_config(
                config_name=self.config_name,
                overrides=list(overrides),
                run_mode=RunMode.MULTIRUN,
                with_log_configuration=False,
            )
            params = OmegaConf.select(master, "hydra.sweeper.params") or {}
            told = OmegaConf.to_container(master.hydra.overrides.task, resolve=False)  # each job resolves its own
            task = [any_budget(f"{k}={v}") for k, v in params.items()] + list(map(str, told or ()))
            parsed = OverridesParser.create(config_loader=self.hydra.config_loader).parse_overrides(task)
            jobs = BasicSweeper.split_arguments(parsed, None)[0]
        for word in (word for job in jobs for word in job):
            group, _, name = word.lstrip("+").partition("=")
            if name.startswith("_") and "." not in group:
                raise UserError(f"{group}={name}: is a base of others; leave it out, as '{group}=glob(*,exclude=[_*])'")
        return master, jobs

    def job(self, master: DictConfig, overrides: Sequence[str]) -> DictConfig:
        """The configuration of one job of a sweep, as the launcher will compose it."""
        with self.explained(overrides):
            return self.loader.compose(master, overrides)


def _from_hydra(key: str) -> Any:
    """``${hydra:key}``."""
    from hydra.core.hydra_config import HydraConfig

    known: Any = HydraConfig.instance()
    value = OmegaConf.select(known.cfg, f"hydra.{key}")
    if value is None:
        raise ValueError(f"hydra:{key} is nothing that is known before a job starts")
    return value


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The configuration without ``hydra``, resolved, as plain containers."""
    from hydra.core.hydra_config import HydraConfig

    known: Any = HydraConfig.instance()
    before = known.cfg
    if "hydra" in cfg:  # else a launcher has taken it out and told Hydra
        known.cfg = cfg  # what `${hydra:...}` reads; `set_config` would copy all of it
    cfg = cfg.copy()
    with open_dict(cfg):
        cfg.pop("hydra", None)
        cfg.pop("experiment", None)
    try:
        container = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    finally:
        known.cfg = before
    assert isinstance(container, dict)
    return {str(k): v for k, v in container.items()}
