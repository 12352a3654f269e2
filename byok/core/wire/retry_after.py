"""How long a provider asks to be left alone, from wherever it says so. Refuses to make up a time that nobody named.

One that is longer than any limit's period is cut to that: whoever adds it to a day must not meet the end of time.
"""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Mapping
from typing import Any

LONGEST = 31 * 86_400.0
_UNITS: Mapping[str, float] = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|[hms])")


def retry_after(headers: Mapping[str, str], *, status: int | None = None, body: Any = None) -> float | None:
    """Seconds, from 0 to `LONGEST`; None where nothing was said.

    Args:
        status: of the answer: a limit's reset counts only where a limit was the reason, at 429.
        body: the parsed JSON of the error.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number_or_date(headers.get(name, ""), unit)
        if seconds is not None:
            return min(max(0.0, seconds), LONGEST)
    named = _retry_info(body)
    if named is None and status == 429:
        named = _resets(headers)
    return None if named is None else min(named, LONGEST)


def _number_or_date(value: str, unit: float) -> float | None:
    if not value:
        return None
    try:
        seconds = float(value) * unit
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return seconds if math.isfinite(seconds) else None


def _resets(headers: Mapping[str, str]) -> float | None:
    """The longest time until a limit that is used up begins anew, as OpenAI and Groq say it."""
    used_up = [kind for kind in ("requests", "tokens") if headers.get(f"x-ratelimit-remaining-{kind}") == "0"]
    found = (_duration(headers.get(f"x-ratelimit-reset-{kind}", "")) for kind in used_up)
    return max((seconds for seconds in found if seconds is not None), default=None)


def _retry_info(body: Any) -> float | None:
    """`retryDelay` of Google's `RetryInfo`, among an error's details; the error may stand in an array of one."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    error = body.get("error", body) if isinstance(body, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and (seconds := _duration(delay)) is not None:
            return seconds
    return None


def _duration(text: str) -> float | None:
    """Seconds of e.g. `12ms`, `7.66s` or `1m30s`."""
    parts = _PART.findall(text[:100])
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
