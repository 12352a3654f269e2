"""Answers that a question is sent with and that are still to come: how long each may become, for whoever reads it.

Refuses to guess how long one becomes that was asked for without a length.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.model_names import ModelName
from byok.ground.errors import InvalidInputError
from byok.ground.tables.types import metadata

ANSWERS = metadata.tables["answer"]
ATTEMPTS = metadata.tables["attempt"]

BYTES: Final = 8
"""Of a token, on the whole of an answer: texts have three to six. Where one has more, what waits for it is not sent."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """An answer to come. `length` is the most that it may have, in tokens of the model `writer`; None is any."""

    writer: ModelName
    length: int | None

    def read_by(self, reader: ModelName) -> int | None:
        """The tokens of another model, at most: that one may take each byte for one."""
        if self.length is None or _whose(reader) == _whose(self.writer):
            return self.length
        return self.length * BYTES


def longest(answers: Iterable[Awaited], reader: ModelName) -> int | None:
    """The tokens of the longest of them, for that model; None where one has no end."""
    lengths = [one.read_by(reader) for one in answers]
    known = [length for length in lengths if length is not None]
    return max(known, default=0) if len(known) == len(lengths) else None


def growing(connection: sa.Connection, running: Mapping[UUID, UUID], reader: ModelName) -> dict[UUID, int | None]:
    """How long answers that are being written may become for that model, in tokens, by their turns.

    Args:
        running: the answers, by their turns.
    """
    if not running:
        return {}
    query = sa.select(ANSWERS.c.turn_id, ANSWERS.c.configuration).where(ANSWERS.c.id.in_(running.values()))
    found = {}
    for row in connection.execute(query):
        ran_with = row.configuration
        one = Awaited(ModelName.parse(ran_with["model"]), ran_with["parameters"].get("max_tokens"))
        found[row.turn_id] = one.read_by(reader)
    return found


def no_end() -> InvalidInputError:
    """Why nothing that is priced is asked under a budget behind an answer without a length."""
    return InvalidInputError(
        "A budget stands, and the answer before this one has no set length: what this call may cost at most cannot "
        "be told.",
        field="text",
        next_step="Wait until that answer has ended, then send again.",
    )


def counted_tokens(
    connection: sa.Connection, reader: ModelName, column_id: UUID, turns: Collection[UUID]
) -> dict[UUID, int]:
    """What the provider counted of a column's answers on these turns, where the same model wrote them.

    A model that reads an answer of its own counts it as it did when it wrote it; another one may count more.
    """
    if not turns:
        return {}
    a, p = ANSWERS.c, ATTEMPTS.c
    query = (
        sa.select(a.turn_id, p.tokens_out, p.provider_id, p.model_asked)
        .select_from(ANSWERS.join(ATTEMPTS, p.answer_id == a.id))
        .where(a.turn_id.in_(turns), a.column_id == column_id, a.text != "", a.state != "running")
        .order_by(a.version, p.reserved_at, p.id)
    )
    last = {row.turn_id: row for row in connection.execute(query)}
    return {
        turn: row.tokens_out
        for turn, row in last.items()
        if row.tokens_out is not None and (row.provider_id, row.model_asked) == _whose(reader)
    }


def _whose(model: ModelName) -> tuple[str, str]:
    """The model itself, whoever pays for it."""
    return model.provider_id, model.model
