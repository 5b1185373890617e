"""Independent seeds from one: every use of randomness in a run names itself and gets its own."""

from __future__ import annotations

import hashlib
import json


def derive(seed: int, *labels: str | int) -> int:
    """A 63-bit seed for the use named by ``labels``, unrelated to that of any other seed or labels.

    A hash, because neighbouring seeds of a generator can give related streams. 0 is a seed like any other.
    """
    digest = hashlib.sha256(json.dumps([seed, *labels]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
