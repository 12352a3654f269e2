"""What providers ask of this company: prices that it has agreed on, or a multiplier on what the lists say. For admins.

A change holds for answers that end after it; an attempt that is settled keeps the price that it was settled with.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlmodel import Session, select

from byok.core.audit import Chains
from byok.core.catalogue import Catalogue
from byok.core.plans import Plans
from byok.core.prices import plain
from byok.ground.clock import Clock, utc_now
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotFoundError
from byok.ground.tables import OwnPrice
from byok.services.access import Actor, admit
from byok.services.amounts import MILLIONTH, PICO, scaled
from byok.services.company_locks import lock_company
from byok.services.recording import Record

MOST_TIMES: Final = 1_000
MOST_USD: Final = 1_000_000  # for a million tokens
LONGEST_MODEL: Final = 200  # characters of a model's id


@dataclass(frozen=True, slots=True)
class OwnPriceView:
    """One price. Either `multiplier` is set, or both prices are: USD for a million tokens, in and out.

    Attributes:
        provider: full name.
        model: empty for all models of the provider that have no price of their own here.
    """

    provider_id: str
    provider: str
    model: str
    multiplier: Decimal | None
    price_in: Decimal | None
    price_out: Decimal | None
    updated_at: datetime


class OwnPrices:
    """What pages and commands may do with a company's own prices. Each call admits its actor anew, as an admin."""

    def __init__(
        self, *, db: Database, plans: Plans, catalogue: Catalogue, chains: Chains, clock: Clock = utc_now
    ) -> None:
        self._db, self._plans, self._catalogue, self._clock = db, plans, catalogue, clock
        self._record = Record(chains=chains, clock=clock)

    def list(self, actor: Actor) -> builtins.list[OwnPriceView]:
        """All of them, by the provider's name; that for all models of a provider first.

        Raises:
            NotAllowedError: a member asks.
        """
        with self._db.read() as session:
            company_id = admit(session, actor, self._plans, admin=True).company.id
            rows = session.exec(select(OwnPrice).where(OwnPrice.company_id == company_id)).all()
        return sorted(map(self._view, rows), key=lambda view: (view.provider.lower(), view.provider_id, view.model))

    def set(
        self,
        actor: Actor,
        provider_id: str,
        model: str = "",
        *,
        multiplier: Decimal | str | None = None,
        price_in: Decimal | str | None = None,
        price_out: Decimal | str | None = None,
    ) -> OwnPriceView:
        """Sets a price, or changes it: a multiplier, or two prices in USD for a million tokens; texts as typed.

        Args:
            model: its id at the provider; empty for all models of the provider.

        Raises:
            NotAllowedError: a member asks.
            ProPlanNeededError: the plan has no own keys.
            NotFoundError: there is no such provider.
            InvalidInputError: neither or both ways are given, or a number is none that can be kept.
        """
        self._catalogue.get(provider_id)
        its = {**_checked(multiplier, price_in, price_out), "updated_at": self._clock()}
        model = model.strip().removeprefix("models/")
        if len(model) > LONGEST_MODEL or "\0" in model or not model.isprintable():
            raise InvalidInputError(f"A model's id has at most {LONGEST_MODEL} characters.", field="model")
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True, byok=True)
            company_id = grant.company.id
            lock_company(session, company_id)
            row = _row(session, company_id, provider_id, model)
            if row is None:
                row = OwnPrice(company_id=company_id, provider_id=provider_id, model=model, **its)
            for name, value in its.items():
                setattr(row, name, value)
            session.add(row)
            view = self._view(row)
            self._record.add(session, actor, grant, "price.set", subject=_named(view), detail=_told(view))
            return view

    def clear(self, actor: Actor, provider_id: str, model: str = "") -> None:
        """Removes a price: the lists hold again, for answers that end from now on.

        Raises:
            NotAllowedError: a member asks.
            NotFoundError: there is no such price.
        """
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True)
            row = _row(session, grant.company.id, provider_id, model.strip().removeprefix("models/"))
            if row is None:
                raise NotFoundError("There is no such price.")
            session.delete(row)
            view = self._view(row)
            self._record.add(session, actor, grant, "price.cleared", subject=_named(view), detail=_told(view))

    def _view(self, row: OwnPrice) -> OwnPriceView:
        return OwnPriceView(
            provider_id=row.provider_id,
            provider=self._catalogue.name_of(row.provider_id),
            model=row.model,
            multiplier=_parts(row.multiplier_ppm, MILLIONTH),
            price_in=_parts(row.price_in_pico, PICO),
            price_out=_parts(row.price_out_pico, PICO),
            updated_at=row.updated_at,
        )


def _named(view: OwnPriceView) -> str:
    return f"{view.provider}, {view.model or 'all models'}"


def _told(view: OwnPriceView) -> str:
    times, price_in, price_out = (
        "" if number is None else plain(number) for number in (view.multiplier, view.price_in, view.price_out)
    )
    return f"{times} times the list" if times else f"${price_in} in, ${price_out} out for a million tokens"


def _row(session: Session, company_id: object, provider_id: str, model: str) -> OwnPrice | None:
    mine = select(OwnPrice).where(OwnPrice.company_id == company_id, OwnPrice.provider_id == provider_id)
    return session.exec(mine.where(OwnPrice.model == model)).one_or_none()


def _checked(
    multiplier: Decimal | str | None, price_in: Decimal | str | None, price_out: Decimal | str | None
) -> dict[str, Any]:
    prices = [one for one in (price_in, price_out) if one is not None]
    if (multiplier is None) == (not prices) or len(prices) == 1:
        raise InvalidInputError("Give either a multiplier or both prices, in and out.", field="multiplier")
    if multiplier is not None:
        times = scaled(multiplier, places=MILLIONTH, most=MOST_TIMES, what="The multiplier", field="multiplier")
        return {"multiplier_ppm": times, "price_in_pico": None, "price_out_pico": None}
    found = {
        f"{field}_pico": scaled(value, places=PICO, most=MOST_USD, what="A price", field=field)
        for field, value in (("price_in", price_in), ("price_out", price_out))
        if value is not None
    }
    return {"multiplier_ppm": None, **found}


def _parts(value: int | None, places: int) -> Decimal | None:
    return None if value is None else Decimal(value).scaleb(-places)
