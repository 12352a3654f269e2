"""Ends a wait that takes too long. Costs next to nothing where waits are short and many, as between two tokens.

`asyncio.timeout` sets a timer for each wait. Here one timer is kept and looks at the present deadline when it rings.
"""

from __future__ import annotations

import asyncio


class Alarm:
    """Cancels the task that waits between `set` and `pause` once the deadline has passed; `rang` tells it was this."""

    __slots__ = ("_cancelling", "_loop", "_rang", "_task", "_timer", "_until")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0
        self._cancelling = 0
        self._rang = False

    def set(self, until: float) -> None:
        """The current task is about to wait, until this time of the event loop at most."""
        self._until = until
        task = self._task = asyncio.current_task()
        self._cancelling = task.cancelling() if task is not None else 0
        if self._timer is None or until < self._timer.when():
            self._wind(until)

    def pause(self) -> None:
        """The wait is over."""
        self._task = None

    def rang(self) -> bool:
        """Whether the cancellation that just arrived is this alarm's and nobody else's; takes it back if so."""
        task, rang = self._task, self._rang
        self._rang = False
        return rang and task is not None and task.uncancel() <= self._cancelling

    def close(self) -> None:
        """No more waits will follow."""
        self._task = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wind(self, until: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(until, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() < self._until:
            self._wind(self._until)
            return
        self._rang = True
        self._task.cancel()
