"""Where an answer is to be fetched that a provider has taken on but not begun: a 202 with a ticket, one way a habit.

Refuses a ticket that is more than an id, since it becomes part of an address to which the key is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from byok.core.provider import Provider

POLL_SECONDS = (0.5, 1.0, 2.0)  # between looks; the last one goes on until the first token's deadline
_TICKET = re.compile(r"[A-Za-z0-9-]{8,64}")


def status_path(provider: Provider, headers: Mapping[str, str]) -> str | None:
    """Where to look for the answer, relative to the base URL; None where that is not said, or not this habit."""
    return _WHERE[provider.pending](headers)


def _nvcf(headers: Mapping[str, str]) -> str | None:
    ticket = headers.get("nvcf-reqid", "")
    return f"status/{ticket}" if _TICKET.fullmatch(ticket) else None


_WHERE: Mapping[str, Callable[[Mapping[str, str]], str | None]] = MappingProxyType(
    {"none": lambda _headers: None, "nvcf": _nvcf}
)
