"""A page served by `streamlit run` in one process, as an operator would start it, and the CPU time that it takes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
IDLE = 0.05  # seconds of CPU in a second
OWN = ("BYOK_", "STREAMLIT_", "OPENAI_")  # what this environment has of these is not handed on


@dataclass
class ServedPage:
    """A running server."""

    url: str
    process: subprocess.Popen[bytes]

    def cpu(self) -> float:
        """Seconds of CPU, user and system, of the process and of all that it started."""
        return sum(_ticks(pid) for pid in _tree(self.process.pid)) / TICKS

    def until_idle(self) -> None:
        """Waits until it does nothing: what a server imports after its start is no part of a measurement."""
        for _ in range(60):
            before = self.cpu()
            time.sleep(1)
            if self.cpu() - before < IDLE:
                return
        raise AssertionError("the server does not come to rest")


def _tree(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for thread in threads for child in thread.read_text().split()]
    return [pid, *(one for child in children for one in _tree(child))]


def _ticks(pid: int) -> int:
    # After the name, which may hold blanks: fields 14 to 17 are its own times and those of children that ended.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served_page(file: str, log: Path, **environment: str) -> Iterator[ServedPage]:
    """Starts `bench/<file>` and waits until it answers."""
    port = _free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(OWN)} | environment
    command = [sys.executable, "-m", "streamlit", "run", f"bench/{file}", "--server.port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--server.headless", "true"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    page = ServedPage(f"http://127.0.0.1:{port}", process)
    try:
        _wait(page, log)
        yield page
    finally:
        process.terminate()
        process.wait(30)


def _wait(page: ServedPage, log: Path) -> None:
    with httpx.Client(trust_env=False, timeout=1) as client:
        for _ in range(600):
            assert page.process.poll() is None, "the server ended:\n" + log.read_text()
            try:
                if client.get(f"{page.url}/_stcore/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
    raise AssertionError("the server did not start:\n" + log.read_text())
