"""The id of what is being answered: an HTTP request or a page run. A person quotes it, and log lines carry it.

Ids are made here and taken from nobody: one that came from outside could be made to look like another's.
"""

from __future__ import annotations

import secrets
from contextvars import ContextVar

_CURRENT: ContextVar[str] = ContextVar("request_id", default="")


def begin() -> str:
    """Makes an id for what begins now, in this thread or task and in all that it starts; 12 hexadecimal digits."""
    request_id = secrets.token_hex(6)
    _CURRENT.set(request_id)
    return request_id


def current() -> str:
    """The id of what is being answered; empty where nothing is."""
    return _CURRENT.get()
