"""The buffer of a growing answer, read from threads and from other loops."""

from __future__ import annotations

import asyncio
import threading

from byok.core.ledger import Outcome
from byok.core.live import Live, wait_any
from byok.ground.ids import new_id


def test_a_reader_on_another_loop_is_woken_by_the_writers_thread() -> None:
    live = Live(new_id())

    async def read() -> str:
        threading.Thread(target=lambda: live.add(text="hello")).start()
        await live.wait_change(0, timeout=5)
        return live.text

    assert asyncio.run(read()) == "hello"


def test_what_came_before_the_wait_is_not_waited_for() -> None:
    live = Live(new_id())
    live.add(text="a")
    assert asyncio.run(live.wait_change(0, timeout=5)) == 1


def test_a_wait_without_a_change_ends_with_the_version_that_was_seen() -> None:
    live = Live(new_id())
    assert asyncio.run(live.wait_change(0, timeout=0.01)) == 0


def test_one_wait_for_several_answers_names_those_that_grew() -> None:
    one, two = Live(new_id()), Live(new_id())
    two.add(text="x")
    assert asyncio.run(wait_any({one: 0, two: 0}, timeout=5)) == [two]


def test_a_reader_whose_loop_is_gone_does_not_hurt_the_writer() -> None:
    live, watching, closed = Live(new_id()), threading.Event(), threading.Event()
    loop = asyncio.new_event_loop()

    def read() -> None:
        task = loop.create_task(live.wait_change(0))
        loop.call_later(0, loop.stop)
        loop.run_forever()
        watching.set()
        closed.wait(5)
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()

    reader = threading.Thread(target=read)
    reader.start()
    assert watching.wait(5)
    live.add(text="still here")
    closed.set()
    reader.join(5)
    live.add(text=", and after")
    assert live.text == "still here, and after"


def test_a_plain_thread_can_wait_for_the_end() -> None:
    live = Live(new_id())
    threading.Thread(target=lambda: live.end("complete", outcome=Outcome("complete", answered=True))).start()
    assert live.wait_end(timeout=5)
    assert live.state == "complete"


def test_a_plain_thread_can_wait_for_the_next_piece() -> None:
    live = Live(new_id())
    threading.Thread(target=lambda: live.add(reasoning="hm")).start()
    assert live.wait(0, timeout=5) == 1
    assert live.reasoning == "hm"
