"""The same tokens elsewhere: what a period's counted answers would come to at other models, by today's list prices.

An estimate, and says so: a request of the period's average size is priced, cached tokens in full. Calls without
token counts are left out and named. Refuses to compare with a cost that is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from byok.core import price_list
from byok.core.catalogue import Catalogue
from byok.core.ledger_figures import Figures, figures
from byok.core.plans import Plan, Plans
from byok.core.prices import price
from byok.core.provider import Provider
from byok.core.wire.shapes import Usage
from byok.ground.clock import Clock, day_of, utc_now
from byok.ground.db import Database
from byok.services.access import Actor, admit
from byok.services.periods import Period
from byok.services.usage_table import UsageRow

MILLION = 1_000_000
MOST_USED = 3
MOST = 50
"""Models in one comparison."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the price list. `id` is `provider/model`, `provider` the full name."""

    id: str
    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class Basket:
    """The answers of a period that one side paid for, own keys or the plan.

    Attributes:
        uncounted: those without token counts, which are in no estimate. `unpriced`: those that `real_pico` lacks.
        at_least: whether `real_pico` lacks anything, be it of calls without an answer.
        counted: calls with token counts, those among them that ended without any text. `tokens_in`: theirs.
        real_pico: what they really cost; of the plan, its messages at the plan's price. None where that is not known.
    """

    answers: int
    uncounted: int
    unpriced: int
    at_least: bool
    counted: int
    tokens_in: int
    tokens_out: int
    real_pico: int | None

    def compared(self, pico: int | None, *, missing: int = 0) -> tuple[str, Decimal] | None:
        """How much more or less than it really cost, in percent, and on which side of that the truth may lie.

        Args:
            missing: answers that `pico` does not cover. They hardly ever have a real cost either, for want of counts.

        Returns:
            `=`, `≥` or `≤`, and the percentage; None where nothing can be compared.
        """
        lost = self.at_least and not self.unpriced
        if pico is None or not self.real_pico or (missing > self.unpriced and lost):
            return None
        side = "≥" if missing > self.unpriced else "≤" if missing < self.unpriced or lost else "="
        return side, Decimal(100 * (pico - self.real_pico)) / self.real_pico


