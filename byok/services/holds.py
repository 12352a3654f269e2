"""How much of its budgets a call on an own key holds: the longest answer it may get, and what it can cost at most.

Under a budget an answer always has a length. Refuses a call whose cost has no end. Where no budget stands, it adds one
look at the database to the way of a message.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.allowances import Budget, budgets_of
from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.core.run import Pricing
from byok.ground.errors import InvalidInputError, NotSentError
from byok.ground.tables.types import metadata
from byok.services.bounds import FRAME, OPENING, dearest, most_before, most_tokens, running_on, window
from byok.services.columns import ColumnView
from byok.services.history import Memory
from byok.services.routes import Route

if TYPE_CHECKING:
    from byok.services.booking import Question

ANSWERS = metadata.tables["answer"]
ATTEMPTS = metadata.tables["attempt"]

ANSWER_TOKENS: Final = 4096
"""The longest answer under a budget, where nobody set a length."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What one call holds.

    Attributes:
        budgets: those that bind it.
        parameters: as it is sent, the answer's length among them.
        tokens_in: the most that is sent. at_most_pico: the most that it can cost; None where it has no price.
        awaits: turns before it whose answers are still to come, and are counted with the length that they may have.
    """

    budgets: tuple[Budget, ...]
    parameters: Parameters
    tokens_in: int
    at_most_pico: int | None
    awaits: frozenset[UUID] = frozenset()

    @property
    def length(self) -> int:
        """The longest answer, in tokens."""
        return self.parameters.max_tokens or ANSWER_TOKENS


class Holds:
    """Made for one transaction; knows which answers were booked in it, since those after them are sent with them.

    Looks up nothing twice: a run may be of thousands of calls, and all that time nobody else's can be booked.
    """

    def __init__(self, connection: sa.Connection, *, company_id: UUID, price: Pricing, at: datetime) -> None:
        self._connection, self._company_id, self._price, self._at = connection, company_id, price, at
        self._set: list[Budget] | None = None
        self._turns: dict[UUID, Question] = {}
        self._tokens: dict[UUID, int] = {}  # of the turns' own messages, at most
        self._lengths: dict[tuple[UUID, UUID], int] = {}
        self._before: dict[tuple[UUID, UUID | None], tuple[int, frozenset[UUID]]] = {}
        self._longest: dict[tuple[UUID | None, ModelName], int] = {}
        self._dearest: dict[tuple[UUID | None, ModelName, int, int], int | None] = {}

    def asks(self, turn: Question) -> None:
        """A turn that was made in this transaction: those after it follow on it."""
        self._turns[turn.turn_id], self._tokens[turn.turn_id] = turn, most_tokens(turn.text)

    def of(self, route: Route, question: Question, column: ColumnView, memory: Memory) -> Hold | None:
        """What asking a column holds; None where no budget binds it.

        Args:
            memory: what the column saw before this transaction.

        Raises:
            InvalidInputError: an answer that belongs to what is sent may grow without an end.
        """
        if not self.binding(route):
            return None
        more, awaits, leaf = 0, set(), question.parent_id
        while leaf in self._turns:
            turn = self._turns[leaf]
            if (column.id, leaf) in self._lengths:
                more += self._tokens[leaf] + self._lengths[column.id, leaf] + FRAME
                awaits.add(leaf)
            leaf = turn.parent_id
        before, running = self._seen(column, memory, leaf)
        asked = self._tokens.get(question.turn_id) or most_tokens(question.text)
        return self.once(route, before + more + asked, column.parameters, awaits | running)

    def once(self, route: Route, tokens_in: int, parameters: Parameters, awaits: Collection[UUID] = ()) -> Hold | None:
        """The same for a call whose tokens are counted already."""
        budgets = self.binding(route)
        if not budgets:
            return None
        if parameters.max_tokens is None:
            which = (route.key_id, route.name)
            if which not in self._longest:
                self._longest[which] = answer_length(self._connection, route)
            parameters = replace(parameters, max_tokens=self._longest[which])
        bare = Hold(budgets, parameters, tokens_in, None, frozenset(awaits))
        return replace(bare, at_most_pico=self.dearest(route, tokens_in, bare.length))

    def binding(self, route: Route) -> tuple[Budget, ...]:
        """The budgets that bind calls of this route, by the provider's full name."""
        if route.key_id is None:
            return ()
        if self._set is None:
            self._set = budgets_of(self._connection, company_id=self._company_id)
        return tuple(
            replace(one, provider=route.provider.name if one.provider_id else "")
            for one in self._set
            if one.provider_id in ("", route.provider.id)
        )

    def booked(self, question: Question, column: ColumnView, hold: Hold) -> None:
        """That the column was asked so, for those that follow in this transaction."""
        self._lengths[column.id, question.turn_id] = hold.length

    def check(self, route: Route, hold: Hold, question: Question, column: ColumnView, memory: Memory) -> None:
        """Looks again when the turn of a question has come, with what the column has seen by then.

        Raises:
            NotSentError: it may cost more than it holds.
        """
        counted = counted_tokens(self._connection, route, column.id, hold.awaits)
        before = most_before(column.system_prompt, memory, question.parent_id, counted=counted)
        self.check_once(route, hold, before + most_tokens(question.text))

    def check_once(self, route: Route, hold: Hold, tokens_in: int) -> None:
        """The same for a call whose tokens are counted already.

        Raises:
            NotSentError: it may cost more than it holds.
        """
        now = self.dearest(route, tokens_in, hold.length)
        if now is None or hold.at_most_pico is None:
            grown = tokens_in > hold.tokens_in and hold.at_most_pico is not None
        else:
            grown = now > hold.at_most_pico
        if grown:
            raise NotSentError(
                "By now it may cost more than the budget holds for it.",
                next_step="Run it again: then the budget is asked anew.",
            )

    def dearest(self, route: Route, tokens_in: int, tokens_out: int) -> int | None:
        """See `bounds.dearest`."""
        which = (route.key_id, route.name, tokens_in, tokens_out)
        if which not in self._dearest:
            more: dict[str, Any] = {"company_id": self._company_id, "at": self._at, "connection": self._connection}
            self._dearest[which] = dearest(self._price, route, tokens_in, tokens_out, **more)
        return self._dearest[which]

    def _seen(self, column: ColumnView, memory: Memory, leaf: UUID | None) -> tuple[int, frozenset[UUID]]:
        """The tokens that the column is sent of what was there before this transaction, and turns that it awaits."""
        if (column.id, leaf) not in self._before:
            running = running_on(memory, leaf)
            growing = lengths_of(self._connection, running)
            before = most_before(column.system_prompt, memory, leaf, growing=growing)
            self._before[column.id, leaf] = before, frozenset(running)
        return self._before[column.id, leaf]


