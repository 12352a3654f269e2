"""What is drawn for a random story of the ledger: calls, how they end, and how long the clock goes on.

Nothing drawn depends on what threads did: places are numbers that wrap around. So a story can be told again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from hypothesis import strategies as st

from byok.core.ledger import EndStatus, Outcome
from byok.ground.tables.rollups import BOUNDS_MS
from tests.core.ledger_model import Row
from tests.core.ledger_world import PROVIDERS

UNIT = 1_000_000_007_003  # pico-dollars: about a dollar, and no round number
TICK = timedelta(microseconds=1)
FAILED = Outcome("error", answered=False, error="ProviderDownError", duration_ms=90)

# Status, whether its first text came, whether it was sent.
KINDS: Mapping[str, tuple[EndStatus, bool, bool]] = {
    "complete": ("complete", True, True),
    "stopped after its first text": ("stopped", True, True),
    "stopped before any text": ("stopped", False, True),
    "interrupted after its first text": ("interrupted", True, True),
    "interrupted before any text": ("interrupted", False, True),
    "failed after its first text": ("error", True, True),
    "failed before any text": ("error", False, True),
    "never sent": ("stopped", False, False),
}


@dataclass(frozen=True)
class Sketch:
    """A call, but for what must be chosen among what there is: places in lists, that wrap around."""

    source: Literal["byok", "plan"]
    provider_id: str
    model: str
    units: int | None
    key: int
    person: int
    chatbot: int
    process: int
    talk: bool


@dataclass(frozen=True)
class Ending:
    """How an attempt ends. `sevenths` of the most that it may cost it did cost; None: nobody knows."""

    kind: str
    tokens_in: int | None
    tokens_out: int | None
    part: int
    sevenths: int | None
    ttft_ms: int

    def outcome(self, row: Row) -> Outcome:
        """Of this attempt: never dearer than was reserved for it."""
        status, answered, sent = KINDS[self.kind]
        if not answered and status != "error":
            return Outcome(status, False, "NotSentError" if not sent else None, duration_ms=700 if sent else None)
        most = row["reserved_pico"] if row["reserved_pico"] is not None else 3 * UNIT
        return Outcome(
            status,
            answered,
            error="BadAnswerError" if status == "error" else None,
            model_answered="a-model-1",
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            tokens_cached=self.tokens_in and self.tokens_in // self.part,
            tokens_reasoning=self.tokens_out and self.tokens_out // self.part,
            cost_pico=None if self.sevenths is None else most * self.sevenths // 7,
            price_origin=None if self.sevenths is None else "test list",
            ttft_ms=self.ttft_ms if answered else None,
            duration_ms=70_000,
            provider_request_id="r1",
        )


COUNTS = st.none() | st.sampled_from([0, 1, 11, 2_147_483_647])
PLACES = st.integers(0, 99)
COMPANIES = st.integers(0, 1)
SKETCHES = st.builds(
    Sketch,
    source=st.sampled_from(["byok", "plan"]),
    provider_id=st.sampled_from(PROVIDERS),
    model=st.sampled_from(["small", "large/next"]),
    units=st.sampled_from([None, 1, 2, 5]),
    key=st.integers(0, 1),
    person=st.integers(0, 2),
    chatbot=st.integers(0, 1),
    process=st.integers(0, 2),
    talk=st.booleans(),
)
ENDINGS = st.builds(
    Ending,
    kind=st.sampled_from(list(KINDS)),
    tokens_in=COUNTS,
    tokens_out=COUNTS,
    part=st.integers(1, 3),
    sevenths=st.none() | st.integers(0, 7),
    ttft_ms=st.sampled_from([0, *BOUNDS_MS]).flatmap(lambda ms: st.sampled_from([max(0, ms - 1), ms, ms + 1])),
)
COLUMNS = st.lists(st.tuples(SKETCHES, st.none() | ENDINGS), min_size=1, max_size=4)
PICKS = st.lists(st.tuples(PLACES, ENDINGS), min_size=1, max_size=4)
# A budget's amount and its calls without a price: exactly so many, or one pico-dollar short of it. None: removed.
LIMITS = st.none() | st.tuples(
    st.integers(0, 20).flatmap(lambda units: st.sampled_from([units * UNIT, max(0, units * UNIT - 1)])),
    st.integers(0, 4),
)
ZONES = st.sampled_from([0, 5.5, 14, -12])  # hours ahead of UTC: in which zone callers say the time
STARTS = ("2026-02-28T23:59:59.999999", "2028-02-28T22:00:00", "2026-11-30T23:59:59", "2026-12-31T12:00:00")


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _next_month(now: datetime) -> datetime:
    return (_midnight(now).replace(day=1) + timedelta(days=31)).replace(day=1)


WAITS: Mapping[str, Callable[[datetime], datetime]] = {
    "a moment": lambda now: now + TICK,
    "an hour and a half": lambda now: now + timedelta(hours=1.5),
    "until just before midnight": lambda now: _midnight(now) - TICK,
    "until midnight": _midnight,
    "until just before the next month": lambda now: _next_month(now) - TICK,
    "until the next month": _next_month,
    "until the last moment of February": lambda now: datetime(now.year + (now.month > 1), 3, 1, tzinfo=UTC) - TICK,
}
