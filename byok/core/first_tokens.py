"""Times to the first text, counted in buckets, so that days can be added up and still have a median.

Refuses to pass a bucket for a measurement: a median is one to within the width of its bucket, and says "about".
"""

from __future__ import annotations

from collections.abc import Sequence

from byok.ground.tables.rollups import BOUNDS_MS, BUCKETS

EMPTY = (0,) * len(BUCKETS)


def bucket(ttft_ms: int) -> int:
    """The place in `BUCKETS` of a time in milliseconds."""
    return next((place for place, bound in enumerate(BOUNDS_MS) if ttft_ms < bound), len(BOUNDS_MS))


def median_ms(counts: Sequence[int]) -> int | None:
    """About the median in milliseconds; None where nothing was counted."""
    return within_ms(counts, 0.5)


def within_ms(counts: Sequence[int], share: float) -> int | None:
    """About the time within which that share had its first text, as if a bucket's times lay evenly in it.

    Returns:
        Milliseconds; None where nothing was counted.
    """
    wanted, before = share * sum(counts), 0
    for place, count in enumerate(counts):
        if count and before + count >= wanted:
            low = BOUNDS_MS[place - 1] if place else 0
            high = BOUNDS_MS[place] if place < len(BOUNDS_MS) else low
            return round(low + (high - low) * (wanted - before) / count)
        before += count
    return None
