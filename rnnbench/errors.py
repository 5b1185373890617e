"""The one exception that a user is meant to read, and the hint that goes with a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can mend: one clear line that names the key or file and says what to do.

    The command line prints it without a traceback and exits with code 2.
    """


def nearest(name: str, names: Iterable[str], count: int = 3) -> str:
    """``did you mean a, b?``, or, where nothing is near, ``choose one of`` all names (``there is none`` of none)."""
    names = sorted({str(n) for n in names})
    near = difflib.get_close_matches(str(name), names, count, cutoff=0.6)
    # A last part is how people name a nested key.
    near += [n for n in names if n.rsplit(".", 1)[-1] == name and n not in near]
    if near:
        return f"did you mean {', '.join(near[:count])}?"
    if not names:
        return "there is none"
    listed = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"choose one of {listed}"
