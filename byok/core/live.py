"""The buffer of an answer that is being written: one writer on the runner's loop, any number of readers anywhere.

Refuses to keep anybody waiting: a slow reader costs the writer nothing, it just finds more text the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from byok.core.ledger import Outcome

State = Literal["running", "complete", "stopped", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a buffer held at one moment. `version` grows with each change; `error` is for the person.

    `note` says, until it is sent, what the question waits for.
    """

    version: int
    state: State
    text: str
    reasoning: str
    error: str | None
    finish_reason: str | None
    outcome: Outcome | None
    note: str | None = None


class Live:
    """One answer as it grows. A state other than `running` is published only after the database has it.

    Attributes:
        answer_id: the answer's id; for a question without a conversation, the attempt's.
    """

    def __init__(self, answer_id: UUID) -> None:
        self.answer_id = answer_id
        self._lock = threading.Lock()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._end: tuple[State, str | None, str | None, Outcome | None] = ("running", None, None, None)
        self._version = 0
        self._note: str | None = None
        self._wakers: set[Callable[[], None]] = set()

    @property
    def version(self) -> int:
        """How many changes there were."""
        return self._version

    @property
    def state(self) -> State:
        """`running`, or how it ended."""
        return self._end[0]

    @property
    def running(self) -> bool:
        """Whether it still grows, or its end is still being written to the database."""
        return self.state == "running"

    @property
    def outcome(self) -> Outcome | None:
        """The receipt's figures; None while it runs."""
        return self._end[3]

    @property
    def text(self) -> str:
        """The text so far."""
        return self.snapshot().text

    @property
    def reasoning(self) -> str:
        """The reasoning so far."""
        return self.snapshot().reasoning

    def snapshot(self) -> Snapshot:
        """All of it at one moment."""
        with self._lock:
            state, error, finish_reason, outcome = self._end
            return Snapshot(
                self._version,
                state,
                _joined(self._text),
                _joined(self._reasoning),
                error,
                finish_reason,
                outcome,
                self._note,
            )

    async def wait_change(self, seen: int, *, timeout: float | None = None) -> int:  # noqa: ASYNC109 - running out is no error here
        """Waits, on whatever loop it is called from, until the version is another than `seen`.

        Args:
            timeout: seconds; None waits for ever.

        Returns:
            The version now; equal to `seen` where the time ran out first.
        """
        await wait_any({self: seen}, timeout=timeout)
        return self._version

    def wait(self, seen: int, *, timeout: float | None = None) -> int:
        """The same for a plain thread, e.g. the command line's."""
        woken = threading.Event()
        self._watch(woken.set)
        try:
            if self._version == seen and self.running:
                woken.wait(timeout)
            return self._version
        finally:
            self._unwatch(woken.set)

    def wait_end(self, *, timeout: float | None = None) -> bool:
        """Blocks the calling thread until the end is in the database; False where the time ran out first."""
        woken = threading.Event()

        def wake() -> None:
            if not self.running:
                woken.set()

        self._watch(wake)
        try:
            return not self.running or woken.wait(timeout)
        finally:
            self._unwatch(wake)

    def add(self, *, text: str = "", reasoning: str = "") -> None:
        """Appends what arrived. For the runner."""
        with self._lock:
            self._note = None
            if text:
                self._text.append(text)
            if reasoning:
                self._reasoning.append(reasoning)
            wakers = self._changed()
        _wake(wakers)

    def tell(self, note: str | None) -> None:
        """Says what is being waited for, until anything arrives; None that it is the answer itself. For the runner."""
        with self._lock:
            if note == self._note:
                return
            self._note = note
            wakers = self._changed()
        _wake(wakers)

    def end(
        self,
        state: State,
        *,
        error: str | None = None,
        finish_reason: str | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        """Publishes the end. For the runner, once the database has it."""
        with self._lock:
            self._note = None
            self._end = (state, error, finish_reason, outcome)
            wakers = self._changed()
        _wake(wakers)

    def _changed(self) -> list[Callable[[], None]]:
        self._version += 1
        return list(self._wakers) if self._wakers else []

    def _watch(self, wake: Callable[[], None]) -> None:
        with self._lock:
            self._wakers.add(wake)

    def _unwatch(self, wake: Callable[[], None]) -> None:
        with self._lock:
            self._wakers.discard(wake)


async def wait_any(seen: Mapping[Live, int], *, timeout: float | None = None) -> list[Live]:  # noqa: ASYNC109 - as above
    """Waits until at least one of several buffers has another version than was seen: one wait for all columns.

    Args:
        seen: each buffer with the version its reader has.
        timeout: seconds; None waits for ever.

    Returns:
        The changed ones; empty where the time ran out first.
    """
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the writer may outlive the reader's loop
            loop.call_soon_threadsafe(woken.set)

    for live in seen:
        live._watch(wake)
    try:
        changed = _changed(seen)
        if not changed:
            try:
                await asyncio.wait_for(woken.wait(), timeout)
            except TimeoutError:
                return []
            changed = _changed(seen)
        return changed
    finally:
        for live in seen:
            live._unwatch(wake)


def _changed(seen: Mapping[Live, int]) -> list[Live]:
    return [live for live, version in seen.items() if live.version != version]


def _wake(wakers: Iterable[Callable[[], None]]) -> None:
    for wake in wakers:
        wake()


def _joined(parts: list[str]) -> str:
    if len(parts) > 1:
        parts[:] = ["".join(parts)]
    return parts[0] if parts else ""
