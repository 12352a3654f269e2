"""Writes a key into a request's header at the last moment, and keeps it nowhere: only a way to open it.

Refuses to show anything of it: its repr names the header alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from types import MappingProxyType

import httpx

# How the catalogue names the ways to carry a key: the header, and what stands before the key in it.
AUTH_HEADERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "bearer": ("Authorization", "Bearer "),
        "x-api-key": ("x-api-key", ""),
        "x-goog-api-key": ("x-goog-api-key", ""),
    }
)


class KeyAuth(httpx.Auth):
    """Opens the key inside `auth_flow`, as the header is written; works for sync and async clients.

    Args:
        open_key: opens the key; what it raises passes through httpx unchanged.
    """

    def __init__(self, open_key: Callable[[], str], *, header: str, prefix: str = "") -> None:
        self._open_key = open_key
        self._header = header
        self._prefix = prefix

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sets the header and sends the request once."""
        request.headers[self._header] = self._prefix + self._open_key()
        yield request

    def __repr__(self) -> str:
        return f"KeyAuth(header={self._header!r})"
