"""How long one question waits for what: a connection, the first token, the next bytes, the last words, the whole."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from byok.core.provider import Provider

CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Times:
    """How long an answer may take, in seconds; the first token's time is the provider's own, in the catalogue.

    A piece of reasoning is a token as well: whoever thinks aloud is alive.
    """

    connect: float = CONNECT_SECONDS
    between_chunks: float = 30.0
    last_words: float = 5.0  # for the usage, after the finish; also for the words of a refusal
    total: float = 600.0


class Waits:
    """The deadlines of one question, as times of the event loop.

    Before the first token bytes alone are no sign of life: comments and empty deltas put nothing off. Between tokens
    any bytes are, since some providers send comments while a model thinks. After the finish nothing is any more.
    """

    def __init__(self, provider: Provider, times: Times) -> None:
        self._loop, self._times = asyncio.get_running_loop(), times
        now = self._loop.time()
        self.total = now + times.total
        self.first = min(now + provider.first_token_timeout, self.total)
        self._answering = False
        self._last_words: float | None = None

    def heard(self) -> None:
        """A token came."""
        self._answering = True
        self._last_words = None

    def unstreamed(self) -> None:
        """The answer will come whole: its first token comes with its last."""
        self.first = self.total

    def next(self, *, finished: bool) -> float:
        """When waiting for the next bytes ends."""
        if finished:
            if self._last_words is None:
                self._last_words = self._loop.time() + self._times.last_words
            until = self._last_words
        elif self._answering:
            until = self._loop.time() + self._times.between_chunks
        else:
            return self.first
        return until if until < self.total else self.total

    def refusal(self) -> float:
        """When waiting for the words of a refusal ends."""
        return min(self._loop.time() + self._times.last_words, self.total)
