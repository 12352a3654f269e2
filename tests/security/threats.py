"""The threats that the product is held against, each by a number that tests name: what is attacked, and how.

SECURITY.md says what is promised against each; `table` says how often it was tried and what got through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pytest

THREATS: Mapping[int, str] = MappingProxyType(
    {
        1: "keys: a stolen database, log or backup",
        2: "keys: a row copied to another company, provider, row or address",
        3: "keys: a row tampered with",
        4: "keys: a nonce used twice",
        5: "keys: a missing, wrong or well-known master key",
        6: "keys: half a rotation",
        7: "keys: a secret column that nobody thought of",
        8: "keys: what a deletion leaves behind",
        9: "keys: logs and error messages",
        10: "keys: what a browser is sent",
        11: "keys: session state and caches",
        12: "keys: pasted with odd characters",
        13: "keys: an exchanged provider address",
        14: "network: requests to inner addresses",
        15: "keys: redirects",
        16: "keys: a proxy of the environment",
        17: "companies' data: another company's ids",
        18: "admin's rights: a member, or one who was an admin",
        19: "plan: calls that it does not allow",
        20: "accounts: guessed passwords",
        21: "accounts: which usernames there are",
        22: "sessions: replay and fixation",
        23: "chats: answers that call home",
        24: "viewers: scripts of others, foreign origins",
        25: "analysts: formulas in exports",
        26: "the record: rows changed, removed, reordered or cut off",
    }
)


@dataclass(frozen=True)
class Tried:
    """What a test, or several, came to against one threat. `leaks` counts what got through: keys, rows, requests."""

    tries: int = 0
    leaks: int = 0
    tests: int = 0

    def __add__(self, other: Tried) -> Tried:
        return Tried(self.tries + other.tries, self.leaks + other.leaks, self.tests + other.tests)


def at_scale(whole: int, *, few: int | None = None) -> pytest.MarkDecorator:
    """Hands a test its number of `tries`: few in a plain run, a tenth of the whole under `slow`, the whole by hand.

    Args:
        few: how many in a plain run; a thousandth of the whole where it is not given.
    """
    return pytest.mark.parametrize(
        "tries",
        [
            pytest.param(max(1, whole // 1000) if few is None else few, id="few"),
            pytest.param(max(1, whole // 10), id="tenth", marks=pytest.mark.slow),
            pytest.param(whole, id="whole", marks=pytest.mark.soak),
        ],
    )


def table(found: Mapping[int, Tried], *, more: Mapping[int, str] | None = None) -> Iterable[str]:
    """One line a threat; those without any test in this run say so.

    Args:
        more: what stands behind a line, by threat: the day of a run by hand.
    """
    yield f"{'':>2}  {'threat':<66} {'tests':>6} {'tries':>12} {'leaks':>6}"
    for number, threat in THREATS.items():
        one = found.get(number)
        figures = f"{one.tests:>6,} {one.tries:>12,} {one.leaks:>6,}" if one else f"{'not tried in this run':>26}"
        yield f"{number:>2}  {threat:<66} {figures}  {(more or {}).get(number, '')}".rstrip()
