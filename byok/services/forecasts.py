"""Before anything is sent: who pays for each column, what a run can cost at most, which columns cannot run, and why.

Sends and writes nothing. A bound that cannot be told is None, a dash: where no price is known, or no answer length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import sqlalchemy as sa

from byok.core import ledger
from byok.core.catalogue import Catalogue
from byok.core.model_names import ModelName, Source
from byok.core.plans import Plans
from byok.core.run import Pricing
from byok.ground.clock import Clock, month_of, utc_now
from byok.ground.db import Database
from byok.ground.errors import ByokError, NotFoundError, PlanUsedUpError
from byok.services import readers
from byok.services.access import Actor, Grant, admit
from byok.services.booking import NO_OWN_KEYS, FindsRoutes
from byok.services.bounds import FRAME, OPENING, dearest, most_tokens, still_grows, unwritten, window
from byok.services.columns import ColumnSetup
from byok.services.history import Memory, read_memory
from byok.services.messages import Ask
from byok.services.routes import Route


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


@dataclass(frozen=True, slots=True)
class _Column:
    """What a forecast is made of. `before` counts the tokens that are sent with the first of `asks`, at most.

    Attributes:
        route: None where the column cannot run.
        tokens_out: the longest answer; None where that is not known.
        grows: whether an answer that belongs to the history is still being written.
    """

    blank: Forecast
    route: Route | None
    asks: Sequence[Ask]
    before: int = 0
    tokens_out: int | None = None
    grows: bool = False


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
        asks: Sequence[Ask] | None = None,
    ) -> Outlook:
        """What asking these columns would come to now.

        Args:
            after: the turn on which the first message follows; None means the newest.
            asks: one message after the other; None means `unwritten`.

        Raises:
            NotFoundError: no such conversation, or another person's.
        """
        asks = unwritten() if asks is None else asks
        with self._db.read() as session:
            connection = session.connection()
            grant = admit(connection, actor, self._plans)
            if conversation_id is not None:
                readers.check(connection, readers.mine(actor), conversation_id)
            month = month_of(self._clock())
            used = ledger.plan_used(connection, company_id=grant.company.id, month=month)
            found: list[_Column] = []
            for setup in setups:
                if setup.model is not None:
                    memory = (
                        read_memory(connection, conversation_id=conversation_id, column_id=setup.id)
                        if conversation_id is not None
                        else Memory({})
                    )
                    mine = [ask for ask in asks if ask.to is None or setup.id in ask.to]
                    leaf = after or memory.newest
                    found.append(self._column(connection, grant, setup, setup.model, mine, memory, leaf))
        # The price list is read from the database as well: not while this session is held.
        left = max(0, grant.plan.messages - used)
        held = _held(found, asks, left)
        return Outlook(
            tuple(
                _of_plan(one, grant, held=held[one.blank.column_id], left=left)
                if one.blank.source == "plan"
                else self._own(one)
                for one in found
            ),
            grant.plan.messages,
            used,
        )

    def _column(
        self,
        connection: sa.Connection,
        grant: Grant,
        setup: ColumnSetup,
        name: ModelName,
        asks: Sequence[Ask],
        memory: Memory,
        leaf: UUID | None,
    ) -> _Column:
        blank = Forecast(setup.id, name.source, self._provider(name))
        try:
            route = self._routes.find(connection, grant, name, key_id=setup.key_id)
        except ByokError as error:
            return _Column(replace(blank, problem=str(error), runs=False), None, asks)
        blank = replace(blank, key_hint=route.key_hint)
        tokens_out = setup.parameters.max_tokens
        if tokens_out is None and name.source == "byok":
            tokens_out = window(connection, route.provider, name.model, route.key_id)
        said = [setup.system_prompt, *(m["content"] for m in memory.messages(leaf))]
        before = OPENING + sum(map(most_tokens, said))
        return _Column(blank, route, asks, before, tokens_out, grows=still_grows(memory, leaf))

    def _own(self, column: _Column) -> Forecast:
        blank, route = column.blank, column.route
        if route is None or not column.asks:
            return blank if route is None else replace(blank, at_most_pico=0)
        if column.tokens_out is None:
            return replace(blank, why_unknown="no answer length is set")
        if column.grows:
            return replace(blank, why_unknown="the last answer still grows")
        cost, before = 0, column.before
        for ask in column.asks:
            before += most_tokens(ask.text)
            one = dearest(self._price, route, before, column.tokens_out, at=self._clock())
            if one is None:
                return replace(blank, why_unknown="its price is not known")
            cost += one * ask.repeats
            before += column.tokens_out + FRAME  # the answer is part of what the next one is asked with
        return replace(blank, at_most_pico=cost)

    def _provider(self, name: ModelName) -> str:
        try:
            return self._catalogue.get(name.provider_id).name
        except NotFoundError:
            return name.provider_id


def _held(columns: Sequence[_Column], asks: Sequence[Ask], left: int) -> dict[UUID, int]:
    """How many plan messages each column gets, in the order in which they are reserved: message by message."""
    held = {one.blank.column_id: 0 for one in columns}
    on_plan = [one for one in columns if one.blank.source == "plan" and one.route is not None]
    for ask in asks:
        for one in on_plan:
            if ask in one.asks:
                taken = min(ask.repeats, left)
                held[one.blank.column_id] += taken
                left -= taken
    return held


def _of_plan(column: _Column, grant: Grant, *, held: int, left: int) -> Forecast:
    """Of a column on the plan.

    Args:
        left: of the month's messages, before any column.
    """
    wanted = sum(ask.repeats for ask in column.asks)
    if column.route is None or held == wanted:
        return replace(column.blank, messages=held)
    if held:
        are = "message is" if held == 1 else "messages are"
        problem = f"Only {held} of {wanted} can be asked: {held} plan {are} left."
        return replace(column.blank, messages=held, problem=problem)
    by_others = ", by the columns before it as well" if left else ""
    next_step = PlanUsedUpError.default_next_step if grant.plan.byok else NO_OWN_KEYS[grant.is_admin]
    problem = f"This month's {grant.plan.messages:,} plan messages are used up{by_others}. {next_step}"
    return replace(column.blank, problem=problem, runs=False)
