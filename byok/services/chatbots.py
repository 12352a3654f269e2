"""A company's chatbots: admins edit them, everyone sees and uses them. Also says when a chatbot's model is gone.

Refuses to move a chatbot to another model by itself, above all to one that somebody else pays for.
"""

from __future__ import annotations

import builtins
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlmodel import Session, select

from byok.core.audit import Chains
from byok.core.model_names import ModelName
from byok.core.plans import Plans
from byok.core.run import storable
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotFoundError
from byok.ground.tables import ApiKey, Chatbot
from byok.services.access import Actor, Grant, admit
from byok.services.company_locks import lock_company
from byok.services.names import clean_name
from byok.services.recording import Record
from byok.services.routes import Routes

NAME_LONGEST = 80
PROMPT_LONGEST = 100_000
HOTTEST = 2.0
MOST_TOKENS = 200_000


@dataclass(frozen=True, slots=True)
class ChatbotFields:
    """What an admin sets. `temperature` and `max_tokens` (answer length) are sent only if set.

    `fallback` answers where the plan is used up for `model`, or a budget is reached; None means to say so and stop.
    """

    name: str
    system_prompt: str = ""
    model: ModelName | None = None
    key_id: UUID | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    fallback: ModelName | None = None
    fallback_key_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ChatbotView:
    """A chatbot.

    Attributes:
        model_state: `ok`; `none`: none was chosen; `gone`: it cannot be used, for the reason in `model_reason`.
        key_label: the pinned key's label, None where none is pinned or it is gone.
        fallback_reason: why the fallback cannot be used; empty where it can, or where none is set.
    """

    id: UUID
    name: str
    system_prompt: str
    model: ModelName | None
    key_id: UUID | None
    key_label: str | None
    temperature: float | None
    max_tokens: int | None
    sample: bool
    created_at: datetime
    updated_at: datetime
    model_state: Literal["ok", "none", "gone"]
    model_reason: str
    fallback: ModelName | None
    fallback_key_id: UUID | None
    fallback_reason: str


class Chatbots:
    """Every call admits its actor anew; changes are for admins, on any plan."""

    def __init__(self, *, db: Database, plans: Plans, routes: Routes, chains: Chains, clock: Clock) -> None:
        self._db, self._plans, self._routes, self._clock = db, plans, routes, clock
        self._record = Record(chains=chains, clock=clock)

    def list(self, actor: Actor) -> builtins.list[ChatbotView]:
        """The company's chatbots by name."""
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
            rows = session.exec(select(Chatbot).where(Chatbot.company_id == actor.company_id)).all()
            return [self._view(session, grant, row) for row in sorted(rows, key=lambda row: row.name.casefold())]

    def get(self, actor: Actor, chatbot_id: UUID) -> ChatbotView:
        """One chatbot.

        Raises:
            NotFoundError: no such chatbot.
        """
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
            return self._view(session, grant, _own(session, actor, chatbot_id))

    def create(self, actor: Actor, fields: ChatbotFields) -> ChatbotView:
        """Makes a chatbot.

        Raises:
            NotAllowedError: a member asks.
            InvalidInputError: a field cannot be used; `field` names it.
            ModelGoneError, ProPlanNeededError, KeyUnreadableError: the model cannot be used.
        """
        now = self._clock()
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True)
            row = Chatbot(company_id=actor.company_id, name="", created_at=now, updated_at=now)
            self._set(session, grant, row, fields)
            self._record.add(session, actor, grant, "chatbot.added", subject=row.name, detail=_who_pays(row))
            return self._view(session, grant, row)

    def edit(self, actor: Actor, chatbot_id: UUID, fields: ChatbotFields) -> ChatbotView:
        """Sets all fields of a chatbot. A model that is gone may stay as it is, but not be chosen anew.

        Raises:
            NotFoundError: no such chatbot.
            NotAllowedError, InvalidInputError, ModelGoneError, ProPlanNeededError, KeyUnreadableError: see `create`.
        """
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True)
            row = _own(session, actor, chatbot_id)
            row.updated_at = self._clock()
            before = _who_pays(row)
            self._set(session, grant, row, fields)
            if (after := _who_pays(row)) != before:
                detail = f"{after}; before: {before}"
                self._record.add(session, actor, grant, "chatbot.changed", subject=row.name, detail=detail)
            return self._view(session, grant, row)

    def delete(self, actor: Actor, chatbot_id: UUID) -> None:
        """Removes a chatbot; conversations with it stay.

        Raises:
            NotFoundError: no such chatbot.
            NotAllowedError: a member asks.
        """
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True)
            row = _own(session, actor, chatbot_id)
            session.delete(row)
            self._record.add(session, actor, grant, "chatbot.deleted", subject=row.name, detail=_who_pays(row))

    def _set(self, session: Session, grant: Grant, row: Chatbot, fields: ChatbotFields) -> None:
        lock_company(session, grant.company.id)
        name = clean_name(fields.name)
        _judge(name, fields)
        others = select(Chatbot.name).where(Chatbot.company_id == grant.company.id, Chatbot.id != row.id)
        if name.casefold() in {other.casefold() for other in session.exec(others).all()}:
            raise InvalidInputError("Another chatbot has that name.", field="name", next_step="Choose another one.")
        fallback = fields.fallback if fields.model else None
        self._check(session, grant, fields.model, fields.key_id, before=(row.model, row.key_id))
        self._check(session, grant, fallback, fields.fallback_key_id, before=(row.fallback_model, row.fallback_key_id))
        row.name, row.system_prompt = name, storable(fields.system_prompt).strip()
        row.model, row.key_id = _kept(fields.model, fields.key_id)
        row.fallback_model, row.fallback_key_id = _kept(fallback, fields.fallback_key_id)
        row.temperature, row.max_tokens = fields.temperature, fields.max_tokens
        session.add(row)
        session.flush()

    def _check(
        self,
        session: Session,
        grant: Grant,
        model: ModelName | None,
        key_id: UUID | None,
        *,
        before: tuple[str | None, UUID | None],
    ) -> None:
        """Refuses a model that cannot be used, unless it stays as it was `before`."""
        if model and (str(model), key_id) != before:
            gone = self._routes.reason_gone(session, grant, model, key_id=key_id)
            if gone is not None:
                raise gone

    def _view(self, session: Session, grant: Grant, row: Chatbot) -> ChatbotView:
        model = ModelName.parse(row.model) if row.model else None
        fallback = ModelName.parse(row.fallback_model) if row.fallback_model else None
        gone = self._routes.reason_gone(session, grant, model, key_id=row.key_id) if model else None
        also = self._routes.reason_gone(session, grant, fallback, key_id=row.fallback_key_id) if fallback else None
        pinned = session.get(ApiKey, row.key_id) if row.key_id else None
        return ChatbotView(
            id=row.id,
            name=row.name,
            system_prompt=row.system_prompt,
            model=model,
            key_id=row.key_id,
            key_label=pinned.label if pinned and pinned.company_id == row.company_id else None,
            temperature=row.temperature,
            max_tokens=row.max_tokens,
            sample=row.sample,
            created_at=row.created_at,
            updated_at=row.updated_at,
            model_state="none" if model is None else "ok" if gone is None else "gone",
            model_reason="" if gone is None else gone.message,
            fallback=fallback,
            fallback_key_id=row.fallback_key_id,
            fallback_reason="" if also is None else also.message,
        )


