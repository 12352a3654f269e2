"""Runs sessions in processes of their own, so that reading costs the server nothing but what the machine shares."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from session_clients import LostSessionError, PlainSession, Session, WorkbenchSession

PROCESSES = 2
AT_ONCE = 2  # sessions that a process opens at a time


@dataclass(frozen=True)
class Wanted:
    """Sessions to open.

    Attributes:
        url: of the server.
        cookies: one for each session; a plain page needs none.
        tokens: that each session is to read, of both answers together.
        limit: seconds that they may take from `begin` on.
    """

    url: str
    epoch: float
    cookies: list[str] | list[None]
    tokens: int
    limit: float


@dataclass
class Read:
    """What sessions read.

    Attributes:
        lags: milliseconds, one for each token.
        lost: why sessions did not read all, and how many.
        cpu: seconds that the reading took.
    """

    lags: array[float] = field(default_factory=lambda: array("d"))
    lost: Counter[str] = field(default_factory=Counter)
    cpu: float = 0.0


async def _open(sessions: list[Session]) -> None:
    left = iter(sessions)

    async def one_after_the_other() -> None:
        for session in left:
            await session.open()

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


async def _finish(session: Session, wanted: Wanted) -> str | None:
    """Why it was lost, if it was."""
    try:
        await asyncio.wait_for(session.finish(), wanted.limit)
    except TimeoutError:
        return "not done in time"
    except LostSessionError as error:
        return str(error)
    return None if len(session.lags) == wanted.tokens else f"read {len(session.lags)} of {wanted.tokens} tokens"


async def _read(pipe: Connection, wanted: Wanted) -> None:
    sessions: list[Session] = [
        PlainSession(wanted.url, wanted.epoch) if cookie is None else WorkbenchSession(wanted.url, wanted.epoch, cookie)
        for cookie in wanted.cookies
    ]
    await _open(sessions)
    gc.freeze()
    gc.disable()  # it ends soon
    pipe.send("open")
    await asyncio.to_thread(pipe.recv)
    began, found = time.process_time(), Read()
    ends = await asyncio.gather(*(_finish(session, wanted) for session in sessions))
    found.lost.update(why for why in ends if why is not None)
    found.cpu = time.process_time() - began
    for session in sessions:
        found.lags.extend(session.lags)
    pipe.send(found)
    await asyncio.to_thread(pipe.recv)
    for session in sessions:
        await session.close()


def _run(pipe: Connection, wanted: Wanted) -> None:
    asyncio.run(_read(pipe, wanted))


@contextmanager
def opened(wanted: Wanted) -> Iterator[list[Connection]]:
    """Sessions that have asked, and wait for their answers' first tokens; to be closed by leaving."""
    context = multiprocessing.get_context("spawn")
    shares = [wanted.cookies[n::PROCESSES] for n in range(min(PROCESSES, len(wanted.cookies)))]
    pipes, processes = [], []
    try:
        for share in shares:
            here, there = context.Pipe()
            one = Wanted(wanted.url, wanted.epoch, share, wanted.tokens, wanted.limit)
            processes.append(context.Process(target=_run, args=(there, one), daemon=True))
            processes[-1].start()
            there.close()  # so that its end is noticed here
            pipes.append(here)
        for pipe in pipes:
            assert pipe.recv() == "open"
        yield pipes
        for pipe in pipes:
            pipe.send("close")
        for process in processes:
            process.join(20)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def begin(pipes: list[Connection]) -> None:
    """To be called when the first tokens are about to come."""
    for pipe in pipes:
        pipe.send("begin")


def read(pipes: list[Connection]) -> Read:
    """Waits until all sessions have read everything, or were lost."""
    found = Read()
    for pipe in pipes:
        part: Read = pipe.recv()
        found.lags.extend(part.lags)
        found.lost.update(part.lost)
        found.cpu += part.cpu
    return found
