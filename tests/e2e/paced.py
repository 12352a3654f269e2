"""A provider on loopback that answers at a set pace, in a process of its own, and tells what it saw.

The model's id says how it answers: see `paced_models.plan`. A `pace-...` answer begins with `aN`, where N is the id
of its request here, and each token is `t` and the moment at which it was written, in milliseconds since the epoch.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.certificates import trusted

ROOT = Path(__file__).resolve().parents[2]
LOOK_EVERY = 0.02  # seconds


@dataclass(frozen=True)
class Seen:
    """One chat request as the provider saw it; moments are seconds since the epoch.

    Attributes:
        id: counted from 1, in order of arrival.
        body: the JSON as received.
        ended: when the last byte was written, or the connection reset on purpose.
        aborted: when the client was seen to close the connection before that.
        tokens: how many were written.
        latest_ms: the worst delay of a token behind its time: how far the provider itself was held up.
    """

    id: int
    model: str
    body: dict[str, Any]
    began: float
    ended: float | None
    aborted: float | None
    tokens: int
    latest_ms: float

    @property
    def open(self) -> bool:
        """Whether it is still being answered."""
        return self.ended is None and self.aborted is None


class Paced:
    """The running provider."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.base_url = f"{self.origin}/v1"

    def seen(self) -> list[Seen]:
        """Every chat request so far, in order of arrival."""
        with httpx.Client(verify=trusted(), trust_env=False) as client:
            return [Seen(**row) for row in client.get(f"{self.origin}/seen").json()]

    def seen_when(self, condition: Callable[[list[Seen]], object], *, timeout: float = 20) -> list[Seen]:
        """Waits until what was seen fits, and returns it.

        Raises:
            AssertionError: it did not fit within `timeout` seconds.
        """
        end = time.monotonic() + timeout
        while not condition(seen := self.seen()):
            assert time.monotonic() < end, f"not seen within {timeout} s; so far: {seen}"
            time.sleep(LOOK_EVERY)
        return seen


@contextmanager
def paced(*more_models: str) -> Iterator[Paced]:
    """The provider; `more_models` are listed besides the usual ones (it answers them unlisted too).

    `NAME=MODEL` lists a name of another provider's, and answers it as that model.
    """
    command = [sys.executable, "-m", "tests.e2e.paced_server", *more_models]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline()
            assert port, "the paced provider did not start"
            yield Paced(int(port))
        finally:
            process.stdin.close()  # which ends it
            process.wait(timeout=10)
