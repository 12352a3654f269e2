"""Who may read a conversation, and who may change it: its author; readers are all of the company once it is shared.

Nobody else finds it, admin or not: it is then not told apart from one that does not exist.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import sqlalchemy as sa

from byok.ground.errors import NotFoundError
from byok.ground.tables.types import metadata
from byok.services.access import Actor

CONVERSATIONS = metadata.tables["conversation"]
TURNS = metadata.tables["turn"]
ANSWERS = metadata.tables["answer"]

_c = CONVERSATIONS.c


def mine(actor: Actor) -> sa.ColumnElement[bool]:
    """The conversations that the actor wrote."""
    return (_c.company_id == actor.company_id) & (_c.person_id == actor.person_id)


def readable(actor: Actor) -> sa.ColumnElement[bool]:
    """Those that the actor may read."""
    if actor.person_id is None:
        return mine(actor)
    return (_c.company_id == actor.company_id) & ((_c.person_id == actor.person_id) | _c.shared_at.is_not(None))


def check(connection: sa.Connection, which: sa.ColumnElement[bool], conversation_id: UUID | None) -> None:
    """Lets a conversation pass that is among `which`.

    Raises:
        NotFoundError: it is not.
    """
    wanted = sa.select(_c.id).where(_c.id == conversation_id, which)
    if connection.execute(wanted).one_or_none() is None:
        raise NotFoundError("There is no such conversation.")


def chatbot_of(connection: sa.Connection, conversation_id: UUID) -> UUID | None:
    """The chatbot that a conversation belongs to; None where it has none."""
    found: UUID | None = connection.execute(sa.select(_c.chatbot_id).where(_c.id == conversation_id)).scalar()
    return found


def check_answers(connection: sa.Connection, which: sa.ColumnElement[bool], answer_ids: Collection[UUID]) -> None:
    """The same for answers: all of them, or none."""
    wanted = (
        sa.select(sa.func.count())
        .select_from(ANSWERS.join(TURNS, TURNS.c.id == ANSWERS.c.turn_id).join(CONVERSATIONS))
        .where(ANSWERS.c.id.in_(answer_ids), which)
    )
    if connection.execute(wanted).scalar_one() != len(set(answer_ids)):
        raise NotFoundError("There is no such answer.")


def running(connection: sa.Connection, conversation_id: UUID) -> tuple[UUID, ...]:
    """The answers of a conversation that are being written, by whatever process."""
    query = sa.select(ANSWERS.c.id).join(TURNS, ANSWERS.c.turn_id == TURNS.c.id)
    query = query.where(TURNS.c.conversation_id == conversation_id, ANSWERS.c.state == "running")
    return tuple(connection.execute(query.order_by(ANSWERS.c.id)).scalars())


def answers_to(
    connection: sa.Connection, which: sa.ColumnElement[bool], turn_ids: Collection[UUID]
) -> dict[UUID, tuple[UUID, ...]]:
    """The ids of the answers to each of these messages, oldest first.

    Raises:
        NotFoundError: one of the messages is in no conversation that is among `which`.
    """
    wanted = sa.select(TURNS.c.id, ANSWERS.c.id).select_from(TURNS.join(CONVERSATIONS).outerjoin(ANSWERS))
    found: dict[UUID, tuple[UUID, ...]] = {}
    for turn_id, answer_id in connection.execute(
        wanted.where(TURNS.c.id.in_(turn_ids), which).order_by(ANSWERS.c.created_at, ANSWERS.c.id)
    ):
        found[turn_id] = (*found.get(turn_id, ()), *([answer_id] if answer_id else []))
    if found.keys() != set(turn_ids):
        raise NotFoundError("There is no such message.")
    return found
