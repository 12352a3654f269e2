"""Which header carries the key. Moves it where a call wants another one; never opens, keeps or shows a key."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from types import MappingProxyType
from typing import Any

import httpx

from byok.core.provider import AuthName

KEY_HEADERS: Mapping[AuthName, str] = MappingProxyType(
    {"bearer": "Authorization", "x-api-key": "x-api-key", "x-goog-api-key": "x-goog-api-key"}
)


class OtherHeader(httpx.Auth):
    """Lets `inner` write the key, then moves it to the header that this call wants: exactly one may be sent."""

    def __init__(self, inner: httpx.Auth, *, have: AuthName, want: AuthName) -> None:
        self._inner, self._have, self._want = inner, KEY_HEADERS[have], KEY_HEADERS[want]

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        flow: Any = self._inner.async_auth_flow(request)
        try:
            request = await anext(flow)
            while True:
                value = request.headers.pop(self._have, None)
                if value is not None:
                    request.headers[self._want] = value.removeprefix("Bearer ")
                response = yield request
                try:
                    request = await flow.asend(response)
                except StopAsyncIteration:
                    return
        finally:
            await flow.aclose()


def secrets_of(request: httpx.Request) -> tuple[str, ...]:
    """What the key headers of a request that was sent hold, to be taken out of the words of its answer."""
    values = (request.headers.get(name, "") for name in KEY_HEADERS.values())
    return tuple(value.removeprefix("Bearer ") for value in values if value)
