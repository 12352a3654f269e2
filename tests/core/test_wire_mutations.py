"""Recorded streams of every provider, cut anywhere and spoilt at random: the same deltas, or an error of the tree."""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byok.core.wire import Delta, Ended, Wire, make_http_client
from byok.ground.errors import ByokError
from tests.mutations import pieces, spoil
from tests.providers.answers import Request
from tests.providers.behaviour import TEXT
from tests.providers.world import BEHAVIOURS
from tests.wire_tools import CATALOGUE, call_of

Ask = Callable[[str, Sequence[bytes]], Awaitable[list[Delta | Ended]]]
ASKED = Request("POST", "", {}, {}, {"stream": True})
STREAMS = {one: made("k").chat(ASKED).body for one, made in BEHAVIOURS.items() if CATALOGUE.get(one).chat}
ENOUGH_SECONDS = 20.0  # for one spoilt stream of a few kilobytes
MOST_MEMORY = 96 * 1024 * 1024  # bytes that the whole run may add


class Pieces(httpx.AsyncByteStream):
    """A body that comes as it was cut."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


def run_all(asking: Callable[[Ask], Awaitable[None]]) -> None:
    """Hands `asking` what asks a provider whose answer comes in given pieces."""

    async def run() -> None:
        body: list[Sequence[bytes]] = [()]

        def answer(_request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Pieces(body[0]), headers={"content-type": "text/event-stream"})

        async with make_http_client(transport=httpx.MockTransport(answer)) as http:
            wire = Wire(http)

            async def ask(provider_id: str, parts: Sequence[bytes]) -> list[Delta | Ended]:
                body[0] = parts
                return [event async for event in wire.chat(call_of(provider_id))]

            await asking(ask)

    asyncio.run(run())


@pytest.mark.parametrize("provider_id", STREAMS)
@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, 10_000), max_size=40))
def test_where_a_stream_is_cut_makes_no_difference(provider_id: str, cuts: list[int]) -> None:
    body = STREAMS[provider_id]
    places = sorted({cut % (len(body) + 1) for cut in cuts})
    cut = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]

    async def both(ask: Ask) -> None:
        whole, in_pieces = await ask(provider_id, [body]), await ask(provider_id, cut)
        assert in_pieces == whole
        assert "".join(event.text for event in whole if isinstance(event, Delta)) == "".join(TEXT)

    run_all(both)


def spoil_many(count: int, seed: int) -> str:
    """Reads that many spoilt streams; what came of them, as a report.

    Raises:
        AssertionError: one of them hung, or failed otherwise than by the error tree; the seed and the number say which.
    """
    outcomes: Counter[str] = Counter()
    streams = list(STREAMS.values())
    began, before = time.monotonic(), _peak()

    async def all_of_them(ask: Ask) -> None:
        for number in range(count):
            rng = random.Random(f"{seed}/{number}")  # noqa: S311 - to be repeated, not to be secret
            provider_id = rng.choice(list(STREAMS))
            parts = pieces(rng, spoil(rng, streams))
            await asyncio.sleep(0)  # nothing here waits by itself, and the loop tidies up between waits
            which = f"seed {seed}, number {number}, {provider_id}"
            try:
                async with asyncio.timeout(ENOUGH_SECONDS):
                    events = await ask(provider_id, parts)
            except ByokError as error:
                outcomes[type(error).__name__] += 1
            except Exception as error:
                raise AssertionError(f"{which}: {type(error).__name__}: {error}") from error
            else:
                outcomes["answered"] += 1
                text = "".join(event.text + event.reasoning for event in events if isinstance(event, Delta))
                assert len(text) <= sum(map(len, parts)), which
                assert "\0" not in text, which
                text.encode()

    run_all(all_of_them)
    added = _peak() - before
    assert added < MOST_MEMORY, f"seed {seed}: {added:,} bytes more at the peak"
    lines = [f"{number:>9,}  {name}" for name, number in outcomes.most_common()]
    took = f"{time.monotonic() - began:.0f} s, at the peak {added / 2**20:.1f} MiB more than before"
    return "\n".join([f"{count:,} spoilt streams, seed {seed}: {took}; 0 hung, 0 other errors", *lines])


def _peak() -> int:
    """The most memory that this process has held, in bytes."""
    kilo = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilo


def test_two_thousand_spoilt_streams_end_in_an_answer_or_an_error_of_the_tree() -> None:
    assert "answered" in spoil_many(2_000, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_thousand_spoilt_streams_end_in_an_answer_or_an_error_of_the_tree() -> None:
    assert "answered" in spoil_many(100_000, seed=2)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_million_spoilt_streams_end_in_an_answer_or_an_error_of_the_tree(capsys: pytest.CaptureFixture[str]) -> None:
    report = spoil_many(1_000_000, seed=3)
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
    assert "answered" in report
