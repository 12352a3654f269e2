"""Sends a message: everything that it needs is written in one transaction, and only then is anything sent.

Refuses before a key is opened: the plan, the role, the model and the allowance are judged inside that transaction.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa

from byok.core import ledger
from byok.core.live import Live
from byok.core.model_names import ModelName
from byok.core.plans import Plans
from byok.core.run import Job, storable
from byok.core.runner import Runner
from byok.core.wire import ChatCall
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, PlanUsedUpError
from byok.ground.ids import new_id
from byok.ground.prepared import Prepared
from byok.ground.tables.types import metadata
from byok.services.access import Actor, Grant, Reads, admit
from byok.services.conversation_rows import begin, go_on, name_after, title_of
from byok.services.conversation_views import Asked
from byok.services.history import History, read_history, system_message
from byok.services.routes import Route

TURNS = metadata.tables["turn"]
ANSWERS = metadata.tables["answer"]
_ADD_TURN = Prepared(sa.insert(TURNS), columns=("id", "conversation_id", "parent_id", "parts", "created_at"))
_ADD_ANSWER = Prepared(
    sa.insert(ANSWERS), columns=("id", "turn_id", "column_id", "process_id", "configuration", "created_at")
)

Calls = ChatCall | Callable[[], ChatCall]
LONGEST = 200_000  # characters of one message

NO_OWN_KEYS = {
    True: "Wait for the next month (UTC), or see in API Keys what Pro brings: with own keys you can go on at once.",
    False: "Wait for the next month (UTC), or ask an admin about the Pro plan: with own keys you can go on at once.",
}  # by whether an admin asks


class FindsRoutes(Protocol):
    """What asking needs of `services.routes`."""

    def find(self, session: Reads, grant: Grant, name: ModelName, *, key_id: UUID | None = None) -> Route:
        """How to call that model, or an error that says why not."""
        ...


class Asking:
    """The way of a message from a page to the runner."""

    def __init__(self, *, db: Database, plans: Plans, routes: FindsRoutes, runner: Runner, clock: Clock) -> None:
        self._db, self._plans, self._routes, self._runner, self._clock = db, plans, routes, runner, clock

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
        text = message(text)
        process_id, at = self._runner.enlist(), self._clock()
        turn_id, answer_id = new_id(), new_id()
        with self._db.write_core() as connection:
            grant = admit(connection, actor, self._plans)
            route = self._routes.find(connection, grant, model, key_id=key_id)
            if conversation_id is None:
                column = begin(
                    connection, grant, chatbot_id=chatbot_id, model=model, key_id=key_id, at=at, title=title_of(text)
                )
                history = History(None, ())
            else:
                column = go_on(connection, grant, conversation_id, model=model, key_id=key_id, at=at)
                history = read_history(connection, conversation_id=conversation_id, column_id=column.id)
                if history.last_turn is None:
                    name_after(connection, conversation_id, text)
            conversation_id = column.conversation_id
            parts = [{"type": "text", "text": text}]
            turn = {"id": turn_id, "conversation_id": conversation_id, "parent_id": history.last_turn, "parts": parts}
            _ADD_TURN.run(connection, {**turn, "created_at": at})
            answer = {"id": answer_id, "turn_id": turn_id, "column_id": column.id, "process_id": process_id}
            ran_with: dict[str, Any] = {"parameters": column.parameters, "system_prompt": column.system_prompt}
            # The key's id as chosen, not as found: a default is to stay a default when the answer is run again.
            ran_with |= {"model": str(model), "key_id": str(key_id) if key_id else None}
            _ADD_ANSWER.run(connection, {**answer, "configuration": ran_with, "created_at": at})
            attempt_id = self._reserve(
                connection,
                grant,
                route,
                process_id=process_id,
                at=at,
                chatbot_id=column.chatbot_id,
                conversation_id=conversation_id,
                answer_id=answer_id,
            )
        question = {"role": "user", "content": text}
        messages = (*system_message(column.system_prompt), *history.messages, question)
        call = _ready(route, messages, column.parameters)
        self._runner.submit(Job(attempt_id, grant.company.id, call, answer_id, route.key_id))
        return Asked(conversation_id, turn_id, (answer_id,))

    def ask_once(
        self, actor: Actor, *, text: str, model: ModelName, key_id: UUID | None, system: str, parameters: dict[str, Any]
    ) -> Live:
        """See `Conversations.ask_once`."""
        text = message(text)
        process_id, at = self._runner.enlist(), self._clock()
        with self._db.write_core() as connection:
            grant = admit(connection, actor, self._plans)
            route = self._routes.find(connection, grant, model, key_id=key_id)
            attempt_id = self._reserve(connection, grant, route, process_id=process_id, at=at)
        messages = (*system_message(system), {"role": "user", "content": text})
        return self._runner.submit(
            Job(attempt_id, grant.company.id, _ready(route, messages, parameters), key_id=route.key_id)
        )

    def start(self, actor: Actor, *, chatbot_id: UUID | None, model: ModelName, key_id: UUID | None) -> UUID:
        """See `Conversations.start`; the new conversation's id."""
        with self._db.write_core() as connection:
            grant = admit(connection, actor, self._plans)
            return begin(
                connection, grant, chatbot_id=chatbot_id, model=model, key_id=key_id, at=self._clock()
            ).conversation_id

    def _reserve(
        self,
        connection: sa.Connection,
        grant: Grant,
        route: Route,
        *,
        process_id: UUID,
        at: datetime,
        chatbot_id: UUID | None = None,
        conversation_id: UUID | None = None,
        answer_id: UUID | None = None,
    ) -> UUID:
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
            )
        except PlanUsedUpError as error:
            if grant.plan.byok:
                raise
            raise PlanUsedUpError(error.message, next_step=NO_OWN_KEYS[grant.is_admin]) from None


def message(text: str) -> str:
    """The message as it is kept.

    Raises:
        InvalidInputError: it is empty or too long.
    """
    text = storable(text).strip()
    if not text:
        raise InvalidInputError("The message is empty.", field="text", next_step="Write something first.")
    if len(text) > LONGEST:
        raise InvalidInputError(f"The message is longer than {LONGEST:,} characters.", field="text")
    return text


def _ready(route: Route, messages: Sequence[Mapping[str, str]], parameters: Mapping[str, Any]) -> Calls:
    """The call; for a provider that this process launches, a function: its address is known once its server is up."""
    make = functools.partial(
        ChatCall,
        provider=route.provider,
        model=route.name.model,
        messages=messages,
        auth=route.auth,
        temperature=parameters.get("temperature"),
        max_tokens=parameters.get("max_tokens"),
    )
    if route.provider.launch == "none":
        return make(base_url=route.base_url)
    return lambda: make(base_url=route.base_url)
