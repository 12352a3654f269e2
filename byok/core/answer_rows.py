"""The rows of answers that are being written: keep the text as it grows, end it, hear who asks for a stop."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from byok.core import key_days
from byok.core.audit import Chains
from byok.core.job import Job
from byok.core.ledger import settle, settle_lost
from byok.core.live import State
from byok.core.run import End
from byok.ground.tables.types import metadata

ANSWERS = metadata.tables["answer"]
ATTEMPTS = metadata.tables["attempt"]


def checkpoint(connection: sa.Connection, texts: Iterable[tuple[UUID, str, str]]) -> None:
    """Keeps (answer id, text, reasoning) of answers that still run."""
    row: sa.BindParameter[UUID] = sa.bindparam("row")
    still = sa.update(ANSWERS).where((ANSWERS.c.id == row) & (ANSWERS.c.state == "running"))
    connection.execute(still, [{"row": answer, "text": text, "reasoning": more} for answer, text, more in texts])


def is_running(connection: sa.Connection, answer: UUID) -> bool:
    """Whether it is being written, in whatever process: one that died is found out by the sweep."""
    query = sa.select(ANSWERS.c.id).where(ANSWERS.c.id == answer, ANSWERS.c.state == "running")
    return connection.execute(query).one_or_none() is not None


def to_stop(connection: sa.Connection, answers: Collection[UUID]) -> set[UUID]:
    """Those of `answers` that somebody asked to stop, in whatever process, or whose conversation was deleted."""
    query = sa.select(ANSWERS.c.id).where(ANSWERS.c.id.in_(answers), ~ANSWERS.c.stop_requested)
    return set(answers) - set(connection.execute(query).scalars())


def finish(
    connection: sa.Connection,
    job: Job,
    end: End,
    *,
    text: str,
    reasoning: str,
    at: datetime,
    chains: Chains | None = None,
    never_sent: UUID | None = None,
) -> State:
    """Settles the attempt and ends its answer, in the caller's one transaction.

    Args:
        chains: where the first use of a key in a day is recorded.
        never_sent: a further attempt that may stand reserved by a commit whose answer was lost on the way.

    Returns:
        The state that the answer has now: another one where a sweep took this process for dead and came first.
    """
    first = settle(connection, job.attempt_id, end.outcome, at=at)
    if job.answer_id is not None or never_sent is not None:
        others = ATTEMPTS.c.id == never_sent if job.answer_id is None else ATTEMPTS.c.answer_id == job.answer_id
        settle_lost(connection, others, status="interrupted", at=at)
    key = key_days.touch(connection, job, at=at) if first and job.key_id is not None else None
    state = end.state if job.answer_id is None else _end(connection, job, end, text=text, reasoning=reasoning, at=at)
    if key is not None and chains is not None:
        key_days.record(connection, chains, job, key, at=at)
    return state


def _end(connection: sa.Connection, job: Job, end: End, *, text: str, reasoning: str, at: datetime) -> State:
    mine = sa.update(ANSWERS).where(ANSWERS.c.id == job.answer_id)
    ended = connection.execute(
        mine.where(ANSWERS.c.state == "running").values(
            text=text,
            reasoning=reasoning,
            state=end.state,
            error=end.error,
            finish_reason=end.finish_reason,
            finished_at=at,
        )
    )
    if ended.rowcount == 0:
        connection.execute(mine.values(text=text, reasoning=reasoning))
        found = connection.execute(sa.select(ANSWERS.c.state).where(ANSWERS.c.id == job.answer_id)).scalar()
        return found or end.state
    return end.state
