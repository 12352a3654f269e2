"""Which header carries the key. Moves it where a call wants another one; never opens, keeps or shows a key."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import httpx

from byok.core.key_auth import AUTH_HEADERS
from byok.core.provider import AuthName


class OtherHeader(httpx.Auth):
    """Lets `inner` write the key, then moves it to the header that this call wants: exactly one may be sent."""

    def __init__(self, inner: httpx.Auth, *, have: AuthName, want: AuthName) -> None:
        self._inner = inner
        self._have, self._have_prefix = AUTH_HEADERS[have]
        self._want, self._want_prefix = AUTH_HEADERS[want]

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """What `inner` does, with the header moved on each request."""
        flow: Any = self._inner.async_auth_flow(request)
        try:
            request = await anext(flow)
            while True:
                value = request.headers.pop(self._have, None)
                if value is not None:
                    request.headers[self._want] = self._want_prefix + value.removeprefix(self._have_prefix)
                response = yield request
                try:
                    request = await flow.asend(response)
                except StopAsyncIteration:
                    return
        finally:
            await flow.aclose()


def secrets_of(request: httpx.Request) -> tuple[str, ...]:
    """What the key headers of a request that was sent hold, to be taken out of the words of its answer."""
    values = ((request.headers.get(header, ""), prefix) for header, prefix in AUTH_HEADERS.values())
    return tuple(value.removeprefix(prefix) for value, prefix in values if value)
