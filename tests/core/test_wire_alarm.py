"""The alarm: it ends a wait at its deadline, and is never taken for somebody else's cancellation."""

from __future__ import annotations

import asyncio

import pytest

from byok.core.wire.alarm import Alarm


async def wait(alarm: Alarm, seconds: float, what: asyncio.Future[str]) -> str:
    alarm.set(asyncio.get_running_loop().time() + seconds)
    try:
        return await what
    except asyncio.CancelledError:
        if not alarm.rang():
            raise
        return "late"
    finally:
        alarm.pause()


def test_a_wait_ends_at_its_deadline_and_the_task_goes_on() -> None:
    async def run() -> None:
        alarm, never = Alarm(), asyncio.get_running_loop().create_future()
        assert await wait(alarm, 0.01, asyncio.shield(never)) == "late"
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        assert await wait(alarm, 0.01, asyncio.shield(never)) == "late"

    asyncio.run(run())


def test_a_deadline_may_move_in_either_direction() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        alarm, never, soon = Alarm(), loop.create_future(), loop.create_future()
        loop.call_later(0.03, soon.set_result, "text")
        alarm.set(loop.time() + 0.01)
        assert await wait(alarm, 60, soon) == "text"
        assert await wait(alarm, 0.01, asyncio.shield(never)) == "late"

    asyncio.run(run())


def test_somebody_elses_cancellation_passes_through() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(wait(Alarm(), 60, loop.create_future()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_no_alarm_rings_between_two_waits_or_after_the_last() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        alarm, passed = Alarm(), asyncio.Event()
        alarm.set(loop.time())
        alarm.pause()
        loop.call_later(0.01, passed.set)
        await passed.wait()
        alarm.set(loop.time())
        alarm.close()
        passed.clear()
        loop.call_later(0.01, passed.set)
        await passed.wait()

    asyncio.run(run())
