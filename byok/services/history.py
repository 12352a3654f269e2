"""What a model is told of a conversation so far: roles and content only. Refuses a second question to a busy column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.ground.errors import InvalidInputError
from byok.ground.prepared import Prepared
from byok.ground.tables.types import metadata
from byok.services.conversation_views import text_of

TURNS = metadata.tables["turn"]
ANSWERS = metadata.tables["answer"]

_t, _a = TURNS.c, ANSWERS.c
_SEEN_BY_COLUMN = Prepared(
    sa.select(_t.id, _t.parent_id, _t.parts, _a.text, _a.state)
    .select_from(TURNS.outerjoin(ANSWERS, (_a.turn_id == _t.id) & (_a.column_id == sa.bindparam("its_column"))))
    .where(_t.conversation_id == sa.bindparam("its_conversation"))
    .order_by(_t.created_at, _t.id, _a.version)
)


@dataclass(frozen=True, slots=True)
class History:
    """The last turn, on which the next one follows, and the messages up to it."""

    last_turn: UUID | None
    messages: tuple[dict[str, str], ...]


def read_history(connection: sa.Connection, *, conversation_id: UUID, column_id: UUID) -> History:
    """The branch that ends with the newest turn, as one column saw it.

    Of several versions of an answer the newest counts. A turn without any text of an answer is left out with its
    question: two questions in a row are refused by some providers, and an empty answer by others.

    Raises:
        InvalidInputError: this column is still answering.
    """
    turns: dict[UUID, Any] = {}
    for row in _SEEN_BY_COLUMN.run(connection, {"its_column": column_id, "its_conversation": conversation_id}):
        if row.state == "running":
            raise InvalidInputError(
                "The last answer is still being written.", field="text", next_step="Wait for it, or stop it."
            )
        turns[row.id] = row
    last = next(reversed(turns), None)
    pairs: list[dict[str, str]] = []
    at = last
    while at is not None and at in turns:
        row = turns[at]
        if row.text:
            pairs += [{"role": "assistant", "content": row.text}, {"role": "user", "content": text_of(row.parts)}]
        at = row.parent_id
    return History(last, tuple(reversed(pairs)))


def system_message(prompt: str) -> tuple[dict[str, str], ...]:
    """The system prompt as a message, or none where it is not set."""
    return ({"role": "system", "content": prompt},) if prompt.strip() else ()
