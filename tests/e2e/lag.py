"""How far behind the wire a page is, measured by the page itself (`lag.js`) on answers of the paced provider.

Both read the same machine's clock. A token is seen in the first animation frame that finds it in the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from playwright.sync_api import Page

SCRIPT = (Path(__file__).parent / "lag.js").read_text("utf-8")


@dataclass(frozen=True)
class Lags:
    """Of some tokens, how long after they were written they were seen, in ms; nothing was seen: None."""

    tokens: int
    p50: float | None
    p95: float | None
    most: float | None

    @classmethod
    def of(cls, lags: Sequence[float]) -> Lags:
        """Percentiles by nearest rank."""
        if not lags:
            return cls(0, None, None, None)
        ranked = sorted(lags)
        p50, p95 = (ranked[ceil(share * len(ranked)) - 1] for share in (0.5, 0.95))
        return cls(len(ranked), p50, p95, ranked[-1])


@dataclass(frozen=True)
class Reading:
    """What a page has measured since it began to.

    Attributes:
        all: the tokens of all columns.
        columns: by the mark `aN` of the answer; N is the `Seen.id` of its request at the provider.
        longest_task: of the browser's main thread, in ms; 0 where none was longer than 50 ms.
        longest_gap: between two animation frames, in ms.
        frames: how many there were.
        own: what measuring itself took, in ms, altogether.
    """

    all: Lags
    columns: dict[str, Lags]
    longest_task: float
    longest_gap: float
    frames: int
    own: float


def install(page: Page) -> None:
    """Lets this page, and every one it goes to, measure itself from now on."""
    page.add_init_script(SCRIPT)
    page.evaluate(SCRIPT)


def begin(page: Page) -> None:
    """Forgets what was measured; what is in sight now is not counted again."""
    page.evaluate("__lag.begin()")


def read(page: Page) -> Reading:
    """What was measured since the page was loaded, or since `begin`."""
    found = page.evaluate("__lag.read()")
    columns = {mark: column["lags"] for mark, column in found["columns"].items()}
    return Reading(
        all=Lags.of([lag for lags in columns.values() for lag in lags]),
        columns={mark: Lags.of(lags) for mark, lags in columns.items()},
        longest_task=max(found["tasks"], default=0.0),
        longest_gap=found["gap"],
        frames=found["frames"],
        own=found["own"],
    )
