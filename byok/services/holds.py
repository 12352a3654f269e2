"""How much of its budgets a call on an own key holds: the longest answer it may get, and what it can cost at most.

Under a budget an answer always has a length. Refuses a call whose cost has no end. Where no budget stands, it adds one
look at the database to the way of a message.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.allowances import Budget, budgets_of, check_budgets
from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.core.run import Pricing
from byok.ground.clock import month_of
from byok.ground.errors import NotSentError
from byok.services.awaited import Awaited, counted_tokens, growing, longest, no_end
from byok.services.bounds import FRAME, OPENING, dearest, most_before, most_tokens, running_on, window
from byok.services.columns import ColumnView
from byok.services.history import Memory
from byok.services.routes import Route

if TYPE_CHECKING:
    from byok.services.booking import Question

ANSWER_TOKENS: Final = 4096
"""The longest answer under a budget, where nobody set a length."""
SHORTEST: Final = 256
"""What such an answer gets at least, unless the model holds no more at all."""


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
        self._booked: dict[tuple[UUID, UUID], list[Awaited]] = {}
        self._before: dict[tuple[UUID, UUID | None, ModelName], tuple[int, frozenset[UUID], bool]] = {}
        self._windows: dict[tuple[UUID | None, ModelName], int | None] = {}
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
            BudgetReachedError: so it may, and even without it too little is left: another model may be asked.
        """
        if not self.binding(route):
            return None
        more, awaits, leaf, ends = 0, set(), question.parent_id, True
        while leaf in self._turns:
            turn = self._turns[leaf]
            if answers := self._booked.get((column.id, leaf)):
                length = longest(answers, route.name)
                ends = ends and length is not None
                more += self._tokens[leaf] + (length or 0) + FRAME
                awaits.add(leaf)
            leaf = turn.parent_id
        before, running, these_end = self._seen(column, memory, leaf, route.name)
        asked = self._tokens.get(question.turn_id) or most_tokens(question.text)
        hold = self.once(route, before + more + asked, column.parameters, awaits | running)
        if hold is not None and hold.at_most_pico is not None and not (ends and these_end):
            its: dict[str, Any] = {"company_id": self._company_id, "month": month_of(self._at)}
            check_budgets(self._connection, hold.budgets, **its, at_most_pico=hold.at_most_pico)
            raise no_end()
        return hold

    def once(self, route: Route, tokens_in: int, parameters: Parameters, awaits: Collection[UUID] = ()) -> Hold | None:
        """The same for a call whose tokens are counted already."""
        budgets = self.binding(route)
        if not budgets:
            return None
        if parameters.max_tokens is None:
            parameters = replace(parameters, max_tokens=self.length(route, tokens_in))
        bare = Hold(budgets, parameters, tokens_in, None, frozenset(awaits))
        return replace(bare, at_most_pico=self.dearest(route, tokens_in, bare.length))

    def length(self, route: Route, tokens_in: int) -> int:
        """How long an answer may become under a budget, where nobody set a length.

        Args:
            tokens_in: the most that is sent.
        """
        which = (route.key_id, route.name)
        if which not in self._windows:
            self._windows[which] = window(self._connection, route)
        holds = self._windows[which]
        if holds is None:
            return ANSWER_TOKENS
        # Some providers refuse a length that does not fit beside the prompt. But `tokens_in` takes each byte for a
        # token, and by that a text that fills a quarter of the model leaves nothing. Few have under three bytes each.
        return min(ANSWER_TOKENS, holds, max(SHORTEST, holds - tokens_in // 3))

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

    def booked(self, question: Question, column: ColumnView) -> None:
        """That the column was asked so, held or not, for those that follow in this transaction."""
        answer = Awaited(column.model, column.parameters.max_tokens)
        self._booked.setdefault((column.id, question.turn_id), []).append(answer)

    def check(self, route: Route, hold: Hold, question: Question, column: ColumnView, memory: Memory) -> None:
        """Looks again when the turn of a question has come, with what the column has seen by then.

        Raises:
            NotSentError: it may cost more than it holds.
        """
        counted = counted_tokens(self._connection, route.name, column.id, hold.awaits)
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

    def _seen(
        self, column: ColumnView, memory: Memory, leaf: UUID | None, reader: ModelName
    ) -> tuple[int, frozenset[UUID], bool]:
        """The tokens that the column is sent of what was there before this transaction, turns that it awaits, and
        whether all of those have an end; one that has none is left out.
        """
        which = (column.id, leaf, reader)
        if which not in self._before:
            to_come = growing(self._connection, running_on(memory, leaf), reader)
            before = most_before(column.system_prompt, memory, leaf, growing=to_come)
            self._before[which] = before, frozenset(to_come), None not in to_come.values()
        return self._before[which]


def most_alone(system_prompt: str, text: str) -> int:
    """The tokens of a question without a conversation, at most."""
    return OPENING + most_tokens(system_prompt) + most_tokens(text)
