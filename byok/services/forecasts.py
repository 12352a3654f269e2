"""Before anything is sent: who pays for each column, what a run can cost at most, which columns cannot run, and why.

Sends and writes nothing. A bound that cannot be told is None, a dash: where no price is known, or no answer length.
Under a budget an answer always has a length, and the bound is what will be held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import sqlalchemy as sa

from byok.core.allowances import plan_used
from byok.core.catalogue import Catalogue
from byok.core.model_names import ModelName
from byok.core.plans import Plans
from byok.core.run import Pricing
from byok.ground.clock import Clock, month_of, utc_now
from byok.ground.db import Database
from byok.ground.errors import ByokError
from byok.services import plan_forecasts, readers
from byok.services.access import Actor, Grant, admit
from byok.services.awaited import growing
from byok.services.booking import FindsRoutes
from byok.services.bounds import is_unwritten, most_before, running_on, unwritten, window
from byok.services.columns import ColumnSetup
from byok.services.fallbacks import fallback_of
from byok.services.forecast_views import Forecast, Outlook
from byok.services.history import Memory, read_memory
from byok.services.holds import Holds
from byok.services.looked_at import LookedAt, fits_of
from byok.services.messages import Ask
from byok.services.other_forecasts import Others, own_forecast
from byok.services.purses import Purses


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
        chatbot_id: UUID | None = None,
        after: UUID | None = None,
        asks: Sequence[Ask] | None = None,
    ) -> Outlook:
        """What asking these columns would come to now.

        Args:
            chatbot_id: of a conversation that is still to be begun; else its own one counts.
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
                chatbot_id = readers.chatbot_of(connection, conversation_id)
            company_id, month = grant.company.id, month_of(self._clock())
            used = plan_used(connection, company_id=company_id, month=month)
            holds = Holds(connection, company_id=company_id, price=self._price, at=self._clock())
            found: list[LookedAt] = []
            for setup in setups:
                if setup.model is not None:
                    memory = (
                        read_memory(connection, conversation_id=conversation_id, column_id=setup.id)
                        if conversation_id is not None
                        else Memory({})
                    )
                    leaf = after or memory.newest
                    one = self._column(connection, grant, setup, setup.model, memory, leaf, holds=holds)
                    other = fallback_of(connection, company_id=company_id, chatbot_id=chatbot_id, asked=setup.model)
                    if other is not None and one.route is not None:
                        also = replace(setup, key_id=other.key_id)
                        its = self._column(connection, grant, also, other.model, memory, leaf, holds=holds)
                        one = replace(one, other=its)
                    found.append(one.asking(asks, holds))
            bound = [budget for one in found if one.asks for budget in one.budgets]
            purses = Purses(connection, bound, company_id=company_id, month=month)
            warnings = purses.warnings()
            fits = least = fits_of(found, asks, purses)
            if any(one.refusal for one in fits.values()) and all(map(is_unwritten, asks)):
                short = [replace(ask, text="x") for ask in asks]
                brief = [one.asking(short, holds) for one in found]
                least = fits_of(brief, short, Purses(connection, bound, company_id=company_id, month=month))
            left = max(0, grant.plan.messages - used)
            held = plan_forecasts.held(found, asks, left)
            told = {
                one.blank.column_id: plan_forecasts.of_plan(one, grant, held=sum(held[one.blank.column_id]), left=left)
                if one.blank.source == "plan"
                else own_forecast(one, fits[one.blank.column_id], least[one.blank.column_id])
                for one in found
            }
            others = Others(connection, grant, company_id=company_id, month=month, held=held, left=left, holds=holds)
            for one in found:
                key = one.blank.column_id
                told[key] = others.with_other(one, told[key], fits[key], least[key])
        return Outlook(tuple(told.values()), grant.plan.messages, used, warnings)

    def _column(
        self,
        connection: sa.Connection,
        grant: Grant,
        setup: ColumnSetup,
        name: ModelName,
        memory: Memory,
        leaf: UUID | None,
        *,
        holds: Holds,
    ) -> LookedAt:
        blank = Forecast(setup.id, name.source, self._catalogue.name_of(name.provider_id))
        try:
            route = self._routes.find(connection, grant, name, key_id=setup.key_id)
        except ByokError as error:
            return LookedAt(name, replace(blank, problem=str(error), runs=False), None)
        blank = replace(blank, key_hint=route.key_hint)
        budgets, tokens_out = holds.binding(route), setup.parameters.max_tokens
        if tokens_out is None and name.source == "byok":
            tokens_out = holds.length(route, 0) if budgets else window(connection, route)
        running = running_on(memory, leaf)
        to_come = growing(connection, running, name) if budgets else dict.fromkeys(running)
        before, grows = most_before(setup.system_prompt, memory, leaf, growing=to_come), None in to_come.values()
        fitted = bool(budgets) and setup.parameters.max_tokens is None
        return LookedAt(name, blank, route, before, tokens_out, fitted, grows, budgets)
