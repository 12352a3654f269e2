"""The loop thread: what it runs, what it hands back, and how it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from byok.core.loop import LoopThread


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    made = LoopThread()
    yield made
    made.close()


async def name_of_thread() -> str:
    return threading.current_thread().name


async def for_ever(begun: threading.Event, ended: threading.Event) -> None:
    try:
        begun.set()
        await asyncio.Event().wait()
    finally:
        ended.set()


def test_no_thread_is_started_before_there_is_work() -> None:
    before = threading.active_count()
    LoopThread().close()
    assert threading.active_count() == before


def test_a_coroutine_runs_on_the_loops_own_thread(loop: LoopThread) -> None:
    assert loop.run(name_of_thread()) == "byok-loop"


def test_an_exception_comes_back_to_whoever_waits(loop: LoopThread) -> None:
    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        loop.run(fail())


def test_what_takes_too_long_is_cancelled(loop: LoopThread) -> None:
    begun, ended = threading.Event(), threading.Event()
    with pytest.raises(TimeoutError):
        loop.run(for_ever(begun, ended), timeout=0.02)
    assert ended.wait(5)


def test_closing_cancels_what_still_runs() -> None:
    loop, begun, ended = LoopThread(), threading.Event(), threading.Event()
    future = loop.spawn(for_ever(begun, ended))
    assert begun.wait(5)
    loop.close()
    assert ended.is_set()
    with pytest.raises(CancelledError):
        future.result(5)


def test_a_closed_loop_takes_no_more_work() -> None:
    loop = LoopThread()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.run(name_of_thread())
