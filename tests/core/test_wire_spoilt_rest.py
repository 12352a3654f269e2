"""What is not a stream, spoilt at random: whole answers, refusals, lists of models, key checks, and packed bodies."""

from __future__ import annotations

import asyncio
import gzip
import random
import re
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Sequence

import httpx
import pytest

from byok.core.wire import Wire, make_http_client
from byok.ground.errors import ByokError
from tests.core.test_wire_mutations import ENOUGH_SECONDS, STREAMS, Pieces
from tests.mutations import WAYS, pieces, spoil
from tests.providers.answers import Answer, Request
from tests.providers.world import BEHAVIOURS
from tests.wire_tools import CATALOGUE, call_of, key_auth

STATUSES = (200, 201, 202, 204, 302, 400, 401, 402, 403, 404, 408, 413, 422, 429, 498, 500, 503, 529, 599)
TIMES = (
    "7",
    "",
    "-5",
    "nan",
    "1e400",
    "9" * 5000,
    "Wed, 21 Oct 2026 07:28:00 GMT",
    "Mon, 01 Jan 0001 00:00:00 GMT",
    "m",
)
ODD_NUMBERS = (b"9" * 5000, b'"%b"' % (b"9" * 5000), b"-0", b"1e999", b"NaN", b'"429"', b"\xd9\xa4")
SITUATIONS = ("rate limit with a time", "outage", "no credit", "restricted key", "gateway page", "wrong key")


def bodies_of(provider_id: str) -> list[bytes]:
    """All that the provider may say in one piece."""
    one = BEHAVIOURS[provider_id]("k")
    ask, look = Request("POST", "", {}, {}, {}), Request("GET", "", {}, {}, {})
    said: list[Answer | None] = [
        one.models(look),
        one.wrong_key(ask),
        one.strange_fields(["x"]),
        one.error(500, "Oops"),
    ]
    if CATALOGUE.get(provider_id).chat:
        said.append(one.chat(ask))
    for situation in SITUATIONS:
        trouble = getattr(one, "in_" + situation.replace(" ", "_"), None)
        said.append(trouble(ask) if trouble is not None else None)
    return [answer.body for answer in said if answer is not None]


change_value = WAYS[-1]
BODIES = {one: bodies_of(one) for one in BEHAVIOURS}


def spoilt(rng: random.Random, bodies: Sequence[bytes]) -> bytes:
    """One of them, harmed; made a line of a stream meanwhile, since it is there that single values are changed."""
    lines = [b"data: " + body for body in bodies]
    if rng.random() < 0.4:
        body = spoil(rng, lines)
    else:  # what stays readable gets further
        body = rng.choice(lines)
        for _ in range(rng.randint(0, 3)):
            body = change_value(rng, body, lines)
    if rng.random() < 0.25:
        body = re.sub(rb'("(?:code|status|created)": )(?:"[^"]*"|\d+|null)', rb"\g<1>" + rng.choice(ODD_NUMBERS), body)
    return body.removeprefix(b"data: ")


async def say(wire: Wire, provider_id: str, what: str) -> str:
    """Asks so; what came of it."""
    provider = CATALOGUE.get(provider_id)
    auth = key_auth(provider)
    try:
        if what == "check":
            return (await wire.check(provider, base_url=provider.base_url, auth=auth)).verdict
        if what == "models":
            await wire.models(provider, base_url=provider.base_url, auth=auth)
        else:
            async for _ in wire.chat(call_of(provider_id)):
                pass
    except ByokError as error:
        if what == "check":
            raise AssertionError("a check never raises for what a provider does") from error
        return type(error).__name__
    return "answered"


def spoil_the_rest(count: int, seed: int) -> Counter[str]:
    """Has so many spoilt answers read; how often what came of them.

    Raises:
        AssertionError: one hung, held too much, or failed otherwise than by the error tree; it says which.
    """
    outcomes: Counter[str] = Counter()
    reply: list[tuple[int, Sequence[bytes], dict[str, str]]] = []

    def answer(_request: httpx.Request) -> httpx.Response:
        status, parts, headers = reply[0]
        return httpx.Response(status, stream=Pieces(parts), headers=headers)

    async def run() -> None:
        async with make_http_client(transport=httpx.MockTransport(answer)) as http:
            wire = Wire(http)
            for number in range(count):
                rng = random.Random(f"{seed}/{number}")  # noqa: S311 - to be repeated, not to be secret
                provider_id = rng.choice(list(BODIES))
                what = rng.choice(("chat", "models", "check"))
                body = spoilt(rng, [*BODIES[provider_id], *rng.choice(list(BODIES.values()))])
                headers = {
                    "content-type": rng.choice(("application/json", "text/event-stream", "text/html", "", "x" * 99)),
                    "retry-after": rng.choice(TIMES),
                    "nvcf-reqid": rng.choice(("", "../x")),
                }
                if rng.random() < 0.2:  # packed, and spoilt before or after
                    body = gzip.compress(spoil(rng, list(STREAMS.values())) if rng.random() < 0.5 else body, mtime=0)
                    headers["content-encoding"] = rng.choice(("gzip", "gzip", "gzip, gzip", "deflate", "br"))
                    body = spoil(rng, [body]) if rng.random() < 0.5 else body
                status = 200 if rng.random() < 0.5 else rng.choice(STATUSES)
                reply[:] = [(status, pieces(rng, body), headers)]
                which = f"seed {seed}, number {number}, {what} of {provider_id}, {status}"
                measured = number % 20 == 0
                await asyncio.sleep(0)  # the loop tidies up between waits
                if measured:
                    tracemalloc.start()
                try:
                    async with asyncio.timeout(ENOUGH_SECONDS):
                        outcomes[f"{what}: {await say(wire, provider_id, what)}"] += 1
                except Exception as error:
                    raise AssertionError(f"{which}: {type(error).__name__}: {error}") from error
                finally:
                    peak = tracemalloc.get_traced_memory()[1] if measured else 0
                    tracemalloc.stop()
                assert peak < 1024 * 1024 + 50 * len(body), f"{which}: {peak:,} bytes for {len(body):,}"

    asyncio.run(run())
    return outcomes


ALL_KINDS = {"answered", "accepted", "unreachable", "BadAnswerError", "KeyRejectedError", "NoCreditError"}


def kinds(outcomes: Counter[str]) -> set[str]:
    return {name.partition(": ")[2] for name in outcomes}


def test_two_thousand_spoilt_answers_that_are_no_streams_end_in_the_error_tree() -> None:
    assert kinds(spoil_the_rest(2_000, seed=1)) >= ALL_KINDS


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_thirty_thousand_spoilt_answers_that_are_no_streams_end_in_the_error_tree() -> None:
    assert kinds(spoil_the_rest(30_000, seed=2)) >= ALL_KINDS


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_three_hundred_thousand_spoilt_answers_that_are_no_streams_end_in_the_error_tree(
    capsys: pytest.CaptureFixture[str],
) -> None:
    began = time.monotonic()
    outcomes = spoil_the_rest(300_000, seed=3)
    with capsys.disabled():
        took = f"{time.monotonic() - began:.0f} s; 0 hung, 0 other errors, none held over 1 MiB + 50 x itself"
        sys.stdout.write(f"\n300,000 spoilt answers that are no streams, seed 3: {took}\n")
        sys.stdout.writelines(f"{number:>9,}  {name}\n" for name, number in outcomes.most_common())
    assert kinds(outcomes) >= ALL_KINDS
