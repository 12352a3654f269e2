"""Before anything is sent: who pays for each column, what a run can cost at most, which columns cannot run, and why.

Sends and writes nothing. A bound that cannot be told is None, a dash: where no price is known, or no answer length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from byok.core import ledger
from byok.core.catalogue import Catalogue, Provider
from byok.core.model_names import ModelName, Source
from byok.core.plans import Plans
from byok.core.prices import context_window
from byok.core.run import Pricing
from byok.core.wire import ModelInfo, Usage
from byok.ground.clock import Clock, month_of, utc_now
from byok.ground.db import Database
from byok.ground.errors import ByokError, NotFoundError, PlanUsedUpError
from byok.ground.tables.types import metadata
from byok.services import readers
from byok.services.access import Actor, Grant, admit
from byok.services.booking import FindsRoutes
from byok.services.columns import ColumnSetup
from byok.services.history import Memory, read_memory
from byok.services.messages import Ask

MENUS = metadata.tables["model_menu"]
MESSAGE: Final = 4_000
"""Characters of a message that is not written yet, for which a run's cost is bounded."""
FRAME: Final = 16
"""Tokens that a chat's format adds to a message, at most."""
UNWRITTEN: Final = (Ask("x" * MESSAGE),)


@dataclass(frozen=True, slots=True)
class Forecast:
    """One column.

    Attributes:
        provider: full name.
        problem: why it cannot run, or cannot in part, with what to do; empty where it can.
        runs: whether anything of it can be sent.
        messages: plan messages that it holds.
        at_most_pico: what an own key's provider can charge at most, in pico-dollars; None where that cannot be told.
        why_unknown: the reason then.
    """

    column_id: UUID
    source: Source
    provider: str
    key_hint: str | None = None
    problem: str = ""
    runs: bool = True
    messages: int = 0
    at_most_pico: int | None = None
    why_unknown: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A whole run. `allowance` and `used` are the plan's messages of this month."""

    columns: tuple[Forecast, ...]
    allowance: int
    used: int

    @property
    def messages(self) -> int:
        """Plan messages that the run holds."""
        return sum(one.messages for one in self.columns)

    @property
    def own(self) -> tuple[Forecast, ...]:
        """The columns that run on own keys."""
        return tuple(one for one in self.columns if one.source == "byok" and one.runs)

    @property
    def at_most_pico(self) -> int | None:
        """What all own keys together can be charged at most; None where it cannot be told of one of them."""
        known = [one.at_most_pico for one in self.own if one.at_most_pico is not None]
        return sum(known) if len(known) == len(self.own) else None


class Forecasts:
    """Looks ahead for a page."""

    def __init__(
        self,
        *,
        db: Database,
        plans: Plans,
        catalogue: Catalogue,
        routes: FindsRoutes,
        price: Pricing,
        clock: Clock = utc_now,
    ) -> None:
        self._db, self._plans, self._catalogue, self._routes = db, plans, catalogue, routes
        self._price, self._clock = price, clock

    def look(
        self,
        actor: Actor,
        setups: Sequence[ColumnSetup],
        *,
        conversation_id: UUID | None = None,
        after: UUID | None = None,
        asks: Sequence[Ask] = UNWRITTEN,
    ) -> Outlook:
        """What asking these columns would come to now.

        Args:
            after: the turn on which the first message follows; None means the newest.
            asks: one message after the other; without them, one of `MESSAGE` characters that is still to be written.

        Raises:
            NotFoundError: no such conversation, or another person's.
        """
        with self._db.read() as session:
            connection = session.connection()
            grant = admit(connection, actor, self._plans)
            if conversation_id is not None:
                readers.check(connection, readers.mine(actor), conversation_id)
            month = month_of(self._clock())
            used = ledger.plan_used(connection, company_id=grant.company.id, month=month)
            left = max(0, grant.plan.messages - used)
            found: list[Forecast] = []
            for setup in (one for one in setups if one.model is not None):
                memory = (
                    read_memory(connection, conversation_id=conversation_id, column_id=setup.id)
                    if conversation_id is not None
                    else Memory({})
                )
                said = [setup.system_prompt, *(m["content"] for m in memory.messages(after or memory.newest))]
                mine = [ask for ask in asks if ask.to is None or setup.id in ask.to]
                one = self._one(connection, grant, setup, mine, left=left, before=sum(map(_tokens, said)))
                left -= one.messages
                found.append(one)
        return Outlook(tuple(found), grant.plan.messages, used)

    def _one(
        self,
        connection: sa.Connection,
        grant: Grant,
        setup: ColumnSetup,
        asks: Sequence[Ask],
        *,
        left: int,
        before: int,
    ) -> Forecast:
        name = setup.model
        assert name is not None  # noqa: S101 - those without were left out
        blank = Forecast(setup.id, name.source, self._provider(name))
        try:
            route = self._routes.find(connection, grant, name, key_id=setup.key_id)
        except ByokError as error:
            return replace(blank, problem=str(error), runs=False)
        if name.source == "plan":
            return _of_plan(blank, wanted=sum(ask.repeats for ask in asks), left=left)
        blank = replace(blank, key_hint=route.key_hint)
        tokens_out = setup.parameters.max_tokens
        if tokens_out is None:
            tokens_out = self._window(connection, route.provider, name.model, route.key_id)
        if tokens_out is None:
            return replace(blank, why_unknown="no answer length is set")
        cost = 0
        for ask in asks:
            before += _tokens(ask.text)
            usage = Usage(tokens_in=before, tokens_out=tokens_out)
            found = self._price(route.provider, model=name.model, usage=usage, at=self._clock(), key_id=route.key_id)
            if found is None:
                return replace(blank, why_unknown="its price is not known")
            cost += found.cost_pico * ask.repeats
            before += tokens_out + FRAME  # the answer is part of what the next one is asked with
        return replace(blank, at_most_pico=cost)

    def _window(self, connection: sa.Connection, provider: Provider, model: str, key_id: UUID | None) -> int | None:
        """The most tokens that an answer can have where its length is not set: what the model holds at all."""
        rows = connection.execute(sa.select(MENUS.c.models).where(MENUS.c.key_id == key_id)).scalar() or []
        row = next((row for row in rows if row["id"] == model), None)
        listed = ModelInfo.from_json(row).context if row is not None else None
        return listed or context_window(provider, model)

    def _provider(self, name: ModelName) -> str:
        try:
            return self._catalogue.get(name.provider_id).name
        except NotFoundError:
            return name.provider_id


def _of_plan(blank: Forecast, *, wanted: int, left: int) -> Forecast:
    held = min(wanted, left)
    if held == wanted:
        return replace(blank, messages=held)
    if held:
        are = "message is" if held == 1 else "messages are"
        return replace(blank, messages=held, problem=f"Only {held} of {wanted} can be asked: {held} plan {are} left.")
    problem = "This month's plan messages are used up, by the columns before it as well."
    return replace(blank, problem=f"{problem} {PlanUsedUpError.default_next_step}", runs=False)


def _tokens(text: str) -> int:
    """Never fewer than will be sent: a token stands for one byte at least."""
    return len(text.encode("utf-8", "replace")) + FRAME
