"""What a verdict means to a person: what is left open, what to do next, and on which page. Asks no provider."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from byok.core.provider import Meaning, Provider
from byok.core.wire.shapes import UNPROVEN, Verdict

VERDICTS: Mapping[Meaning, Verdict] = MappingProxyType(
    {
        "rejected": "rejected",
        "limited": "limited",
        "no_credit": "no_credit",
        "rate_limited": "rate_limited",
        "refused": "unreachable",
        "down": "unreachable",
        "unsure": "unreachable",
    }
)
_NEXT_STEPS: Mapping[Verdict, str] = MappingProxyType(
    {
        "accepted": "",
        "rejected": "Copy the key again from the provider's page, or make a new one there.",
        "limited": "Change what the key may do on the provider's page, or use another key.",
        "no_credit": "Add credit or raise the limit on the provider's billing page.",
        "rate_limited": "Wait a little and test again.",
        "unreachable": "Test again in a moment; this says nothing against the key.",
        "unreadable": "Enter the key again.",
    }
)


def next_step(provider: Provider, verdict: Verdict) -> str:
    """What the person can do now; empty where there is nothing to do."""
    if verdict == "rejected" and provider.key_page is None:
        return "Copy the key again from where it is kept."
    return _NEXT_STEPS[verdict]


def left_open(verdict: Verdict) -> str:
    """What such a test did not prove, in a few words."""
    return "Whether the key works." if verdict in UNPROVEN else ""


def link(provider: Provider, verdict: Verdict) -> str | None:
    """The provider's page on which it can be done; None where there is none."""
    if verdict in ("rejected", "limited"):
        return provider.key_page
    return provider.billing_page if verdict == "no_credit" else None
