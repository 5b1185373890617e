"""Checks of a composed configuration that need no data: ranges, exclusions, and each ``_target_``'s own signature."""

from __future__ import annotations

import dataclasses
import inspect
import logging
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Union

from rnnbench import schema
from rnnbench.errors import UserError, nearest

TARGETS = ("dataset", "task", "model", "optimizer", "scheduler")
# What a part inside a group is given when it is built: the cell of a model, the encoder of a task.
PROVIDED = {"model": {"input_size", "hidden_size", "bias"}, "task": {"spec"}}


def locate(target: str) -> Any:
    """The class or function that a ``_target_`` names. Raises ``ValueError`` in one line."""
    from hydra.utils import get_object

    logging.getLogger("hydra").setLevel(logging.CRITICAL)  # it prints what we are about to say in one line
    try:
        return get_object(target)
    except Exception as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise ValueError(f"_target_={target}: cannot be imported: {reason}") from error


class Problems(UserError):
    """Everything that is wrong with one configuration, a line each."""

    def __init__(self, lines: Sequence[str]):
        super().__init__("\n".join(lines))
        self.lines = list(lines)


def problems(config: Mapping[str, Any]) -> list[str]:
    """Every problem of a plain configuration, a line each."""
    found = list(_ranges(config, schema.Config, ""))
    for first, second in schema.EXCLUSIVE:
        if _get(config, first) is not None and _get(config, second) is not None:
            found.append(f"{first} and {second} exclude each other: set one to null")
    trainer = config.get("trainer")
    if isinstance(trainer, Mapping) and trainer.get("select") == "best":
        every, epochs = trainer.get("validate_every"), trainer.get("max_epochs")
        if isinstance(every, int) and isinstance(epochs, int) and every > epochs > 0:
            found.append(f"trainer.validate_every={every}: nothing to select by within trainer.max_epochs={epochs}")
    if line := replicas_problem(config.get("replicas")):
        found.append(line)
    provided = {
        "dataset": set(),
        "task": set(),
        "model": {"input_size", "batch_first"},
        "optimizer": {"params"},
        "scheduler": {"optimizer"},
    }
    for group in TARGETS:
        node = config.get(group)
        if not isinstance(node, Mapping) or "_target_" not in node:
            found.append(f"{group}: needs a _target_ to be built from")
        elif node["_target_"] is None and group != "scheduler":
            found.append(f"{group}._target_: is null")
        elif node["_target_"] is not None:
            ignored = {"name"} if group == "model" else set()
            found += list(_signature(node, group, provided[group], ignored))
    return found


def replicas_problem(value: Any) -> str | None:
    """What is wrong with the value of ``replicas``, in one line; YAML reads ``off`` as false."""
    if value in ("auto", "off") or value is False or (type(value) is int and value >= 1):
        return None
    return f"replicas={value}: must be auto, off or a number of at least 1"


def _get(config: Mapping[str, Any], path: str) -> Any:
    node: Any = config
    for part in path.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _ranges(config: Mapping[str, Any], cls: type, prefix: str) -> Iterator[str]:
    hints = typing.get_type_hints(cls)
    for key in sorted(set(config) - set(hints)):
        yield f"{prefix}{key}: no such key; {nearest(key, hints)}"
    for field in dataclasses.fields(cls):
        value, key = config.get(field.name), prefix + field.name
        hint = hints[field.name]
        if field.name not in config and key not in TARGETS:
            yield f"{key}: missing"
        elif dataclasses.is_dataclass(hint) and isinstance(hint, type):
            yield from _ranges(value or {}, hint, key + ".")
        elif value is not None:
            yield from _range(value, key, field.metadata)


def _range(value: Any, key: str, limits: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{key}={value}: must be finite"
    elif limits.get("choices") and value not in limits["choices"]:
        yield f"{key}={value}: no such choice; {nearest(str(value), limits['choices'])}"
    elif limits.get("ge") is not None and value < limits["ge"]:
        yield f"{key}={value}: must be at least {limits['ge']:g}"
    elif limits.get("gt") is not None and value <= limits["gt"]:
        yield f"{key}={value}: must be greater than {limits['gt']:g}"


def _signature(node: Mapping[str, Any], key: str, provided: set[str], ignored: set[str]) -> Iterator[str]:
    try:
        target = locate(str(node["_target_"]))
    except ValueError as error:
        yield f"{key}.{error}"
        return
    parameters = inspect.signature(target).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    hints = _hints(target)
    given = {str(k) for k in node if not str(k).startswith("_")} - ignored
    for name in sorted(given - set(parameters)):
        if not open_ended:
            yield f"{key}.{name}: {_name(target)} has no such option; {nearest(name, set(parameters) - provided)}"
    for name in sorted(given & set(parameters)):
        value = node[name]
        if isinstance(value, Mapping) and "_target_" in value:
            yield from _signature(value, f"{key}.{name}", PROVIDED.get(key.split(".")[0], set()), set())
        elif name in hints and not fits(value, hints[name]):
            yield f"{key}.{name}={value!r}: {_wanted(value, hints[name])}"
    for name, parameter in parameters.items():
        required = parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        )
        if required and name not in given | provided and not node.get("_partial_"):
            yield f"{key}.{name}: missing, {_name(target)} needs it"


def _hints(target: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except (NameError, TypeError, AttributeError):
        return {}  # annotations of a foreign class that cannot be read say nothing about its arguments


def _name(target: Any) -> str:
    return getattr(target, "__name__", str(target))


def fits(value: Any, hint: Any) -> bool:
    """Whether a plain value fits an annotation; what an annotation leaves open fits."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or isinstance(hint, typing.TypeVar):
        return True
    if origin in (Union, types.UnionType):
        return any(fits(value, arg) for arg in args)
    if origin is Literal:
        return value in args and not (isinstance(value, bool) and True not in args and False not in args)
    if hint is None or hint is type(None):
        return value is None
    if origin is Callable:
        return False  # a plain value is none; one built from a _target_ is judged by that
    if hint is bool:
        return isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is str:
        return isinstance(value, str)
    if (inspect.isclass(origin) and issubclass(origin, Sequence)) or hint in (list, tuple):
        return isinstance(value, (list, tuple)) and (not args or all(any(fits(v, a) for a in args) for v in value))
    if (inspect.isclass(origin) and issubclass(origin, Mapping)) or hint is dict:
        return isinstance(value, Mapping)
    if inspect.isclass(hint) and not isinstance(value, Mapping):
        return isinstance(value, hint)
    return True


def _wanted(value: Any, hint: Any) -> str:
    choices = [a for h in (hint, *typing.get_args(hint)) if typing.get_origin(h) is Literal for a in typing.get_args(h)]
    if choices:
        return f"no such choice; {nearest(str(value), map(str, choices))}"
    return f"wrong type, wants {_type_name(hint)}"


def _type_name(hint: Any) -> str:
    parts = list(typing.get_args(hint)) if typing.get_origin(hint) in (Union, types.UnionType) else [hint]
    names = ["null" if h is type(None) else getattr(h, "__name__", str(h)) for h in parts]
    return " or ".join(names)
