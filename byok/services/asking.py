"""Sends messages: everything that they need is written in one transaction, and only then is anything sent.

Refuses before a key is opened: the plan, the role, the models and the allowance are judged inside that transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core.job import Job
from byok.core.live import Live
from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.core.plans import Plans
from byok.core.run import Pricing
from byok.core.runner import Runner
from byok.core.wire import ChatCall
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotFoundError
from byok.ground.ids import new_id
from byok.ground.prepared import Prepared
from byok.ground.tables.types import metadata
from byok.services.access import Actor, Grant, admit
from byok.services.booking import Booked, Booking, FindsRoutes, Question, reserve
from byok.services.calls import or_not_sent, ready
from byok.services.columns import ColumnSetup, ColumnView, arrange, as_chatbot, columns_of
from byok.services.conversation_rows import OpenConversation, begin, go_on, name_after, title_of
from byok.services.conversation_views import Asked, text_of
from byok.services.history import Memory, read_memory, system_message
from byok.services.holds import Holds, most_alone
from byok.services.messages import Ask, Message, message
from byok.services.readers import check_answers, mine

TURNS = metadata.tables["turn"]
ANSWERS = metadata.tables["answer"]
_ADD_TURN = Prepared(sa.insert(TURNS), columns=("id", "conversation_id", "parent_id", "parts", "repeats", "created_at"))


class Asking:
    """The way of a message from a page to the runner."""

    def __init__(
        self, *, db: Database, plans: Plans, routes: FindsRoutes, price: Pricing, runner: Runner, clock: Clock
    ) -> None:
        self._db, self._plans, self._routes, self._runner, self._clock = db, plans, routes, runner, clock
        self._price = price

    def send(self, actor: Actor, sent: Message) -> Asked:
        """See `Conversations.send`."""
        sent = sent.checked()
        process_id = self._runner.enlist()
        with self._db.write_core() as connection:
            booking = self._booking(connection, actor, process_id)
            opened, columns = self._open(connection, booking, sent, title=title_of(sent.title or sent.asks[0].text))
            asked = [column for column in columns if any(ask.to is None or column.id in ask.to for ask in sent.asks)]
            if not asked:
                raise InvalidInputError("No column was chosen that could be asked.", field="columns")
            begun = sent.conversation_id is not None
            memories = {
                column.id: read_memory(connection, conversation_id=opened.id, column_id=column.id)
                if begun
                else Memory({})
                for column in asked
            }
            # A column that still answers is asked when it has ended. Where all do, somebody may have clicked twice.
            last = {key: memory.running for key, memory in memories.items() if memory.running is not None}
            if len(last) == len(asked):
                raise InvalidInputError(
                    "The last answer is still being written.", field="text", next_step="Wait for it, or stop it."
                )
            parent = _parent(sent, memories[asked[0].id])
            if begun and parent is None and not sent.instead_of:
                name_after(connection, opened.id, sent.asks[0].text)
            needs: dict[UUID, UUID] = {}
            booked: list[Booked] = []
            for ask in sent.asks:
                turn = Question(opened.id, opened.chatbot_id, new_id(), parent, ask.text)
                _add_turn(connection, turn, repeats=ask.repeats, booking=booking)
                for column in (one for one in asked if ask.to is None or one.id in ask.to):
                    for version in range(1, ask.repeats + 1):
                        after, need = last.get(column.id), needs.get(column.id)
                        one = booking.book(turn, column, memories[column.id], version=version, after=after, needs=need)
                        booked.append(one)
                        if one.job is not None:
                            last[column.id] = one.answer_id
                    needs[column.id] = turn.turn_id
                parent = turn.turn_id
            _raise_where_none_goes(booked)
        self._submit(booked)
        return Asked(opened.id, turn.turn_id, tuple(one.answer_id for one in booked))

    def ask(
        self,
        actor: Actor,
        *,
        conversation_id: UUID | None,
        chatbot_id: UUID | None,
        text: str,
        model: ModelName,
        key_id: UUID | None,
    ) -> Asked:
        """See `Conversations.ask`."""
        with self._db.read() as session:
            connection, grant = session.connection(), admit(session, actor, self._plans)
            if conversation_id is None:
                columns = [_as_chatbot(connection, grant, chatbot_id, ColumnSetup(model, key_id))]
            else:
                columns = [one.setup for one in columns_of(connection, conversation_id) if not one.removed]
                if not columns:
                    raise NotFoundError("There is no such conversation.")
                columns[0] = replace(columns[0], model=model, key_id=key_id)
        return self.send(actor, Message([Ask(text, to={columns[0].id})], columns, conversation_id, chatbot_id))

    def again(self, actor: Actor, answer_id: UUID) -> Asked:
        """See `Conversations.again`."""
        process_id = self._runner.enlist()
        a, t = ANSWERS.c, TURNS.c
        with self._db.write_core() as connection:
            booking = self._booking(connection, actor, process_id)
            check_answers(connection, mine(actor), [answer_id])
            its = sa.select(a.turn_id, a.column_id, t.conversation_id, t.parent_id, t.parts)
            found = connection.execute(its.join(TURNS, t.id == a.turn_id).where(a.id == answer_id)).one()
            opened = go_on(connection, booking.grant, found.conversation_id, at=booking.at)
            column = next(one for one in columns_of(connection, opened.id) if one.id == found.column_id)
            memory = read_memory(connection, conversation_id=opened.id, column_id=column.id)
            if memory.turns[found.turn_id].running is not None:
                raise InvalidInputError(
                    "This answer is still being written.", field="text", next_step="Wait for it, or stop it."
                )
            same = (a.turn_id == found.turn_id) & (a.column_id == found.column_id)
            version = connection.execute(sa.select(sa.func.max(a.version)).where(same)).scalar_one() + 1
            question = Question(opened.id, opened.chatbot_id, found.turn_id, found.parent_id, text_of(found.parts))
            booked = booking.book(question, column, memory, version=version, after=memory.running)
            _raise_where_none_goes([booked])
        self._submit([booked])
        return Asked(opened.id, found.turn_id, (booked.answer_id,))

    def ask_once(
        self, actor: Actor, *, text: str, model: ModelName, key_id: UUID | None, system: str, parameters: Parameters
    ) -> Live:
        """See `Conversations.ask_once`."""
        text, parameters = message(text), parameters.checked()
        process_id, at = self._runner.enlist(), self._clock()
        with self._db.write_core() as connection:
            grant = admit(connection, actor, self._plans)
            route = self._routes.find(connection, grant, model, key_id=key_id)
            holds = Holds(connection, company_id=grant.company.id, price=self._price, at=at)
            hold = holds.once(route, most_alone(system, text), parameters)
            attempt_id = reserve(connection, grant, route, process_id=process_id, at=at, hold=hold)
        parameters = hold.parameters if hold else parameters
        messages = (*system_message(system), {"role": "user", "content": text})

        def anew() -> ChatCall:
            with or_not_sent(), self._db.read() as session:
                found = self._routes.find(session, admit(session, actor, self._plans), model, key_id=route.key_id)
                if hold is not None:
                    now = Holds(session.connection(), company_id=grant.company.id, price=self._price, at=at)
                    now.check_once(found, hold, hold.tokens_in)
            call = ready(found, messages, parameters)
            return call if isinstance(call, ChatCall) else call()

        call = ready(route, messages, parameters)
        more: dict[str, Any] = {"key_id": route.key_id, "provider": route.provider, "anew": anew}
        return self._runner.submit(Job(attempt_id, grant.company.id, call, **more, address=actor.address))

    def start(self, actor: Actor, *, chatbot_id: UUID | None, model: ModelName, key_id: UUID | None) -> UUID:
        """See `Conversations.start`; the new conversation's id."""
        with self._db.write_core() as connection:
            grant, at = admit(connection, actor, self._plans), self._clock()
            first = [_as_chatbot(connection, grant, chatbot_id, ColumnSetup(model, key_id))]
            opened = begin(connection, grant, chatbot_id=chatbot_id, at=at)
            arrange(connection, opened.id, first, before=(), at=at)
            return opened.id

    def _booking(self, connection: sa.Connection, actor: Actor, process_id: UUID) -> Booking:
        grant = admit(connection, actor, self._plans)
        more: dict[str, Any] = {"db": self._db, "plans": self._plans, "routes": self._routes, "price": self._price}
        return Booking(connection, actor, grant, process_id=process_id, at=self._clock(), **more)

    def _open(
        self, connection: sa.Connection, booking: Booking, sent: Message, *, title: str
    ) -> tuple[OpenConversation, list[ColumnView]]:
        """The conversation, with its columns as they are to be."""
        grant, at = booking.grant, booking.at
        if sent.conversation_id is not None:
            opened = go_on(connection, grant, sent.conversation_id, at=at)
            return opened, arrange(connection, opened.id, sent.columns, before=columns_of(connection, opened.id), at=at)
        if sent.chatbot_id is not None and as_chatbot(connection, grant.company.id, sent.chatbot_id) is None:
            raise NotFoundError("There is no such chatbot.")
        opened = begin(connection, grant, chatbot_id=sent.chatbot_id, at=at, title=title)
        return opened, arrange(connection, opened.id, sent.columns, before=(), at=at)

    def _submit(self, booked: Sequence[Booked]) -> None:
        for one in booked:
            if one.job is not None:
                self._runner.submit(one.job)


