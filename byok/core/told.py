"""What a log may hold of an exception: its kind, and where it was raised.

Refuses its words, which may repeat a header, a row or what somebody wrote. Those of our own tree are safe by its rules,
and those of the operating system are a list of its own.
"""

from __future__ import annotations

import os
import re
import traceback

from byok.ground.errors import ByokError

MOST_FRAMES = 60
CODES = ("sqlite_errorname", "sqlstate")  # what databases say of an error besides words, e.g. SQLITE_BUSY or 42P01
_CODE = re.compile(r"[A-Z0-9_]{1,40}")


def kind_of(error: BaseException) -> str:
    """The name of its class, with its module unless Python brings it along."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def told(error: BaseException) -> list[str]:
    """An exception and those that led to it, the last one first: a line for each, and for each place in the code."""
    lines: list[str] = []
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        lines.append(f"{'after ' if lines else ''}{kind_of(one)}{_words(one)}")
        for frame in traceback.extract_tb(one.__traceback__)[-MOST_FRAMES:]:
            lines.append(f"  {frame.filename}:{frame.lineno} in {frame.name}")
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return lines


def _words(error: BaseException) -> str:
    if isinstance(error, ByokError):
        return f": {error}"
    if isinstance(error, OSError) and error.errno is not None and error.strerror == os.strerror(error.errno):
        return f": {error.strerror}"
    codes = (getattr(error, name, None) for name in CODES)
    return "".join(f": {code}" for code in codes if isinstance(code, str) and _CODE.fullmatch(code))
