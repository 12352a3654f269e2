"""What a model is told of a conversation so far: roles and content only, along one branch, as one column saw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.ground.prepared import Prepared
from byok.ground.tables.types import metadata
from byok.services.conversation_views import text_of
from byok.services.turn_order import in_order

TURNS = metadata.tables["turn"]
ANSWERS = metadata.tables["answer"]

_t, _a = TURNS.c, ANSWERS.c
_SEEN_BY_COLUMN = Prepared(
    sa.select(_t.id, _t.parent_id, _t.parts, _a.id.label("answer_id"), _a.text, _a.state)
    .select_from(TURNS.outerjoin(ANSWERS, (_a.turn_id == _t.id) & (_a.column_id == sa.bindparam("its_column"))))
    .where(_t.conversation_id == sa.bindparam("its_conversation"))
    .order_by(_t.created_at, _t.id, _a.version)
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A turn as one column saw it: `text` is its newest answer with any, `running` the last that is being written."""

    id: UUID
    parent_id: UUID | None
    question: str
    text: str
    running: UUID | None


@dataclass(frozen=True, slots=True)
class Memory:
    """All that one column saw of a conversation, oldest turn first."""

    turns: dict[UUID, Seen]

    @property
    def newest(self) -> UUID | None:
        """The newest turn of all branches."""
        return next(reversed(self.turns), None)

    @property
    def running(self) -> UUID | None:
        """The answer of this column that was asked for last and is being written, on whatever branch."""
        # By the ids, which grow: an early turn's answer may have been asked for anew after the last turn's.
        return max((turn.running for turn in self.turns.values() if turn.running), default=None)

    def messages(self, leaf: UUID | None) -> tuple[dict[str, str], ...]:
        """The branch that ends with this turn, itself included.

        A turn without any text of an answer is left out with its question: two questions in a row are refused by some
        providers, and an empty answer by others.
        """
        pairs: list[dict[str, str]] = []
        while leaf is not None and leaf in self.turns:
            turn = self.turns[leaf]
            if turn.text:
                pairs += [{"role": "assistant", "content": turn.text}, {"role": "user", "content": turn.question}]
            leaf = turn.parent_id
        return tuple(reversed(pairs))


def read_memory(connection: sa.Connection, *, conversation_id: UUID, column_id: UUID) -> Memory:
    """Reads what one column saw."""
    turns: dict[UUID, Seen] = {}
    rows: Sequence[Any] = _SEEN_BY_COLUMN.run(
        connection, {"its_column": column_id, "its_conversation": conversation_id}
    )
    for row in rows:
        before = turns.get(row.id)
        running = row.answer_id if row.state == "running" else before.running if before else None
        text = (row.text if row.state != "running" else "") or (before.text if before else "")
        turns[row.id] = Seen(row.id, row.parent_id, text_of(row.parts), text, running)
    return Memory(in_order(turns.values()))


def system_message(prompt: str) -> tuple[dict[str, str], ...]:
    """The system prompt as a message, or none where it is not set."""
    return ({"role": "system", "content": prompt},) if prompt.strip() else ()
