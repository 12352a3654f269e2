"""The slow link: what passes, how fast, and what happens when it is cut."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from tests.e2e.paced import paced
from tests.e2e.slow_link import SlowLink

BLOB = bytes(range(256)) * 400  # 102,400 bytes


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where each connection is served in a thread."""
    threads: list[threading.Thread] = []

    def serve_and_close(connection: socket.socket) -> None:
        with connection:
            serve(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve_and_close, args=(connection,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = threading.Thread(target=accept)
        accepting.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
        accepting.join()
    for one in threads:
        one.join()


def send_blob(connection: socket.socket) -> None:
    connection.sendall(BLOB)


def echo(connection: socket.socket) -> None:
    try:
        while data := connection.recv(4096):
            connection.sendall(data)
    except ConnectionError:
        return


def connect(link: SlowLink) -> socket.socket:
    return socket.create_connection(("127.0.0.1", link.port), timeout=10)


def receive(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += connection.recv(size - len(found)) or pytest.fail("the connection ended")
    return found


def read_all(connection: socket.socket) -> bytes:
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_bytes_pass_whole_and_no_faster_than_the_link() -> None:
    with server(send_blob) as port, SlowLink(port, bits_per_second=4_000_000) as link:
        began = time.monotonic()
        assert read_all(connect(link)) == BLOB
        assert time.monotonic() - began >= len(BLOB) * 8 / 4_000_000 - 0.01
        assert link.down == len(BLOB)


def test_all_connections_share_one_link() -> None:
    with server(send_blob) as port, SlowLink(port, bits_per_second=8_000_000) as link:
        began = time.monotonic()
        opened = [connect(link) for _ in range(4)]
        assert [read_all(one) for one in opened] == [BLOB] * 4
        assert time.monotonic() - began >= 4 * len(BLOB) * 8 / 8_000_000 - 0.01


def test_both_ways_are_counted_and_the_way_up_is_not_slowed() -> None:
    with server(echo) as port, SlowLink(port, bits_per_second=80_000_000) as link, connect(link) as connection:
        connection.sendall(b"hello")
        assert receive(connection, 5) == b"hello"
        assert (link.up, link.down) == (5, 5)


def test_latency_is_added_each_way_and_does_not_narrow_the_link() -> None:
    with server(echo) as port, SlowLink(port, bits_per_second=80_000_000, latency=0.1) as link:
        began = time.monotonic()
        with connect(link) as connection:
            connection.sendall(BLOB[:30_000])
            assert receive(connection, 30_000) == BLOB[:30_000]
        took = time.monotonic() - began
        assert took >= 0.2
        assert took < 2.0  # 21 pieces, one after the other, would take more than 4 s


def test_a_cut_resets_what_is_open_and_refuses_what_is_new_until_it_is_mended() -> None:
    with server(echo) as port, SlowLink(port) as link:
        connection = connect(link)
        connection.sendall(b"hello")
        assert receive(connection, 5) == b"hello"
        link.cut()
        with closing(connection), pytest.raises(ConnectionResetError):
            connection.recv(1)
        with pytest.raises(ConnectionRefusedError):
            connect(link)
        link.mend()
        with connect(link) as again:
            again.sendall(b"again")
            assert receive(again, 5) == b"again"


def test_a_server_that_is_not_there_is_a_reset_connection() -> None:
    with server(echo) as port:
        pass
    with SlowLink(port) as link, pytest.raises(ConnectionResetError), connect(link) as connection:
        connection.recv(1)


def test_the_server_feels_a_client_that_leaves() -> None:
    with paced() as provider, SlowLink(int(provider.origin.rsplit(":", 1)[1])) as link:
        body = {"model": "pace-20-200", "messages": [], "stream": True}
        url = f"{link.url}/v1/chat/completions"
        with httpx.Client(trust_env=False) as client, client.stream("POST", url, json=body) as answer:
            assert b"data: " in next(answer.iter_bytes())
        assert provider.seen_when(lambda seen: seen[-1].aborted)


def test_little_waits_before_the_link_so_that_the_server_feels_how_slow_it_is() -> None:
    sent = 0
    full = threading.Event()

    def pour(connection: socket.socket) -> None:
        nonlocal sent
        connection.settimeout(0.3)
        try:
            while sent < 50_000_000:
                sent += connection.send(BLOB)
        except OSError:
            full.set()

    with server(pour) as port, SlowLink(port, bits_per_second=100_000) as link, connect(link):
        assert full.wait(10)
    assert sent < 8_000_000


def test_it_ends_with_connections_open() -> None:
    with server(echo) as port, SlowLink(port) as link:
        kept = connect(link)
        kept.sendall(b"x")
        assert kept.recv(1) == b"x"
    with kept, pytest.raises(ConnectionResetError):
        kept.recv(1)
