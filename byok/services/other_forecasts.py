"""What own keys answer of a run, and what a chatbot's other model does where the plan or a budget ends.

What another model answers is looked at after all else, so near a budget's end it may be told later than it happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import sqlalchemy as sa

from byok.services.access import Grant
from byok.services.fallbacks import SPENT, cannot_either
from byok.services.forecast_views import Forecast
from byok.services.holds import Holds
from byok.services.looked_at import LookedAt, fits_of
from byok.services.plan_forecasts import used_up
from byok.services.purses import Fit, Purses


def own_forecast(column: LookedAt, fit: Fit, least: Fit) -> Forecast:
    """Of a column on an own key.

    Args:
        least: what fits of the shortest message, where it is not written yet.
    """
    blank, route = column.blank, column.route
    if route is None or not column.asks:
        return blank if route is None else replace(blank, at_most_pico=0)
    if fit.refusal is not None and least.goes == least.wanted:
        blank = replace(blank, problem=f"A long message may not be sent: {fit.refusal}")
    elif fit.refusal is not None:
        blank = replace(blank, problem=least.problem, runs=least.goes > 0)
    if column.tokens_out is None:
        return replace(blank, why_unknown="no answer length is set")
    if any(column.endless):
        return replace(blank, why_unknown="the last answer still grows")
    known = [cost for cost in column.costs if cost is not None]
    if len(known) < len(column.costs):
        return replace(blank, why_unknown="its price is not known")
    return replace(blank, at_most_pico=sum(cost * ask.repeats for cost, ask in zip(known, column.asks, strict=True)))


class Others:
    """The models that answer instead, for one run.

    Args:
        held: plan messages of each column, by its asks. left: of the month's messages, before any column.
    """

    def __init__(
        self,
        connection: sa.Connection,
        grant: Grant,
        *,
        company_id: UUID,
        month: str,
        held: Mapping[UUID, Sequence[int]],
        left: int,
        holds: Holds,
    ) -> None:
        self._holds = holds
        self._connection, self._grant, self._company_id, self._month = connection, grant, company_id, month
        self._held, self._left = held, left
        self._spare = left - sum(map(sum, held.values()))

    def with_other(self, column: LookedAt, told: Forecast, fit: Fit, least: Fit) -> Forecast:
        """A column's forecast, with what the chatbot's other model answers of it.

        Args:
            told: without that model. fit, least: see `own_forecast`.
        """
        other, plan = column.other, column.blank.source == "plan"
        wanted = sum(ask.repeats for ask in column.asks)
        goes = sum(self._held[column.blank.column_id]) if plan else least.goes if fit.refusal else wanted
        if other is None or (goes == wanted and not fit.refusal):
            return told
        if not plan and not isinstance(least.refusal or fit.refusal, SPENT):
            return told  # for no other reason
        pays = f"billed to your {other.blank.provider} key" if other.blank.source == "byok" else "on the plan"
        if goes == wanted and fit.refusal is not None:
            long = f"A long message may be answered by {other.name.model} instead, {pays}: {fit.refusal.message}"
            return replace(told, problem=long) if other.route else told
        part = self._part(other.after(column, goes, self._holds))
        if not part.runs:
            return replace(told, problem=f"{told.problem} {cannot_either(other.name, part.problem)}")
        answers = f"{other.name.model} answers{' the others' if goes else ''} instead, {pays}."
        if plan:
            spent = f"{goes} of {wanted} draw down the plan, which is used up then"
            problem = f"{spent if goes else used_up(self._grant, self._left)}: {answers}"
        elif goes:
            problem = f"{goes} of {wanted} fit into the budget: {answers}"
        else:
            problem = f"{fit.refusal.message if fit.refusal else ''} So {answers}"
        return replace(told, problem=f"{problem} {part.problem}".strip(), runs=True, instead=part)

    def _part(self, other: LookedAt) -> Forecast:
        """What the other model answers of what it is asked."""
        if other.route is None:
            return other.blank
        if other.blank.source == "plan":
            taken = min(sum(ask.repeats for ask in other.asks), self._spare)
            self._spare -= taken
            none = f"{used_up(self._grant, self._left)}."
            return replace(other.blank, messages=taken, runs=taken > 0, problem="" if taken else none)
        purses = Purses(self._connection, other.budgets, company_id=self._company_id, month=self._month)
        fit = fits_of([other], other.asks, purses)[other.blank.column_id]
        return own_forecast(other, fit, fit)
