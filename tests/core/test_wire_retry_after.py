"""How long a provider asks to be left alone: headers, Google's details, and limits that begin anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from byok.core.wire.retry_after import retry_after
from byok.ground.errors import RateLimitedError
from tests.wire_tools import ask, call_of

USED_UP = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-remaining-tokens": "149984"}


def google(delay: object) -> list[dict[str, Any]]:
    kinds = [{"@type": "type.googleapis.com/google.rpc.Help"}, {"@type": "x/google.rpc.RetryInfo", "retryDelay": delay}]
    return [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota.", "details": kinds}}]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
        ({"retry-after": "7", **USED_UP, "x-ratelimit-reset-requests": "6m0s"}, 7.0),
        ({**USED_UP, "x-ratelimit-reset-requests": "12ms"}, 0.012),
        ({**USED_UP, "x-ratelimit-reset-requests": "1m30.5s", "x-ratelimit-reset-tokens": "6h"}, 90.5),
        ({"retry-after": "1e14"}, 31 * 86_400.0),
        ({"retry-after-ms": "1e300"}, 31 * 86_400.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 31 * 86_400.0),
        ({**USED_UP, "x-ratelimit-reset-requests": "999999999h"}, 31 * 86_400.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "later"}, None),
        ({"x-ratelimit-reset-requests": "1s"}, None),
        ({**USED_UP, "x-ratelimit-reset-requests": "soon 1s"}, None),
        ({**USED_UP, "x-ratelimit-reset-requests": ""}, None),
        ({}, None),
    ],
)
def test_the_headers_of_a_429_say_how_long(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, status=429) == seconds


def test_a_limit_that_is_used_up_is_no_reason_for_an_outage_to_pass() -> None:
    assert retry_after({**USED_UP, "x-ratelimit-reset-requests": "6m"}, status=503) is None


def test_a_date_is_a_time_from_now() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    seconds = retry_after({"retry-after": soon})
    assert seconds is not None
    assert 60 < seconds <= 90


@pytest.mark.parametrize("body", [google("17.5s"), google("17.5s")[0], google("17.5s")[0]["error"]])
def test_googles_details_say_how_long(body: object) -> None:
    assert retry_after({}, body=body) == 17.5


@pytest.mark.parametrize("body", [None, [], [1, 2], "17s", {"error": "no"}, {"error": {"details": 3}}, google(17)])
def test_other_bodies_say_nothing(body: object) -> None:
    assert retry_after({}, body=body) is None


def test_the_person_is_told_when_gemini_wants_to_be_asked_again() -> None:
    with pytest.raises(RateLimitedError, match=r"Try again in 18 seconds\.") as caught:
        ask(httpx.Response(429, json=google("17.5s")), call_of("gemini"))
    assert caught.value.retry_after == 17.5


def test_the_person_is_told_when_a_days_requests_begin_anew() -> None:
    headers = {**USED_UP, "x-ratelimit-reset-requests": "1h0m30s"}
    with pytest.raises(RateLimitedError, match=r"Try again in 61 minutes"):
        ask(httpx.Response(429, json={"error": {"message": "Slow down."}}, headers=headers), call_of("groq"))