@dataclass(frozen=True, slots=True)
class Line:
    """A model, and what both baskets would come to there, in pico-dollars; None where there is nothing to estimate."""

    model: Model
    own_pico: int | None
    plan_pico: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A period's tokens at other models.

    Attributes:
        on_plan_pico: the answers of own keys at the plan's price; None where the operator has set none.
        prices: the price list and its version. `day`: the day (UTC) whose prices are used.
    """

    own: Basket
    plan: Basket
    plan_name: str
    message_pico: int | None
    on_plan_pico: int | None
    lines: tuple[Line, ...]
    prices: str
    day: date


class Elsewhere:
    """Prices a period again."""

    def __init__(self, *, db: Database, plans: Plans, catalogue: Catalogue, clock: Clock = utc_now) -> None:
        self._db, self._plans, self._catalogue, self._clock = db, plans, catalogue, clock
        self._listed: tuple[date, dict[str, Model]] | None = None

    def models(self) -> dict[str, Model]:
        """What there is to choose from, by id: all chat models of the price list, provider by provider."""
        now = self._clock()
        if self._listed is None or self._listed[0] != day_of(now):  # prices may begin and end with a day
            found = [_model(provider, one) for provider, one in self._all(now)]
            self._listed = day_of(now), {one.id: one for one in found}
        return self._listed[1]

    def suggested(self, actor: Actor, period: Period) -> list[str]:
        """What to compare with at first: the plan's standard models, then the period's most used on own keys.

        Where the plan's have no price, those of all plans: a small plan may have the built-in model alone.
        """
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
            found = figures(
                session.connection(),
                ["source", "provider_id", "model"],
                company_id=grant.company.id,
                first=period.first,
                last=period.last,
                person_id=None if grant.is_admin else actor.person_id,
            )
        own = [(one.answered, key[1], key[2]) for key, one in found.items() if key[0] == "byok" and one.answered]
        used = [(provider_id, model) for _, provider_id, model in sorted(own, key=lambda one: (-one[0], one[1:]))]
        standard = self._standard([grant.plan]) or self._standard(self._plans.all())
        return list(dict.fromkeys([*standard, *self._named(used)[:MOST_USED]]))

    def compare(self, actor: Actor, total: UsageRow, models: Sequence[str]) -> Comparison:
        """A period's tokens at these models, the cheapest first; ids that the list does not have are left out.

        Args:
            total: of the period, as the actor's table has it.
        """
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
        own, plan = total.byok, total.plan
        message = grant.plan.message_pico
        baskets = (
            _basket(own, real_pico=own.cost_pico, unpriced=own.unpriced, at_least=own.cost_at_least),
            _basket(plan, real_pico=None if message is None else message * plan.answered, unpriced=0, at_least=False),
        )
        now, listed = self._clock(), self.models()
        chosen = [listed[one] for one in dict.fromkeys(models) if one in listed][:MOST]
        lines = [Line(one, *(self._cost(one, basket, now) for basket in baskets)) for one in chosen]
        return Comparison(
            own=baskets[0],
            plan=baskets[1],
            plan_name=grant.plan.name,
            message_pico=message,
            on_plan_pico=None if message is None else message * own.answered,
            lines=tuple(sorted(lines, key=_cheapest)),
            prices=price_list.version(),
            day=day_of(now),
        )

    def _all(self, now: datetime) -> list[tuple[Provider, str]]:
        return [(provider, one) for provider in self._catalogue.all() for one in price_list.listed(provider, at=now)]

    def _standard(self, plans: Sequence[Plan]) -> list[str]:
        names = [name.partition("/") for plan in plans for name in plan.models]
        return self._named([(provider_id, model) for provider_id, _, model in names])

    def _named(self, models: Sequence[tuple[str, str]]) -> list[str]:
        """Those that the list has, by their ids there."""
        providers, listed = {provider.id: provider for provider in self._catalogue.all()}, self.models()
        names = [
            (provider_id, price_list.listed_as(providers[provider_id], model))
            for provider_id, model in models
            if provider_id in providers
        ]
        ids = dict.fromkeys(f"{provider_id}/{name}" for provider_id, name in names if name is not None)
        return [one for one in ids if one in listed]

    def _cost(self, model: Model, basket: Basket, now: datetime) -> int | None:
        """Prices may grow with a request's length: one of average size says which holds."""
        if not basket.counted:
            return None
        size_in, size_out = (max(1, round(one / basket.counted)) for one in (basket.tokens_in, basket.tokens_out))
        average = Usage(tokens_in=size_in, tokens_out=size_out)
        provider = self._catalogue.get(model.id.partition("/")[0])
        found = price(provider, model=model.model, usage=average, at=now)
        if found is None or found.in_pico is None or found.out_pico is None:
            return None
        cost = Decimal(found.in_pico * basket.tokens_in + found.out_pico * basket.tokens_out) / MILLION
        return int(cost.to_integral_value(ROUND_HALF_EVEN))


def _cheapest(line: Line) -> tuple[bool, int, str]:
    cost = line.own_pico if line.own_pico is not None else line.plan_pico
    return cost is None, cost or 0, line.model.id


def _model(provider: Provider, model: str) -> Model:
    return Model(f"{provider.id}/{model}", provider.name, model)


def _basket(found: Figures, *, real_pico: int | None, unpriced: int, at_least: bool) -> Basket:
    return Basket(
        answers=found.answered,
        uncounted=found.uncounted,
        unpriced=unpriced,
        at_least=at_least,
        counted=max(found.known_in, found.known_out),
        tokens_in=found.tokens_in or 0,
        tokens_out=found.tokens_out or 0,
        real_pico=real_pico,
    )
