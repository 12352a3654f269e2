"""The two ways out: one for providers on the open internet, one for those that may be on a private network.

Refuses to mix them: each way has connections of its own, so that what one opened is never found by the other.
"""

from __future__ import annotations

import ssl

import httpcore
import httpx

from byok.core.wire.network import JudgedNetwork, Resolve, look_up

PRIVATE = "private_network"
"""The extension by which a request says that its provider may be on a private network; without it, it may not."""


class TwoWays(httpx.AsyncBaseTransport):
    """Sends each request the way that its provider's row of the catalogue opens."""

    def __init__(
        self,
        *,
        trust: ssl.SSLContext,
        limits: httpx.Limits,
        resolve: Resolve = look_up,
        dial: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._open, self._private = (
            _Way(trust, limits, JudgedNetwork(private=private, resolve=resolve, dial=dial)) for private in (False, True)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends one request."""
        way = self._private if request.extensions.get(PRIVATE) is True else self._open
        return await way.handle_async_request(request)

    async def aclose(self) -> None:
        """Closes the connections of both."""
        await self._open.aclose()
        await self._private.aclose()


class _Way(httpx.AsyncHTTPTransport):
    """httpx's own transport over connections that our network makes: it has no argument for that."""

    def __init__(self, trust: ssl.SSLContext, limits: httpx.Limits, network: JudgedNetwork) -> None:
        super().__init__(verify=trust, limits=limits, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trust,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=network,
        )
