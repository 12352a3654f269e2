"""Books what became of attempts: one that failed together with the one that follows it, and an answer's end.

Goes on trying for as long as the database is away. Touches no stream, and refuses to leave an attempt open whatever a
provider sent.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core import answer_rows, ledger
from byok.core.audit import Chains
from byok.core.checkpoints import InThread
from byok.core.ledger import Outcome
from byok.core.live import State
from byok.core.rollups import MOST_PICO
from byok.core.run import End, Pricing, Run, report
from byok.ground.clock import Clock
from byok.ground.db import AWAY, Database
from byok.ground.ids import new_id

LOST = "The answer could not be kept. Try again."
RETRY = (0.1, 0.5, 2.0)  # seconds between tries to write an end; then every 5 s for as long as the process lives


class Settling:
    """The runner's own.

    Args:
        in_thread: runs what waits for the database.
        price: what an answer on an own key costs.
        chains: the audit log, where a key's first use of a day is recorded; without it none is.
        closed: whether the process is ending, and has no time to wait for its database.
    """

    def __init__(
        self,
        *,
        db: Database,
        in_thread: InThread,
        price: Pricing,
        chains: Chains | None,
        clock: Clock,
        closed: Callable[[], bool],
    ) -> None:
        self._db, self._in_thread, self._closed = db, in_thread, closed
        self._price, self._chains, self._clock = price, chains, clock

    async def follow(self, run: Run, end: End) -> UUID | None:
        """Books the failed attempt and the next one; None where that cannot be, and the question has failed."""
        at, next_id = self._clock(), new_id()

        def write() -> UUID | None:
            with self._db.write_core() as connection:
                return ledger.follow(connection, run.job.attempt_id, end.outcome, at=at, next_id=next_id)

        try:
            return await self._in_thread(write)
        except sa.exc.SQLAlchemyError as error:
            report(error, "a further attempt could not be reserved")
            run.never_sent = next_id  # the commit may have gone through, and only its answer been lost
            return None

    async def finish(self, run: Run, end: End) -> tuple[State, End]:
        """Prices an answer and books its end; the state that it has now, and the end as it was booked."""
        at, whole = self._clock(), run.live.snapshot()
        asked = at - timedelta(milliseconds=end.outcome.duration_ms or 0)

        def write(end: End, text: str, reasoning: str) -> State:
            with self._db.write_core() as connection:
                kept: dict[str, Any] = {"text": text, "reasoning": reasoning, "never_sent": run.never_sent}
                return answer_rows.finish(connection, run.job, end, **kept, at=at, chains=self._chains)

        tries, unpriced = 0, run.job.key_id is not None
        less: Iterator[End] | None = None
        while True:
            try:
                if unpriced:
                    outcome = await asyncio.to_thread(priced, run, end.outcome, price=self._price, at=asked)
                    end, unpriced = replace(end, outcome=outcome), False
                return await self._in_thread(functools.partial(write, end, whole.text, whole.reasoning)), end
            except AWAY as error:
                report(error, "the end of an answer could not be written; trying again")
                if self._closed() and tries >= len(RETRY):
                    return end.state, end
                await asyncio.sleep(RETRY[tries] if tries < len(RETRY) else 5)
                tries += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, the attempt must not stay open
                report(error, "the end of an answer was refused by the database")
                less = less or barer(end, error)
                found = next(less, None)
                if found is None:
                    return "failed", end
                end, whole = found, replace(whole, text="", reasoning="")


def barer(end: End, refused: Exception) -> Iterator[End]:
    """What is left of an end that the database refused, to be tried one by one: without the words that a provider sent,
    then without its cost too. All other figures fit, and say whether it may have cost something.
    """
    known = replace(end.outcome, status="error", error=type(refused).__name__)
    bare = replace(known, model_answered=None, provider_request_id=None)
    yield End("failed", LOST, None, bare)
    bare = replace(bare, cost_pico=None, price_origin=None, price_date=None, price_in_pico=None, price_out_pico=None)
    yield End("failed", LOST, None, bare)


def priced(run: Run, outcome: Outcome, *, price: Pricing, at: datetime) -> Outcome:
    """The outcome with its price, for an own key only. May be slow the first time: not for the loop.

    Args:
        at: when it was asked.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database is away, and with it the prices; ask again with the same `at`.
    """
    ended, call = run.ended, run.call
    if run.job.key_id is None or call is None or ended is None or ended.usage is None:
        return outcome
    try:
        found = price(
            call.provider,
            model=ended.model or call.model,
            asked=call.model,
            usage=ended.usage,
            at=at,
            key_id=run.job.key_id,
            company_id=run.job.company_id,
        )
    except AWAY:
        raise  # a price that is only out of reach is not an unknown one
    except Exception as error:  # noqa: BLE001 - no price list may keep an attempt from being settled
        report(error, "an answer could not be priced")
        return outcome
    if found is None or found.cost_pico > MOST_PICO:  # nobody can know what such a figure means
        return outcome
    return replace(
        outcome,
        cost_pico=found.cost_pico,
        price_origin=found.origin,
        price_date=found.date,
        price_in_pico=found.in_pico,
        price_out_pico=found.out_pico,
    )
