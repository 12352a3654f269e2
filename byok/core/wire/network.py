"""How a connection is made: a name is looked up once, every address it has is judged, and one of those is called.

Refuses a name as a whole if one address of it may not be reached. Nothing is looked up again between judging and
calling: a name server that answers differently the second time is not asked a second time. Encryption and the `Host`
header stay with the name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address

import httpcore
import httpx

from byok.core.addresses import may_reach

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host and port, the best one first."""

Call = Callable[[str], Awaitable[httpcore.AsyncNetworkStream]]

HEAD_START = 0.25  # seconds that an address has before the next one is tried beside it (RFC 8305)


class AddressRefusedError(httpx.ConnectError):
    """A name leads to where its provider may not be; nobody was called."""


async def look_up(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says; of a number in whatever spelling, the number.

    Raises:
        OSError: there is no such name, or nobody who knows it.
    """
    try:
        return [str(ip_address(host))]
    except ValueError:
        pass
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # Where an address holds on one link only, it is judged with that link's name behind it.
    return [f"{at[0]}%{at[3]}" if len(at) == 4 and at[3] else str(at[0]) for *_, at in found]


class JudgedNetwork(httpcore.AsyncNetworkBackend):
    """Connections to addresses that were judged, and no others.

    Args:
        private: whether they may lead into a private network.
        resolve: who is asked for addresses.
        dial: who connects to one address.
    """

    def __init__(
        self, *, private: bool, resolve: Resolve = look_up, dial: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self._private, self._resolve, self._dial = private, resolve, dial or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface has it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that takes one.

        Raises:
            AddressRefusedError: the host has an address that may not be reached.
            httpcore.ConnectError: there is no such host, or nobody answers there.
            httpcore.ConnectTimeout: not within `timeout` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = list(dict.fromkeys(await self._resolve(host, port)))
                if not all(may_reach(one, private=self._private) for one in addresses):
                    raise AddressRefusedError("the name leads to where its provider may not be")

                async def call(address: str) -> httpcore.AsyncNetworkStream:
                    return await self._dial.connect_tcp(
                        address, port, local_address=local_address, socket_options=socket_options
                    )

                return await (call(*addresses) if len(addresses) == 1 else _first(call, _mixed(addresses)))
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        except (OSError, UnicodeError) as error:  # UnicodeError: longer than any name
            raise httpcore.ConnectError(type(error).__name__) from None


async def _first(call: Call, addresses: list[str]) -> httpcore.AsyncNetworkStream:
    """The first connection that stands. Each address has a head start before the next; the other calls are ended."""
    failure: BaseException = httpcore.ConnectError("no address")
    running: set[asyncio.Future[httpcore.AsyncNetworkStream]] = set()
    left = addresses
    try:
        while left or running:
            if left:
                running.add(asyncio.ensure_future(call(left[0])))
                left = left[1:]
            wait = HEAD_START if left else None
            await asyncio.wait(running, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            for one in [one for one in running if one.done()]:
                running.discard(one)
                if one.exception() is None:
                    return one.result()
                failure = one.exception() or failure
    finally:
        for one in running:
            one.cancel()
        for late in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(late, httpcore.AsyncNetworkStream):
                await late.aclose()
    raise failure


def _mixed(addresses: Sequence[str]) -> list[str]:
    """With one of the other family second, so that a machine without a way for the first loses a moment only."""
    first, *rest = addresses or [""]
    other = next((one for one in rest if (":" in one) != (":" in first)), None)
    return [] if not addresses else [first, *([other] if other else []), *(one for one in rest if one != other)]
