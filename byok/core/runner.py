"""Produces answers, outside any page's script: streams them, keeps them as they grow, settles each attempt once.

Its loop never waits for the database: rows are written by threads of its own. Refuses new work once closed.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

from byok.core.audit import Chains
from byok.core.checkpoints import TICK, Checkpoints
from byok.core.job import Job
from byok.core.leases import Lease
from byok.core.ledger import EndStatus
from byok.core.live import Live
from byok.core.loop import LoopThread
from byok.core.order import Order
from byok.core.retries import Retries
from byok.core.run import Chats, End, Pricing, Run, log
from byok.core.settling import Settling
from byok.core.turns import Turns
from byok.core.waiting_line import WaitingLine
from byok.ground.clock import Clock, utc_now
from byok.ground.db import Database

T = TypeVar("T")

CLOSING = 8.0  # seconds that closing may take


class Runner:
    """Make it once for a process; `close` it before the lease, the loop and the database.

    Args:
        lease: names this process; it is taken when the first answer is asked for.
        price: what an answer on an own key costs.
        chains: the audit log, where a key's first use of a day is recorded; without it none is.
        retries: when a question that failed is asked once more.
        line: how many are asked at once, and who waits.
        tick: seconds between two checkpoints.
    """

    def __init__(
        self,
        *,
        db: Database,
        loop: LoopThread,
        wire: Chats,
        lease: Lease,
        price: Pricing,
        chains: Chains | None = None,
        retries: Retries | None = None,
        line: WaitingLine | None = None,
        clock: Clock = utc_now,
        tick: float = TICK,
    ) -> None:
        self._loop, self._wire, self._lease = loop, wire, lease
        self._retries = retries or Retries()
        self._lock = threading.Lock()
        self._runs: dict[UUID, Run] = {}
        self._streams: dict[UUID, asyncio.Task[None]] = {}
        self._turns = Turns(line)
        self._ends: dict[UUID, asyncio.Task[None]] = {}
        self._order = Order(db=db, ends=self._ends, in_thread=self._in_thread, tick=tick)
        self._rows = ThreadPoolExecutor(1 if db.is_sqlite else 4, thread_name_prefix="byok-rows")
        self._settling = Settling(
            db=db, in_thread=self._in_thread, price=price, chains=chains, clock=clock, closed=lambda: self._closed
        )
        self._keeper: Future[None] | None = None
        self._checkpoints = Checkpoints(
            db=db, runs=self._runs, in_thread=self._in_thread, stop=lambda key: self._hang_up(key, "stopped"), tick=tick
        )
        self._closed = False

    def enlist(self) -> UUID:
        """This process's id, its lease taken: to be called before an attempt is reserved for `submit`.

        Raises:
            RuntimeError: the runner was closed.
        """
        if self._closed:
            raise RuntimeError("the runner is closed")
        return self._lease.start()

    def submit(self, job: Job) -> Live:
        """Sends a reserved attempt. Returns at once, from any thread.

        Returns:
            The buffer in which the answer grows.
        """
        run = Run(job)
        with self._lock:
            if self._closed:
                raise RuntimeError("the runner is closed")
            self._runs[job.id] = run
            if self._keeper is None:
                self._keeper = self._loop.spawn(self._checkpoints.keep())
            self._loop.call_soon(functools.partial(self._begin, run))
        return run.live

    def live(self, answer_id: UUID) -> Live | None:
        """The buffer of an answer that this process is producing, else None: then the database has all of it."""
        run = self._runs.get(answer_id)
        return run.live if run else None

    def lives(self) -> dict[UUID, Live]:
        """All of them, by id. Taken before the rows are read, none that ended meanwhile is missed."""
        return {key: run.live for key, run in list(self._runs.items())}

    def stop(self, answer_id: UUID) -> None:
        """Hangs up at once, if the answer is this process's; what has arrived is kept. Returns without waiting."""
        if answer_id in self._runs:
            self._loop.call_soon(functools.partial(self._hang_up, answer_id, "stopped"))

    def close(self) -> None:
        """Hangs up everywhere, keeps the texts, and settles what is open as interrupted. May be called again."""
        with self._lock:
            keeper, self._keeper = self._keeper, None
            already, self._closed = self._closed, True
        if keeper is not None:
            try:
                self._loop.run(self._hang_up_all(), timeout=CLOSING)
            except TimeoutError:
                log.error("closing took too long; another process will settle %d open answers", len(self._runs))
            keeper.cancel()
        if not already:
            self._rows.shutdown(wait=False)

    def _begin(self, run: Run) -> None:
        stream = asyncio.create_task(self._stream(run, run.job.after))
        self._streams[run.id] = stream
        end = self._ends[run.id] = asyncio.create_task(self._see_to_its_end(run, stream))
        end.add_done_callback(lambda _: self._ends.pop(run.id, None))

    async def _stream(self, run: Run, after: UUID | None) -> None:
        follows = after is not None and await self._order.wait_for(after, tell=run.live.tell)
        async with self._turns.turn(run.job.ticket, tell=run.live.tell) as waited:
            run.live.tell(None)
            await run.stream(self._wire, waited=waited or follows or run.tries > 0)

    def _hang_up(self, answer_id: UUID, why: EndStatus) -> None:
        run, stream = self._runs.get(answer_id), self._streams.get(answer_id)
        if run is not None and stream is not None and not run.hung_up:
            run.why, run.hung_up = why, True
            stream.cancel()

    async def _hang_up_all(self) -> None:
        for answer_id, stream in list(self._streams.items()):
            if answer_id in self._runs:
                self._hang_up(answer_id, "interrupted")
            else:  # its end is written already
                stream.cancel()
        while self._ends:
            await asyncio.wait(self._ends.values())

    async def _see_to_its_end(self, run: Run, stream: asyncio.Task[None]) -> None:
        # Nobody cancels this task: only the stream is hung up, so what follows runs whatever happens.
        run, stream, end = await self._attempts(run, stream)
        state, end = await self._settling.finish(run, end)
        run.live.end(state, error=end.error, finish_reason=end.finish_reason, outcome=end.outcome)
        self._runs.pop(run.id, None)
        await asyncio.wait({stream})
        self._streams.pop(run.id, None)

    async def _attempts(self, run: Run, stream: asyncio.Task[None]) -> tuple[Run, asyncio.Task[None], End]:
        """Waits for the answer, and for those that follow where it failed; the last attempt, and how it ended."""
        while True:
            error = await run.what_failed(stream)
            end = run.end(error)
            pause = None if self._closed else self._retries.pause(error, tries=run.tries, begun=run.begun)
            if pause is None or run.hung_up:  # hung up as it failed, when there was nothing left to cancel
                return run, stream, end if pause is None else run.given_up(end)
            run.live.tell(f"{getattr(error, 'message', '')} Trying again …".strip())
            # In the stream's place, so that hanging up ends the wait as well.
            waiting = self._streams[run.id] = asyncio.create_task(asyncio.sleep(pause))
            await asyncio.wait({waiting})
            if waiting.cancelled() or self._closed:
                return run, stream, run.given_up(end)
            attempt_id = await self._settling.follow(run, end)
            if attempt_id is None:
                return run, stream, end
            before, run = run, run.again(attempt_id)
            stream = asyncio.create_task(self._stream(run, None))
            self._runs[run.id], self._streams[run.id] = run, stream
            if before.hung_up:  # while the database was written, when there was nothing to cancel
                self._hang_up(run.id, before.why)

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._rows, function)
