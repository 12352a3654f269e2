"""Which of several addresses of a provider is taken, and what becomes of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpcore
import pytest

from byok.core.wire.network import AddressRefusedError, JudgedNetwork, look_up


class Stream(httpcore.AsyncNetworkStream):
    """A connection that notes its end."""

    def __init__(self, address: str) -> None:
        self.address, self.closed = address, False

    async def aclose(self) -> None:
        self.closed = True


class Dialer(httpcore.AsyncNetworkBackend):
    """Answers for an address at once, after `then`, never, or not at all."""

    def __init__(self, **behaviour: str) -> None:
        self._behaviour = {name.replace("_", "."): how for name, how in behaviour.items()}
        self.called: list[str] = []
        self.ended: list[str] = []
        self.made: list[Stream] = []

    async def connect_tcp(self, host: str, port: int, *args: Any, **more: Any) -> httpcore.AsyncNetworkStream:
        self.called.append(host)
        how = self._behaviour.get(host.removeprefix("8."), "yes")
        if how == "no":
            raise httpcore.ConnectError
        if how == "silent":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.ended.append(host)
                raise
        self.made.append(Stream(host))
        return self.made[-1]


def connect(dialer: Dialer, *addresses: str, timeout: float = 5) -> Stream:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    async def run() -> httpcore.AsyncNetworkStream:
        network = JudgedNetwork(private=False, resolve=resolve, dial=dialer)
        return await network.connect_tcp("api.example", 443, timeout=timeout)

    stream = asyncio.run(run())
    assert isinstance(stream, Stream)
    return stream


def test_the_first_address_is_taken_where_it_answers() -> None:
    dialer = Dialer()
    assert connect(dialer, "8.8.8.1", "8.8.8.2").address == "8.8.8.1"
    assert dialer.called == ["8.8.8.1"]


def test_the_next_address_is_taken_where_the_first_refuses() -> None:
    dialer = Dialer(**{"8_8_1": "no", "8_8_2": "no"})
    assert connect(dialer, "8.8.8.1", "8.8.8.2", "8.8.8.3").address == "8.8.8.3"


def test_an_address_that_keeps_silent_does_not_hold_up_the_next_and_is_let_go() -> None:
    dialer = Dialer(**{"8_8_1": "silent"})
    assert connect(dialer, "8.8.8.1", "8.8.8.2").address == "8.8.8.2"
    assert dialer.ended == ["8.8.8.1"]


def test_the_other_kind_of_address_is_tried_second() -> None:
    dialer = Dialer(**{"8_8_1": "no", "8_8_2": "no"})
    connect(dialer, "8.8.8.1", "8.8.8.2", "2606:4700::1", "8.8.8.1")
    assert dialer.called == ["8.8.8.1", "2606:4700::1"]


@pytest.mark.parametrize("addresses", [(), ("8.8.8.1",), ("8.8.8.1", "8.8.8.2")])
def test_where_no_address_answers_there_is_no_connection(addresses: tuple[str, ...]) -> None:
    with pytest.raises(httpcore.ConnectError):
        connect(Dialer(**{"8_8_1": "no", "8_8_2": "no"}), *addresses)


def test_waiting_for_all_of_them_ends_in_time_and_lets_them_go() -> None:
    dialer = Dialer(**{"8_8_1": "silent", "8_8_2": "silent"})
    with pytest.raises(httpcore.ConnectTimeout):
        connect(dialer, "8.8.8.1", "8.8.8.2", timeout=0.3)
    assert sorted(dialer.ended) == dialer.called


def test_a_name_server_that_keeps_silent_is_given_up() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    with pytest.raises(httpcore.ConnectTimeout):
        asyncio.run(JudgedNetwork(private=True, resolve=resolve).connect_tcp("api.example", 443, timeout=0.01))


@pytest.mark.parametrize("trouble", [OSError("no such name"), UnicodeError("label too long")])
def test_a_name_that_is_not_found_is_no_connection(trouble: Exception) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        raise trouble

    with pytest.raises(httpcore.ConnectError):
        asyncio.run(JudgedNetwork(private=True, resolve=resolve).connect_tcp("api.example", 443))


def test_one_address_that_may_not_be_reached_refuses_the_name() -> None:
    dialer = Dialer()
    with pytest.raises(AddressRefusedError):
        connect(dialer, "8.8.8.1", "127.0.0.1")
    assert dialer.called == []


def test_a_socket_of_the_file_system_is_no_way_out() -> None:
    with pytest.raises(NotImplementedError):
        asyncio.run(JudgedNetwork(private=True).connect_unix_socket("/run/somebody.sock"))


@pytest.mark.parametrize(("host", "address"), [("::FFFF:7F00:1", "::ffff:7f00:1"), ("10.0.0.7", "10.0.0.7")])
def test_a_number_needs_no_name_server(host: str, address: str) -> None:
    assert asyncio.run(look_up(host, 443)) == [address]
