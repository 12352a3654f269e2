"""One attempt at an answer: takes the stream apart into a buffer, and says at the end what became of it.

Touches no database. Refuses to ask again by itself: that is another run, on the same buffer.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from byok.core.job import Job
from byok.core.ledger import EndStatus, Outcome
from byok.core.live import Live, State
from byok.core.provider import Provider
from byok.core.retries import may_be_charged
from byok.core.wire import ChatCall, Delta, Ended, Usage
from byok.ground.errors import (
    BadAnswerError,
    ByokError,
    KeyLimitedError,
    KeyRejectedError,
    NoCreditError,
    NotSentError,
    ProviderError,
)

if TYPE_CHECKING:
    import sqlalchemy as sa

    from byok.core.prices import Price

log = logging.getLogger(__name__)

PLATFORM_KEY = "That is the platform's own key: tell its operator, or choose another model."
NO_TEXT = {
    "length": "The answer length was used up before any text came. Allow a longer answer.",
    "filter": "The provider's content filter held the answer back. Ask in other words, or choose another model.",
}


class Chats(Protocol):
    """What a run needs of the wire."""

    def chat(self, call: ChatCall) -> AsyncGenerator[Delta | Ended, None]:
        """The answer as it arrives; closing it closes the connection."""
        ...


class Pricing(Protocol):
    """What a run needs of the price lists; see `core.price_book`."""

    def __call__(
        self,
        provider: Provider,
        *,
        model: str,
        usage: Usage,
        at: datetime,
        key_id: UUID | None = None,
        company_id: UUID | None = None,
        asked: str | None = None,
        connection: sa.Connection | None = None,
    ) -> Price | None:
        """The price of so many tokens, or None where it is unknown."""
        ...


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended: for the person (`state`, `error`), and for the ledger (`outcome`)."""

    state: State
    error: str | None
    finish_reason: str | None
    outcome: Outcome


class Run:
    """A job, its buffer, and what is known of it so far. `why` says how a cancelled one is to be called, `hung_up` that
    somebody did so. `call` is what was sent and `ended` what came last, once they are. `over` is set when the answer is
    whole, though the connection may still be seen to. `never_sent` is an attempt that was to follow, where nobody heard
    whether it stands reserved.

    Args:
        before: the attempt that failed and is followed by this one: its buffer, under its id, goes on.
    """

    def __init__(self, job: Job, *, before: Run | None = None) -> None:
        self.job = job
        self.id: UUID = before.id if before else job.id
        self.live: Live = before.live if before else Live(job.id)
        self.tries: int = before.tries + 1 if before else 0
        self.why: EndStatus = "interrupted"
        self.hung_up = False
        self.never_sent: UUID | None = None
        self.over = asyncio.Event()
        self.call: ChatCall | None = None
        self.ended: Ended | None = None
        self._began = self._first_text = self._last = time.perf_counter()
        self._answered = self._begun = False

    @property
    def begun(self) -> bool:
        """Whether anything of an answer came, be it reasoning alone: it is paid for."""
        return self._begun

    def again(self, attempt_id: UUID) -> Run:
        """The run of the next attempt at the same answer."""
        return Run(replace(self.job, attempt_id=attempt_id), before=self)

    def given_up(self, failed: End) -> End:
        """How it ends where somebody hung up between two attempts: the last one failed, and no other was made."""
        state, *_ = self._judge(asyncio.CancelledError())
        return replace(failed, state=state, error=None)

    async def stream(self, wire: Chats, *, waited: bool = False) -> None:
        """Sends the call and fills the buffer until the answer ends. Cancel it to hang up at once.

        Args:
            waited: whether time has passed since it was reserved, so that the call is made anew.
        """
        call = (self.job.anew if waited else None) or self.job.call
        self.call = call if isinstance(call, ChatCall) else await asyncio.to_thread(call)
        self._began = self._last = time.perf_counter()
        try:
            async with aclosing(wire.chat(self.call)) as chat:
                async for event in chat:
                    if isinstance(event, Ended):
                        self.ended, self._last = event, time.perf_counter()
                        self.over.set()
                        continue
                    self._begun = True
                    if event.text and not self._answered:
                        self._answered, self._first_text = True, time.perf_counter()
                    self.live.add(text=storable(event.text), reasoning=storable(event.reasoning))
        finally:
            if not self.over.is_set():
                self._last = time.perf_counter()

    async def what_failed(self, stream: asyncio.Task[None]) -> BaseException | None:
        """Waits until the answer is whole or its stream has ended; what kept it from being whole."""
        # Whether the connection can be used again is the stream's to find out: nobody waits for that with his answer.
        over = asyncio.create_task(self.over.wait())
        await asyncio.wait({stream, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if self.over.is_set():
            return None
        return asyncio.CancelledError() if stream.cancelled() else stream.exception()

    def end(self, error: BaseException | None) -> End:
        """What became of it.

        Args:
            error: what the stream raised, or None.
        """
        state, status, words, name = self._judge(error)
        ended, sent = self.ended, self.call is not None
        usage = (ended.usage if ended else None) or Usage()
        request_id = ended.request_id if ended else None
        if isinstance(error, ProviderError):
            request_id = error.request_id or request_id
        outcome = Outcome(
            status=status,
            answered=self._answered,
            error=name,
            model_answered=ended.model if ended else None,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            tokens_cached=usage.tokens_cached,
            tokens_reasoning=usage.tokens_reasoning,
            ttft_ms=_ms(self._first_text - self._began) if self._answered else None,
            duration_ms=_ms(self._last - self._began) if sent else None,
            provider_request_id=request_id,
            taken_on=sent and (self._begun or may_be_charged(error)),
        )
        return End(state, words, ended.finish_reason if ended else None, outcome)

    def _judge(self, error: BaseException | None) -> tuple[State, EndStatus, str | None, str | None]:
        if isinstance(error, asyncio.CancelledError):
            return (
                ("stopped", "stopped", None, None) if self.why == "stopped" else ("interrupted", self.why, None, None)
            )
        finish = self.ended.finish_reason if self.ended else None
        if error is None and self.ended is None:
            error = BadAnswerError("The answer broke off.")
        elif error is None and finish == "error":
            error = BadAnswerError("The provider ended the answer with an error.")
        elif error is None and not self._answered:
            error = BadAnswerError(NO_TEXT.get(finish or "", "The model sent no text."), next_step=" ")
        if error is None:
            return "complete", "complete", None, None
        if isinstance(error, NotSentError):
            return "failed", "stopped", str(error), type(error).__name__
        if not isinstance(error, ByokError):
            report(error, "an answer failed inside the workbench")
            return "failed", "error", "Something went wrong inside the workbench. Try again.", type(error).__name__
        if self.job.key_id is None and isinstance(error, KeyRejectedError | KeyLimitedError | NoCreditError):
            return "failed", "error", f"{error.message} {PLATFORM_KEY}", type(error).__name__
        return "failed", "error", str(error), type(error).__name__


def storable(text: str) -> str:
    """The text without what a database refuses: NUL (PostgreSQL) and halves of surrogate pairs (both)."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def report(error: BaseException, what: str) -> None:
    """Logs where an unforeseen error was raised, but not its words: a library's words may hold a header."""
    frames = traceback.extract_tb(error.__traceback__)
    where = "\n".join(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
    log.error("%s: %s\n%s", what, type(error).__name__, where)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
