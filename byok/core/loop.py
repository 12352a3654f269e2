"""One asyncio loop in one daemon thread, owned by the process: what streams lives here, outside any page's script.

Refuses blocking work: whatever waits for a database or a file goes through an executor.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Starts its thread when first used. Make it once for a process, `close` it at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(self) -> asyncio.AbstractEventLoop:
        """The running loop. Calling it again changes nothing.

        Raises:
            RuntimeError: the loop was closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the loop is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="byok-loop", daemon=True)
                self._thread.start()
            return self._loop

    def run(self, coro: Coroutine[Any, Any, T], *, timeout: float | None = None) -> T:
        """Runs `coro` on the loop and waits for its result; not to be called from the loop's own thread.

        Args:
            timeout: seconds; when they have passed, the coroutine is cancelled.

        Raises:
            TimeoutError: it took longer than `timeout`.
        """
        future = self.spawn(coro)
        try:
            return future.result(timeout)
        except BaseException:
            # A page's script can be stopped while it waits here: what it started must not go on unseen.
            future.cancel()
            raise

    def spawn(self, coro: Coroutine[Any, Any, T]) -> Future[T]:
        """Starts `coro` on the loop and returns at once."""
        try:
            loop = self.start()
        except RuntimeError:
            coro.close()
            raise
        return asyncio.run_coroutine_threadsafe(coro, loop)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Calls `function` on the loop, after what was handed in earlier."""
        self.start().call_soon_threadsafe(function)

    def close(self) -> None:
        """Cancels what still runs, waits for it (5 s at most), and ends the thread. Calling it again is harmless."""
        with self._lock:
            loop, thread, self._closed = self._loop, self._thread, True
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        with contextlib.suppress(TimeoutError, CancelledError):
            asyncio.run_coroutine_threadsafe(_end_all(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        if not thread.is_alive():
            loop.close()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()
