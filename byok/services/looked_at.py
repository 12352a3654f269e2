"""A column that is looked at before it is asked: what each message can cost, and which of them the budgets allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from byok.core.allowances import Budget
from byok.core.model_names import ModelName
from byok.services.awaited import Awaited, longest
from byok.services.bounds import FRAME, most_tokens
from byok.services.forecast_views import Forecast
from byok.services.holds import Holds
from byok.services.messages import Ask
from byok.services.purses import Fit, Purses
from byok.services.routes import Route


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What the forecast of a column, on the model `name`, is made of.

    Attributes:
        route: None where the column cannot run.
        before: tokens that are sent with the first of `asks`, without that itself, at most.
        tokens_out: the longest answer; None where that is not known.
        fitted: whether each answer's length is made to fit beside what is sent, since nobody set one under a budget.
        grows: whether an answer that belongs to the history is still being written, and may grow without an end.
        other: the same of the model that answers where this one is spent; None where no settings name one.
        budgets: those that bind it. costs: the most that asking each of `asks` once can cost; None where not known.
        endless: whether an answer without an end comes before it, so that this is not the most.
        lengths: the longest answer to each of them.
    """

    name: ModelName
    blank: Forecast
    route: Route | None
    before: int = 0
    tokens_out: int | None = None
    fitted: bool = False
    grows: bool = False
    budgets: tuple[Budget, ...] = ()
    asks: Sequence[Ask] = ()
    costs: tuple[int | None, ...] = ()
    endless: tuple[bool, ...] = ()
    lengths: tuple[int | None, ...] = ()
    other: LookedAt | None = None

    def asking(self, asks: Sequence[Ask], holds: Holds) -> LookedAt:
        """The same column, asked those of these messages that go to it, with what they cost."""
        mine = [ask for ask in asks if ask.to is None or self.blank.column_id in ask.to]
        asked = replace(self, asks=mine, other=self.other and self.other.asking(asks, holds))
        return _reckoned(asked, [[] for _ in mine], holds)

    def after(self, first: LookedAt, goes: int, holds: Holds) -> LookedAt:
        """The same column, asked what is left of those messages that `first` was asked and has answered so many of."""
        rest, answered = [], []
        for ask, length in zip(first.asks, first.lengths, strict=True):
            taken = min(goes, ask.repeats)
            goes -= taken
            rest.append(replace(ask, repeats=ask.repeats - taken))
            answered.append([Awaited(first.name, length)] if taken else [])
        return _reckoned(replace(self, asks=rest), answered, holds)


def _reckoned(column: LookedAt, answered: Sequence[Sequence[Awaited]], holds: Holds) -> LookedAt:
    """The column with what asking it comes to.

    Args:
        answered: of each message, what another model answers.
    """
    costs: list[int | None] = []
    endless: list[bool] = []
    lengths: list[int] = []
    before, grows = column.before, column.grows
    if column.route is None or column.route.key_id is None or column.tokens_out is None:
        return replace(column, costs=(), endless=(), lengths=(column.tokens_out,) * len(column.asks))
    for ask, others in zip(column.asks, answered, strict=True):
        before += most_tokens(ask.text)
        tokens_out = holds.length(column.route, before) if column.fitted else column.tokens_out
        costs.append(holds.dearest(column.route, before, tokens_out))
        lengths.append(tokens_out)
        endless.append(grows and ask.repeats > 0)
        # The answer is part of what the next one is asked with.
        mine = [Awaited(column.name, tokens_out)] if ask.repeats else []
        length = longest([*others, *mine], column.name)
        grows = grows or length is None
        before += (length or 0) + FRAME
    return replace(column, costs=tuple(costs), endless=tuple(endless), lengths=tuple(lengths))


def fits_of(columns: Sequence[LookedAt], asks: Sequence[Ask], purses: Purses) -> dict[UUID, Fit]:
    """How much of each column the budgets allow, in the order in which it is reserved: message by message."""
    fits = {one.blank.column_id: Fit() for one in columns}
    costs = {one.blank.column_id: zip(one.costs, one.endless, strict=True) for one in columns}
    for ask in asks:
        for one in (one for one in columns if one.budgets and ask in one.asks):
            (cost, endless), fit = next(costs[one.blank.column_id]), fits[one.blank.column_id]
            for _ in range(ask.repeats):
                refusal = purses.take(one.budgets, cost, ends=not endless)
                fit = Fit(fit.wanted + 1, fit.goes + (refusal is None), fit.refusal or refusal)
            fits[one.blank.column_id] = fit
    return fits