def answer_length(connection: sa.Connection, route: Route) -> int:
    """How long an answer may become under a budget, where nobody set a length."""
    return min(ANSWER_TOKENS, window(connection, route) or ANSWER_TOKENS)


def most_alone(system_prompt: str, text: str) -> int:
    """The tokens of a question without a conversation, at most."""
    return OPENING + most_tokens(system_prompt) + most_tokens(text)


def lengths_of(connection: sa.Connection, running: Mapping[UUID, UUID]) -> dict[UUID, int]:
    """How long answers that are being written may become, in tokens, by their turns.

    Args:
        running: the answers, by their turns.

    Raises:
        InvalidInputError: one was sent without a length.
    """
    if not running:
        return {}
    query = sa.select(ANSWERS.c.turn_id, ANSWERS.c.configuration).where(ANSWERS.c.id.in_(running.values()))
    found = {row.turn_id: row.configuration["parameters"].get("max_tokens") for row in connection.execute(query)}
    if None in found.values():
        raise InvalidInputError(
            "A budget stands, and the answer before this one has no set length: what this call may cost at most cannot "
            "be told.",
            field="text",
            next_step="Wait until that answer has ended, then send again.",
        )
    return found


def counted_tokens(
    connection: sa.Connection, route: Route, column_id: UUID, turns: Collection[UUID]
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
    its = (route.name.provider_id, route.name.model)
    return {
        turn: row.tokens_out
        for turn, row in last.items()
        if row.tokens_out is not None and (row.provider_id, row.model_asked) == its
    }
