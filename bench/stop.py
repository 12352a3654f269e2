"""Stop: how long until the provider sees its connection closed, by the product's whole way.

    uv run python bench/stop.py

A provider on loopback streams one word and falls silent, or goes on without end. Measured is the time from
`Conversations.stop`, as a page calls it, until the provider's side of the socket reports the close; and from there to
the end that is published with its receipt.
"""

from __future__ import annotations

import contextlib
import gc
import json
import select
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from byok.process import Workbench
from byok.services.access import Actor
from local_server import MODEL
from report import Report
from workplace import NAME, furnish, settings

STOPS = 200
MOST_MS = 100.0
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
MODELS = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode()
LIST = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n" + MODELS
SILENT, TALKING = "falls silent", "talks on"


def _word() -> bytes:
    delta = {"model": MODEL, "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}
    data = b"data: " + json.dumps(delta).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


class Talker:
    """The provider. `closed` is set, and `closed_at` the time by `perf_counter`, when its asker has hung up."""

    def __init__(self) -> None:
        self.talks_on = False
        self.closed = threading.Event()
        self.closed_at = 0.0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Takes no more."""
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                asker, _ = self._listening.accept()
                with asker:
                    self._answer(asker)

    def _answer(self, asker: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += asker.recv(65536)
        head, _, body = request.partition(b"\r\n\r\n")
        if head.startswith(b"GET"):  # the test of the key
            asker.sendall(LIST)
            return
        lines = (line.lower() for line in head.split(b"\r\n"))
        left = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")) - len(body)
        while left > 0:
            left -= len(asker.recv(65536))
        asker.sendall(HEAD + _word())
        with contextlib.suppress(ConnectionError):
            while not select.select([asker], [], [], 0.01 if self.talks_on else None)[0] or asker.recv(65536):
                asker.sendall(_word())
        self.closed_at = time.perf_counter()
        self.closed.set()


@contextlib.contextmanager
def talker() -> Iterator[Talker]:
    """A provider that listens."""
    made = Talker()
    try:
        yield made
    finally:
        made.close()


def stop_once(bench: Workbench, actor: Actor, provider: Talker) -> tuple[float, float]:
    """Milliseconds from the call to the close, and to the end with its receipt."""
    provider.closed.clear()
    asked = bench.conversations.ask(actor, text="Tell me a long story.", model=NAME)
    live = bench.runner.live(asked.answer_ids[0])
    assert live is not None
    seen = live.version
    while not live.text:
        seen = live.wait(seen, timeout=5)
    began = time.perf_counter()
    bench.conversations.stop(actor, asked.answer_ids[0])
    assert live.wait_end(timeout=5)
    ended = time.perf_counter()
    assert provider.closed.wait(5)
    assert live.state == "stopped", live.snapshot()
    return (provider.closed_at - began) * 1000, (ended - began) * 1000


def main() -> int:
    """Prints and keeps the figures; the exit status."""
    found: dict[str, list[tuple[float, float]]] = {SILENT: [], TALKING: []}
    with talker() as provider, tempfile.TemporaryDirectory() as folder:
        bench = Workbench.open(settings(Path(folder), provider.base_url))
        try:
            actor = furnish(bench)
            gc.collect()
            gc.freeze()  # as the app does at its start
            for turn in range(-10, STOPS):
                for kind in found:
                    provider.talks_on = kind == TALKING
                    taken = stop_once(bench, actor, provider)
                    if turn >= 0:  # the first ones warm up
                        found[kind].append(taken)
        finally:
            bench.close()
    report = Report("stop", "Stop: from the person's click in a page's script to the provider's closed connection")
    report.add(f"SQLite, {STOPS} stops of each kind")
    report.add()
    report.add(f"{'the provider':<16}{'median ms':>11}{'p99 ms':>9}{'worst ms':>10}{'end kept, median ms':>22}")
    for kind, taken in found.items():
        closed, ended = sorted(one[0] for one in taken), [one[1] for one in taken]
        p99 = closed[round(len(closed) * 0.99) - 1]
        figures = f"{statistics.median(closed):>11.2f}{p99:>9.2f}{closed[-1]:>10.2f}{statistics.median(ended):>22.2f}"
        report.add(f"{kind:<16}{figures}")
    report.add()
    for kind, taken in found.items():
        worst = max(one[0] for one in taken)
        report.bar(f"{kind}: the slowest of {STOPS} stops", measured=worst, most=MOST_MS, unit="ms")
    return report.keep()


if __name__ == "__main__":
    sys.exit(main())
