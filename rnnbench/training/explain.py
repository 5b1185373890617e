"""Hydra's and OmegaConf's exceptions in one line that names the key and the nearest valid names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hydra.errors import OverrideParseException
from omegaconf import DictConfig

from rnnbench.errors import nearest

Keys = Callable[[str], list[str]]  # the names below a key


def explain(error: Exception, overrides: Sequence[str], loader: Any, config_name: str) -> str:
    """One line for ``error``, raised while ``overrides`` were composed."""
    causes = [error]
    while (cause := causes[-1].__cause__) is not None and isinstance(cause, Exception):
        causes.append(cause)
    text = " ".join(str(causes[0]).split())
    keys = partial(_keys, loader, config_name, _choices(overrides, loader))
    for pattern, form in (
        (r"Could not override '([^']+)'\. No match in the defaults list", _unknown_group),
        (r"Could not find '([^']+)/([^'/]*)'", _unknown_option),
        (r"Could not override '([^']+)'", _unknown_key),
        (r"Key '([^']+)' (?:is )?not in", _unknown_key),
    ):
        if found := re.search(pattern, text):
            return form(found, loader, keys, causes)
    if "must be a string or a list" in text:  # of the option of a group
        groups = set(loader.list_groups(""))
        wrong = [o for o in overrides if (name := o.partition("=")[0].lstrip("+")) in groups and o != name]
        return f"{' '.join(wrong)}: the name of an option is wanted; {_first_line(causes[0])}"
    if isinstance(error, OverrideParseException):
        return f"{error.override}: not in Hydra's grammar: {_first_line(causes[0])}"
    if key := full_key(" ".join(str(c) for c in causes)):
        return f"{key}: {_first_line(causes[-1])}"
    if "Ambiguous value" in text:
        override = re.search(r"argument '([^']+)'", text)
        return f"{override[1] if override else text}: several values; give one, or add -m for a sweep"
    return _first_line(causes[0])


def full_key(text: str) -> str | None:
    """The key that a message of OmegaConf names."""
    found = re.search(r"full_key: (\S+)", text)
    return found[1] if found else None


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _unknown_group(found: re.Match[str], loader: Any, keys: Keys, causes: list[Exception]) -> str:
    groups = [g for g in loader.list_groups("") if g != "hydra"]
    return f"{found[1]}: no such option group; {nearest(found[1], groups + keys(''))}"


def _unknown_option(found: re.Match[str], loader: Any, keys: Keys, causes: list[Exception]) -> str:
    options = [o for o in loader.get_group_options(found[1]) if not o.startswith("_")]
    return f"{found[1]}={found[2]}: no such option; {nearest(found[2], options)}"


def _unknown_key(found: re.Match[str], loader: Any, keys: Keys, causes: list[Exception]) -> str:
    key = found[1]
    key = full_key(" ".join(str(c) for c in causes)) or key
    parent, _, name = key.rpartition(".")
    known = keys(parent)
    if parent and not known:
        return _unknown_key_of(parent, nearest(parent.split(".")[0], keys("")))
    return _unknown_key_of(key, nearest(name, known))


def _unknown_key_of(key: str, hint: str) -> str:
    return f"{key}: no such key; {hint}"


def _choices(overrides: Sequence[str], loader: Any) -> list[str]:
    """Those of the overrides that choose one option of a group: they decide which keys there are."""
    found = []
    for override in overrides:
        group, _, option = override.partition("=")
        if "." not in group and option.isidentifier() and option in loader.get_group_options(group):
            found.append(override)
    return found


def _keys(loader: Any, config_name: str, choices: list[str], parent: str) -> list[str]:
    from hydra.types import RunMode
    from omegaconf import OmegaConf

    base = loader.load_configuration(config_name=config_name, overrides=choices, run_mode=RunMode.RUN)
    node = OmegaConf.select(base, parent) if parent else base
    return [str(k) for k in node if k != "hydra"] if isinstance(node, DictConfig) else []
