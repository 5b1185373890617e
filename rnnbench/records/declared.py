"""Reading what people write by hand: a YAML file, and a dataclass from a part of it, every mistake one line."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from rnnbench.errors import UserError, nearest

T = TypeVar("T")


class _Loader(yaml.SafeLoader):
    """YAML as OmegaConf reads it: ``1e-4`` is a number, and a key stands once."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, Any]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is no text", key.start_mark)
            if (name := (key.tag, key.value)) in seen and not key.tag.endswith(":merge"):
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(name)
        return node


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        UserError: it cannot be read, or is no YAML; a mapping has a key twice.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, yaml.YAMLError, TypeError, ValueError) as error:  # a date that is none is a ValueError
        raise UserError(f"{path}: {' '.join(str(error).split())}") from error


def is_text(word: str) -> bool:
    """Whether YAML reads ``word`` as text: not as a number, a truth value or null."""
    return yaml.load(word, _Loader) == word


def read(kind: type[T], values: Any, name: str) -> T:
    """A ``kind``, a dataclass, from the mapping ``values``; parts of it that are dataclasses as well.

    A list is taken where its annotation says ``tuple``, a whole number where it says ``float``; nothing is converted
    otherwise.

    Args:
        kind: which one.
        values: key to value.
        name: of the part, that messages begin with.

    Raises:
        UserError: a key is missing, unknown, or of the wrong type.
    """
    known = {field.name: field for field in fields(kind)}  # pyright: ignore[reportArgumentType]
    if not isinstance(values, Mapping):
        raise UserError(f"{name} is {values!r}: give it the keys {', '.join(known)}")
    for key in values:
        if key not in known:
            raise UserError(f"{name}: unknown key {key!r}; {nearest(str(key), known)}")
    for key, field in known.items():
        if key not in values and field.default is MISSING and field.default_factory is MISSING:
            raise UserError(f"{name}: {key} is missing")
    hints = _hints(kind)
    return kind(**{key: convert(value, hints[key], f"{name}: {key}") for key, value in values.items()})


def convert(value: Any, hint: Any, name: str) -> Any:
    """``value`` as ``hint``, an annotation, wants it.

    Raises:
        UserError: it is of another type.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return None if value is None else convert(value, next(p for p in parts if p is not types.NoneType), name)
    if is_dataclass(hint):
        return value if isinstance(value, hint) else read(hint, value, name)  # pyright: ignore[reportArgumentType]
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise UserError(f"{name}={value!r} is not a list")
        return tuple(convert(one, parts[0], f"{name}[{i}]") for i, one in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise UserError(f"{name}={value!r} has no keys")
        return {
            convert(key, parts[0], f"{name}: key"): convert(v, parts[1], f"{name}.{key}") for key, v in value.items()
        }
    is_one, what = _PLAIN[hint]
    if not is_one(value):
        raise UserError(f"{name}={value!r} is not {what}")
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_PLAIN: dict[Any, tuple[Callable[[Any], bool], str]] = {
    str: (lambda value: isinstance(value, str), "a text; put it in quotes"),
    bool: (lambda value: isinstance(value, bool), "true or false"),
    int: (_is_whole, "a whole number"),
    float: (_is_number, "a number"),
}
