"""What makes two runs the same run: a hash of the scientific keys that differ from their defaults.

A key that is added later, with a default, is not in the hash of the runs that leave it alone, so that old
records stay valid. The frozen example in ``tests/records/test_identity.py`` must never change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

LENGTH = 16  # hex digits: 64 bits, one accidental collision in about five billion runs
TARGET = "_target_"


def identity(science: Mapping[str, Any]) -> str:
    """The name of a run: 16 hex digits of the SHA-256 of ``science`` as canonical JSON.

    Args:
        science: plain nested dicts, lists, numbers, strings, booleans and None; only keys that differ from
            their defaults (see ``without_defaults``). The order of keys does not matter; 1 and 1.0 are one
            value, 1 and True are two.

    Raises:
        ValueError: a value is of another type.
    """
    text = json.dumps(canonical(science), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def canonical(value: Any, key: str = "science") -> Any:
    """``value`` with every equal number written in one way; ``key`` names it in errors.

    Raises:
        ValueError: a value that JSON cannot hold, or NaN, which equals nothing.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if value != value:
            raise ValueError(f"{key}=nan: an identity needs values that equal themselves")
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {str(k): canonical(v, f"{key}.{k}") for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(v, f"{key}[{i}]") for i, v in enumerate(value)]
    raise ValueError(f"{key}={value!r}: {type(value).__name__} has no place in an identity; give plain values")


def without_defaults(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The part of ``config`` that differs from ``defaults``, key by key and recursively.

    A sub-dict whose ``_target_`` differs from the default's is kept whole: the defaults of another class say
    nothing about it. Give the defaults of the class that was chosen to have them left out. Lists are compared
    as a whole.
    """
    kept = {}
    for key, value in config.items():
        if key not in defaults:
            kept[key] = value
            continue
        default = defaults[key]
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            same_class = value.get(TARGET) == default.get(TARGET)
            rest = without_defaults(value, default) if same_class else dict(value)
            if rest:
                kept[key] = rest
        elif _text(value) != _text(default):
            kept[key] = value
    return kept


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one flat dict with dotted keys; lists become their compact JSON text."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{name}."))
        elif isinstance(value, list | tuple):
            flat[name] = json.dumps(canonical(value, name), separators=(",", ":"))
        else:
            flat[name] = value
    return flat


def _text(value: Any) -> str:
    """Canonical text, by which True differs from 1 while 1 equals 1.0."""
    return json.dumps(canonical(value), sort_keys=True)