def _judge(name: str, fields: ChatbotFields) -> None:
    if not name or len(name) > NAME_LONGEST:
        raise InvalidInputError(f"A chatbot needs a name of at most {NAME_LONGEST} characters.", field="name")
    if len(fields.system_prompt) > PROMPT_LONGEST:
        raise InvalidInputError(f"A system prompt has at most {PROMPT_LONGEST:,} characters.", field="system_prompt")
    heat = fields.temperature
    if heat is not None and not (math.isfinite(heat) and 0 <= heat <= HOTTEST):
        raise InvalidInputError("The temperature must be between 0 and 2, or not set.", field="temperature")
    if fields.max_tokens is not None and not 1 <= fields.max_tokens <= MOST_TOKENS:
        raise InvalidInputError(
            f"The answer length must be between 1 and {MOST_TOKENS:,} tokens, or not set.", field="max_tokens"
        )
    if fields.model is None or fields.fallback is None:
        return
    if fields.fallback == fields.model:
        raise InvalidInputError("A model cannot answer instead of itself.", field="fallback")
    if fields.model.source == fields.fallback.source == "plan":
        raise InvalidInputError(
            "Both models draw down the plan, so neither can answer when it is used up.",
            field="fallback",
            next_step="Choose a model of your own key.",
        )


def _who_pays(row: Chatbot) -> str:
    """The models that a chatbot asks, and by that who pays: what is recorded of it, and not its texts."""
    pairs = ((row.model, row.key_id), (row.fallback_model, row.fallback_key_id))
    model, fallback = (f"{name or 'none'}{f', key {key}' if key else ''}" for name, key in pairs)
    return f"model {model}" if row.fallback_model is None else f"model {model}, or {fallback}"


def _kept(model: ModelName | None, key_id: UUID | None) -> tuple[str | None, UUID | None]:
    return (str(model), key_id) if model else (None, None)


def _own(session: Session, actor: Actor, chatbot_id: UUID) -> Chatbot:
    chatbot = session.get(Chatbot, chatbot_id)
    if chatbot is None or chatbot.company_id != actor.company_id:
        raise NotFoundError("There is no such chatbot.")
    return chatbot
