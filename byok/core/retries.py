"""Whether a question that failed is asked once more, and after how long. Decides; neither waits nor sends.

Refuses whatever may have cost something already: after the first token, after a silence (a gateway's too), for credit,
for a request that the provider will refuse again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from byok.ground.errors import (
    BadAnswerError,
    ByokError,
    NoConnectionError,
    ProviderDownError,
    ProviderError,
    RateLimitedError,
    UnreachableError,
)

PAUSES = (0.5, 1.5)  # seconds before the second and the third attempt, give or take half of it
GAVE_UP = (504, 524)  # a gateway on what it waited for in vain; with 522 it never got through to anybody
LONGEST = 30.0  # seconds: whoever is asked to wait longer is told so instead


@dataclass(frozen=True, slots=True)
class Retries:
    """The policy of a process.

    Args:
        pauses: seconds before each further attempt; as many as there are further attempts.
        jitter: a number from 0 to 1, another one each time, so that many who failed at once do not return at once.
    """

    pauses: tuple[float, ...] = PAUSES
    jitter: Callable[[], float] = random.random

    def pause(self, error: BaseException | None, *, tries: int, begun: bool) -> float | None:
        """Seconds to wait before the next attempt, or None where there is to be none.

        Args:
            error: what ended the attempt.
            tries: how many further attempts there were already.
            begun: whether any text or reasoning came.
        """
        if begun or tries >= len(self.pauses) or not isinstance(error, ProviderError) or not _passes(error):
            return None
        half = self.pauses[tries] / 2
        asked_for = error.retry_after or 0.0
        # Chance comes on top of what was asked for: all who were refused at once were told the same time.
        return None if asked_for > LONGEST else max(half, asked_for) + 2 * half * self.jitter()


def may_be_charged(error: BaseException | None) -> bool:
    """Whether a provider may charge for an attempt that it was sent and that brought nothing: nothing shows that it did
    no work for it, as a refusal would, or a connection that never was.

    Args:
        error: what ended it; None where it ended properly.
    """
    if not isinstance(error, ProviderError):
        return not isinstance(error, ByokError)
    if error.taken_on or error.status in GAVE_UP:
        return True
    if not isinstance(error, UnreachableError | BadAnswerError):
        return False
    return error.status is None and not isinstance(error, NoConnectionError)


def _passes(error: ProviderError) -> bool:
    """Whether it is of a kind that passes by itself: no connection, 408, 429, 5xx (529 too) but for a silence."""
    if error.taken_on or error.hopeless or error.status in GAVE_UP:
        return False
    if isinstance(error, RateLimitedError):
        return error.status == 429
    if isinstance(error, ProviderDownError):
        return error.status is not None and (error.status == 408 or error.status >= 500)
    return isinstance(error, NoConnectionError)