def _as_chatbot(connection: sa.Connection, grant: Grant, chatbot_id: UUID | None, setup: ColumnSetup) -> ColumnSetup:
    """The column with a chatbot's instructions and settings.

    Raises:
        NotFoundError: no such chatbot.
    """
    if chatbot_id is None:
        return setup
    its = as_chatbot(connection, grant.company.id, chatbot_id)
    if its is None:
        raise NotFoundError("There is no such chatbot.")
    return replace(setup, parameters=its[0], system_prompt=its[1])


def _parent(sent: Message, memory: Memory) -> UUID | None:
    turn = sent.instead_of or sent.after
    if turn is not None and turn not in memory.turns:
        raise NotFoundError("There is no such message in this conversation.")
    if sent.instead_of is not None:
        return memory.turns[sent.instead_of].parent_id
    return sent.after or memory.newest


def _add_turn(connection: sa.Connection, turn: Question, *, repeats: int, booking: Booking) -> None:
    parts = [{"type": "text", "text": turn.text}]
    row = {"id": turn.turn_id, "conversation_id": turn.conversation_id, "parent_id": turn.parent_id, "parts": parts}
    _ADD_TURN.run(connection, {**row, "repeats": repeats, "created_at": booking.at})
    booking.holds.asks(turn)


def _raise_where_none_goes(booked: Sequence[Booked]) -> None:
    """Where nothing at all can be sent, nothing is kept either: the message goes back to the person."""
    first = booked[0].refusal
    if first is not None and all(one.job is None for one in booked):
        raise first
