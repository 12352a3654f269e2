"""Books one answer inside the transaction of whoever asks: its row, its reserved attempt, and the job for the runner.

A column that cannot be asked is booked as failed, with the reason, so that it holds up no other.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa

from byok.core import ledger
from byok.core.job import Job
from byok.core.model_names import ModelName
from byok.core.plans import Plans
from byok.core.run import Pricing
from byok.core.wire import ChatCall
from byok.ground.db import Database
from byok.ground.errors import ByokError, NotSentError, PlanUsedUpError
from byok.ground.ids import new_id
from byok.ground.prepared import Prepared
from byok.ground.tables.types import metadata
from byok.services.access import Actor, Grant, Reads, admit
from byok.services.calls import or_not_sent, ready
from byok.services.columns import ColumnView
from byok.services.fallbacks import how_to_go_on, reserve_or_fall_back
from byok.services.history import Memory, read_memory, system_message
from byok.services.holds import Hold, Holds
from byok.services.routes import Route

_ADD_ANSWER = Prepared(
    sa.insert(metadata.tables["answer"]),
    columns=(
        *("id", "turn_id", "column_id", "version", "process_id", "configuration"),
        *("state", "error", "created_at", "finished_at"),
    ),
)


class FindsRoutes(Protocol):
    """What asking needs of `services.routes`."""

    def find(self, session: Reads, grant: Grant, name: ModelName, *, key_id: UUID | None = None) -> Route:
        """How to call that model, or an error that says why not."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """One turn as it is put to one column.

    Attributes:
        parent_id: the turn on which it follows.
        chatbot_id: the conversation's.
    """

    conversation_id: UUID
    chatbot_id: UUID | None
    turn_id: UUID
    parent_id: UUID | None
    text: str


@dataclass(frozen=True, slots=True)
class Booked:
    """`job` is None where the column could not be asked, for the reason in `refusal`."""

    answer_id: UUID
    job: Job | None
    refusal: ByokError | None


class Booking:
    """Made for one transaction of one actor.

    Args:
        process_id: the runner's, enlisted.
        price: what budgets are held by.
    """

    def __init__(
        self,
        connection: sa.Connection,
        actor: Actor,
        grant: Grant,
        *,
        db: Database,
        plans: Plans,
        routes: FindsRoutes,
        price: Pricing,
        process_id: UUID,
        at: datetime,
    ) -> None:
        self._connection, self._actor, self.grant = connection, actor, grant
        self._db, self._plans, self._routes = db, plans, routes
        self._price, self._process_id, self.at = price, process_id, at
        self.holds = Holds(connection, company_id=grant.company.id, price=price, at=at)

    def book(
        self,
        question: Question,
        column: ColumnView,
        memory: Memory,
        *,
        version: int = 1,
        after: UUID | None = None,
        needs: UUID | None = None,
    ) -> Booked:
        """Books an answer: on the column's model, or where that is spent on the one that the chatbot's settings name.

        Args:
            memory: what the column saw before.
            after: the answer that must have ended before this one is asked.
            needs: the turn that it is of no use without, where this column did not answer that.
        """
        answer_id, job, refusal, asked = new_id(), None, None, column
        try:
            column, (route, hold, attempt_id) = reserve_or_fall_back(
                self._connection,
                functools.partial(self._reserve, question, answer_id, memory),
                company_id=self.grant.company.id,
                chatbot_id=question.chatbot_id,
                column=column,
            )
        except ByokError as error:
            refusal = error
        else:
            if hold is not None:
                column = replace(column, parameters=hold.parameters)
            self.holds.booked(question, column)
            anew = functools.partial(self._anew, question, column, key_id=route.key_id, needs=needs, hold=hold)
            call: ChatCall | functools.partial[ChatCall] = anew
            if after is None and needs is None:
                messages = _messages(column.system_prompt, memory, question)
                call = ready(route, messages, column.parameters)
            its = (answer_id, route.key_id, route.provider, after, anew, self._actor.address)
            job = Job(attempt_id, self.grant.company.id, call, *its)
        row = {"id": answer_id, "turn_id": question.turn_id, "column_id": column.id, "version": version}
        state: dict[str, Any] = {"state": "running", "error": None, "finished_at": None}
        if refusal is not None:
            state = {"state": "failed", "error": f"Not sent. {refusal}", "finished_at": self.at}
        row |= {"process_id": self._process_id, "configuration": column.ran_with(asked), "created_at": self.at, **state}
        _ADD_ANSWER.run(self._connection, row)
        return Booked(answer_id, job, refusal)

    def _reserve(
        self, question: Question, answer_id: UUID, memory: Memory, column: ColumnView, instead_of: ModelName | None
    ) -> tuple[Route, Hold | None, UUID]:
        """How to call the column's model, what it holds of budgets, and the reserved attempt's id."""
        route = self._routes.find(self._connection, self.grant, column.model, key_id=column.key_id)
        hold = self.holds.of(route, question, column, memory)
        attempt_id = reserve(
            self._connection,
            self.grant,
            route,
            hold=hold,
            process_id=self._process_id,
            at=self.at,
            chatbot_id=question.chatbot_id,
            conversation_id=question.conversation_id,
            answer_id=answer_id,
            instead_of=instead_of,
        )
        return route, hold, attempt_id

    def _anew(
        self, question: Question, column: ColumnView, *, key_id: UUID | None, needs: UUID | None, hold: Hold | None
    ) -> ChatCall:
        """The call when its turn has come: the history may be longer by then, and the key gone or the plan another.

        Args:
            key_id: of the key that was reserved for it, and that pays: no other one is used, be it the default by now.
            hold: what it may cost at most, where a budget stands.

        Raises:
            NotSentError: nothing can be asked any more, or only for more than it holds.
        """
        with or_not_sent(), self._db.read() as session:
            grant = admit(session, self._actor, self._plans)
            route = self._routes.find(session, grant, column.model, key_id=key_id)
            connection = session.connection()
            memory = read_memory(connection, conversation_id=question.conversation_id, column_id=column.id)
            if hold is not None:
                holds = Holds(connection, company_id=grant.company.id, price=self._price, at=self.at)
                holds.check(route, hold, question, column, memory)
        if question.turn_id not in memory.turns:
            raise NotSentError("Not sent. The conversation was deleted.")
        if needs and not memory.turns[needs].text:
            raise NotSentError("Not sent: the message before it got no answer here.", next_step="Run that one again.")
        call = ready(route, _messages(column.system_prompt, memory, question), column.parameters)
        return call if isinstance(call, ChatCall) else call()


def reserve(
    connection: sa.Connection,
    grant: Grant,
    route: Route,
    *,
    process_id: UUID,
    at: datetime,
    hold: Hold | None = None,
    chatbot_id: UUID | None = None,
    conversation_id: UUID | None = None,
    answer_id: UUID | None = None,
    instead_of: ModelName | None = None,
) -> UUID:
    """The reserved attempt's id.

    Args:
        hold: what it holds of the budgets that bind it.

    Raises:
        BudgetReachedError: one of them has less than that left.
        PlanUsedUpError: the month's messages are used up; it says how this company can go on.
    """
    try:
        return ledger.reserve(
            connection,
            company_id=grant.company.id,
            process_id=process_id,
            name=route.name,
            at=at,
            plan_messages=grant.plan.messages,
            person_id=grant.person.id if grant.person else None,
            chatbot_id=chatbot_id,
            conversation_id=conversation_id,
            answer_id=answer_id,
            key_id=route.key_id,
            key_label=route.key_label,
            key_hint=route.key_hint,
            budgets=hold.budgets if hold else (),
            at_most_pico=hold.at_most_pico if hold else None,
            instead_of=instead_of,
        )
    except PlanUsedUpError as error:
        raise PlanUsedUpError(error.message, next_step=how_to_go_on(grant)) from None


def _messages(system_prompt: str, memory: Memory, question: Question) -> tuple[dict[str, str], ...]:
    asked = {"role": "user", "content": question.text}
    return (*system_message(system_prompt), *memory.messages(question.parent_id), asked)
