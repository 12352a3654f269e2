"""Requests to providers: one read whole, one streamed, each wait with its end.

Turns every failure of httpx into the error tree. Refuses to repeat what httpx says: its words can hold a header.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

from byok.core.provider import AuthName, Provider
from byok.core.wire.alarm import Alarm
from byok.core.wire.http_client import POOL_SECONDS, WRITE_SECONDS
from byok.core.wire.key_header import OtherHeader, secrets_of
from byok.core.wire.network import AddressRefusedError
from byok.core.wire.pieces import Pieces
from byok.core.wire.transport import PRIVATE
from byok.core.wire.unpack import NotUnpackableError, Unpacked, is_packed
from byok.core.wire.waits import CONNECT_SECONDS
from byok.ground.errors import (
    BadAnswerError,
    NoConnectionError,
    PrivateAddressError,
    ProviderError,
    RefusedRequestError,
    UnreachableError,
)

LONGEST_REFUSAL = 1024 * 1024
LONGEST_BODY = 16 * 1024 * 1024
LINGER_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer read whole. `secrets` are what the request carried, to be scrubbed from the answer's words."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    secrets: tuple[str, ...]


class Upstream:
    """An answer whose body still comes. Must be closed, which closes the connection unless the body has ended."""

    def __init__(self, provider: Provider, response: httpx.Response) -> None:
        self.provider = provider
        self.status = response.status_code
        self.promised = False  # whether it was fetched once the question had been taken on
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        # The stream itself: httpx's own ways add three generators to each chunk, and unpack without a limit.
        parts, encoding = aiter(_stream_of(response)), response.headers.get("content-encoding", "")
        self._pieces = Pieces(Unpacked(parts, encoding) if is_packed(encoding) else parts)
        self.ready = self._pieces.ready  # the next bytes without waiting, where they are here; else `read` must follow
        self._alarm = Alarm()
        self._ended = False

    async def read(self, *, until: float) -> bytes | None:
        """The next bytes, as they came; None at the end.

        Args:
            until: the event loop's time at which waiting ends.

        Raises:
            ProviderError: nothing came in time, the connection broke, or the body cannot be unpacked.
        """
        self._alarm.set(until)
        try:
            return await self._pieces.next()
        except StopAsyncIteration:
            self._ended = True
            return None
        except asyncio.CancelledError:
            if not self._alarm.rang():
                raise
            failure: ProviderError = too_late(self.provider)
        except (httpx.HTTPError, httpx.StreamError, NotUnpackableError) as error:
            failure = _failure(self.provider, error, answering=True)
        finally:
            self._alarm.pause()
        raise failure

    async def whole(self, *, until: float, idle: float = math.inf, start: bytes = b"") -> Reply:
        """The rest of the body with `start` before it.

        Args:
            idle: seconds that may pass between two pieces of it.

        Raises:
            ProviderError: the connection broke, time ran out, or the body is above 16 MiB.
        """
        loop, body = asyncio.get_running_loop(), bytearray(start)
        while (part := await self.read(until=min(until, loop.time() + idle))) is not None:
            body += part
            if len(body) > LONGEST_BODY:
                name = self.provider.name
                raise BadAnswerError(f"{name} sent more than can be read.", provider=name)
        return Reply(self.status, self.headers, bytes(body), self.secrets)

    async def refusal(self, *, until: float) -> Reply:
        """As much of the body as comes: a refusal that breaks off or does not end has been said all the same."""
        body = bytearray()
        with contextlib.suppress(ProviderError):
            while len(body) < LONGEST_REFUSAL and (part := await self.read(until=until)) is not None:
                body += part
        return Reply(self.status, self.headers, bytes(body), self.secrets)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What the request's key header held."""
        return secrets_of(self._response.request)

    async def linger(self) -> None:
        """Waits a moment for the body's end, so that the connection can be used again."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LINGER_SECONDS
        with contextlib.suppress(ProviderError):
            while not self._ended and loop.time() < until:
                await self.read(until=until)

    async def aclose(self) -> None:
        """Lets go of the connection: closed where the body has not ended, so that the provider stops."""
        self._alarm.close()
        await self._response.aclose()


def _stream_of(response: httpx.Response) -> httpx.AsyncByteStream:
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - an async client's always is
    return response.stream


async def open_upstream(
    http: httpx.AsyncClient,
    provider: Provider,
    *,
    method: str,
    url: str,
    auth: httpx.Auth,
    until: float,
    connect: float = CONNECT_SECONDS,
    body: bytes | None = None,
    auth_name: AuthName | None = None,
) -> Upstream:
    """Sends a request and gives the answer once its headers are there, whatever its status.

    Args:
        until: the event loop's time at which waiting for the headers ends.
        connect: seconds for a connection, and again for its encryption.
        auth_name: the header that shall carry the key, where it is not `provider.auth`.

    Raises:
        ProviderError: no connection, no headers in time, or something that is not HTTP.
        KeyUnreadableError: from `auth`, unchanged.
    """
    failure: ProviderError | None = None
    if auth_name is not None and auth_name != provider.auth:
        auth = OtherHeader(auth, have=provider.auth, want=auth_name)
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", **provider.headers}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        # `read` is not limited here: every wait stands under a deadline of its own.
        timeout = httpx.Timeout(None, connect=connect, write=WRITE_SECONDS, pool=POOL_SECONDS)
        where = {PRIVATE: provider.private_network}
        request = http.build_request(method, url, content=body, headers=headers, timeout=timeout, extensions=where)
        async with asyncio.timeout_at(until):
            return Upstream(provider, await http.send(request, auth=auth, stream=True))
    except TimeoutError:
        failure = too_late(provider)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        failure = _failure(provider, error, answering=False)
    # Raised out here, so that the error does not carry httpx's own, which holds the request and its headers.
    raise failure


async def fetch(
    http: httpx.AsyncClient,
    provider: Provider,
    *,
    method: str,
    url: str,
    auth: httpx.Auth,
    seconds: float,
    body: bytes | None = None,
    auth_name: AuthName | None = None,
) -> Reply:
    """Sends a request and reads its answer whole, whatever its status, within `seconds`.

    Raises:
        ProviderError: no connection, no answer in time, or one that is too long.
        KeyUnreadableError: from `auth`, unchanged.
    """
    until = asyncio.get_running_loop().time() + seconds
    upstream = await open_upstream(
        http, provider, method=method, url=url, auth=auth, until=until, body=body, auth_name=auth_name
    )
    try:
        return await upstream.whole(until=until)
    finally:
        await upstream.aclose()


def address(base_url: str, path: str) -> str:
    """The address of a path that is relative to a base URL; `../` leads to its parent."""
    return urljoin(base_url.rstrip("/") + "/", path)


def too_late(provider: Provider) -> UnreachableError:
    """No answer in time."""
    return UnreachableError(f"{provider.name} did not answer in time.", provider=provider.name)


def _failure(provider: Provider, error: Exception, *, answering: bool) -> ProviderError:
    name = provider.name
    if isinstance(error, NotUnpackableError):
        return BadAnswerError(f"{name} sent something that cannot be unpacked.", provider=name)
    if isinstance(error, AddressRefusedError):
        return PrivateAddressError(f"{name} was not asked: its address leads where no provider may be.", provider=name)
    if isinstance(error, httpx.LocalProtocolError | httpx.InvalidURL | httpx.UnsupportedProtocol):
        return RefusedRequestError(f"The request to {name} could not be written.", provider=name)
    if isinstance(error, httpx.PoolTimeout):
        return UnreachableError(f"Too many questions to {name} are open already.", provider=name)
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return NoConnectionError(f"No connection to {name}.", provider=name)
    if isinstance(error, httpx.TimeoutException):
        return too_late(provider)
    where = "in the middle of the answer" if answering else "before an answer came"
    return UnreachableError(f"The connection to {name} broke off {where}.", provider=name)
