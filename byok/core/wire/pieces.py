"""The pieces of a body: those that lie here already are had without waiting, a coroutine, or a deadline.

Where a provider is quick, many events come with one read of the socket, and waiting for each would cost most of all.
"""

from __future__ import annotations

import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from typing import Any, cast

Step = Coroutine[Any, Any, bytes]


class Pieces:
    """An iterator's pieces, one after the other; belongs to one task at a time.

    Args:
        parts: whose `__anext__` gives a coroutine, or what can be driven like one: an asynchronous generator does.
    """

    __slots__ = ("_begun", "_error", "_parts")

    def __init__(self, parts: AsyncIterator[bytes]) -> None:
        self._parts = parts
        self._begun: tuple[Step, Any] | None = None
        self._error: Exception | None = None

    def ready(self) -> bytes:
        """The next piece if it is here; else empty, and `next` must follow: it tells how the wait or the body ended."""
        step = cast("Step", self._parts.__anext__())
        try:
            waits_for = step.send(None)
        except StopIteration as found:
            return cast("bytes", found.value)
        except Exception as error:  # noqa: BLE001 - raised by `next`, where it is looked at
            self._error = error
        else:
            self._begun = step, waits_for
        return b""

    async def next(self) -> bytes:
        """The next piece, or the one that `ready` began to wait for.

        Raises:
            StopAsyncIteration: there is none.
        """
        error, self._error = self._error, None
        if error is not None:
            raise error
        begun, self._begun = self._begun, None
        return await (anext(self._parts) if begun is None else _go_on(*begun))


@types.coroutine
def _go_on(step: Step, waits_for: Any) -> Generator[Any, Any, bytes]:
    """Waits for what the step waits for, until it gives its piece."""
    go_on: Callable[[Any], Any]
    while True:
        try:
            heard = yield waits_for
        except BaseException as error:  # noqa: BLE001 - a cancellation, most of all: the step's own business
            go_on, value = step.throw, error
        else:
            go_on, value = step.send, heard
        try:
            waits_for = go_on(value)
        except StopIteration as found:
            return cast("bytes", found.value)
