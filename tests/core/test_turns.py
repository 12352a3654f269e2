"""Waiting for a turn on the loop: being told the place, being called, and going away without a trace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from uuid import UUID

import pytest

from byok.core.turns import Turns
from byok.core.waiting_line import Ticket, WaitingLine
from byok.ground.ids import new_id

COMPANY = new_id()


class Crowd:
    """Those who want a turn in a lane that serves one at a time."""

    def __init__(self) -> None:
        self.line = WaitingLine()
        self.turns = Turns(self.line)
        self.told: dict[str, list[str]] = {}
        self.served: list[tuple[str, bool]] = []
        self.enough = asyncio.Event()

    def comes(self, name: str, *, company_id: UUID = COMPANY) -> asyncio.Task[None]:
        """Wants a turn, and then stays until it is enough."""
        said = self.told[name] = []

        async def wait() -> None:
            async with self.turns.turn(Ticket(new_id(), company_id, "lane", 1), tell=said.append) as waited:
                self.served.append((name, waited))
                await self.enough.wait()

        return asyncio.create_task(wait())

    async def settle(self) -> None:
        """Lets everybody come as far as he can."""
        for _ in range(20):
            await asyncio.sleep(0)


def run(story: Callable[[Crowd], Coroutine[None, None, None]]) -> None:
    async def tell() -> None:
        await asyncio.wait_for(story(Crowd()), 10)

    asyncio.run(tell())


def test_whoever_need_not_wait_is_told_nothing() -> None:
    async def story(crowd: Crowd) -> None:
        crowd.comes("first")
        await crowd.settle()
        assert (crowd.served, crowd.told) == ([("first", False)], {"first": []})

    run(story)


def test_those_who_wait_are_told_their_place_whenever_it_changes() -> None:
    async def story(crowd: Crowd) -> None:
        first, *others = [crowd.comes(name) for name in ("first", "second", "third", "fourth")]
        await crowd.settle()
        first.cancel()
        await crowd.settle()
        assert crowd.served == [("first", False), ("second", True)]
        assert crowd.told["second"] == ["Waiting for a free place: nobody is before this one."]
        assert crowd.told["third"] == [
            "Waiting for a free place: 1 is before this one.",
            "Waiting for a free place: nobody is before this one.",
        ]
        assert crowd.told["fourth"][0] == "Waiting for a free place: 2 are before this one."
        crowd.enough.set()
        await asyncio.gather(*others)
        assert [name for name, _ in crowd.served] == ["first", "second", "third", "fourth"]

    run(story)


@pytest.mark.parametrize("when", ["while it waits", "as it is called"])
def test_whoever_goes_away_leaves_no_trace_and_the_next_is_called(when: str) -> None:
    async def story(crowd: Crowd) -> None:
        first, second, third = (crowd.comes(name) for name in ("first", "second", "third"))
        await crowd.settle()
        if when == "as it is called":
            first.cancel()
            await asyncio.sleep(0)  # the first has left, and the second has not yet heard that it is called
            assert len(crowd.line.places()) == 1
            second.cancel()
        else:
            second.cancel()
            await crowd.settle()
            first.cancel()
        await crowd.settle()
        assert crowd.served == [("first", False), ("third", True)]
        crowd.enough.set()
        await third
        assert (crowd.line.places(), crowd.line.call()) == ({}, [])
        kept = [*vars(crowd.line).values(), *vars(crowd.turns).values()]
        assert not any(value for value in kept if isinstance(value, dict))
        crowd.comes("later")
        await crowd.settle()
        assert crowd.served[-1] == ("later", False)

    run(story)


def test_an_error_in_its_turn_gives_the_place_to_the_next() -> None:
    async def story(crowd: Crowd) -> None:
        async def fail() -> None:
            async with crowd.turns.turn(Ticket(new_id(), COMPANY, "lane", 1), tell=lambda _: None):
                await crowd.enough.wait()
                raise LookupError

        failing = asyncio.create_task(fail())
        await asyncio.sleep(0)
        crowd.comes("next")
        await crowd.settle()
        crowd.enough.set()
        with pytest.raises(LookupError):
            await failing
        await crowd.settle()
        assert crowd.served == [("next", True)]

    run(story)
