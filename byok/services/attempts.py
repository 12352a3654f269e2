"""The attempts behind a figure, row by row: what was asked of whom, what came of it, and what it cost by which price.

Corrections are counted in and named. Refuses dimensions that it does not know: they come from a browser.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from byok.core.adjustments import corrections_of
from byok.core.ledger_figures import within
from byok.core.run import storable
from byok.ground.clock import days_of
from byok.ground.errors import InvalidInputError
from byok.ground.tables.attempts import OPEN
from byok.ground.tables.types import metadata
from byok.services.periods import Period
from byok.services.usage_names import GONE

ATTEMPTS, ADJUSTMENTS = metadata.tables["attempt"], metadata.tables["adjustment"]
PEOPLE, CHATBOTS = metadata.tables["person"], metadata.tables["chatbot"]
_a, _j = ATTEMPTS.c, ADJUSTMENTS.c

_PRICED_LATER = sa.exists().where(_j.attempt_id == _a.id, _j.prices)
CHUNK: Final = 1000
"""Rows that are in memory at once; of no more there may as well be all."""
WHICH: Final[Mapping[str, sa.ColumnElement[bool]]] = {
    "all": sa.true(),
    "settled": ~OPEN,
    "open": OPEN,
    "answered": ~OPEN & _a.answered,
    "errors": (_a.status == "error") & ~_a.answered,
    "requests": ~OPEN & (_a.answered | (_a.status == "error")),
    "unpriced": ~OPEN & _a.answered & _a.cost_pico.is_(None) & ~_PRICED_LATER,
}
"""Which attempts a figure counts."""


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt. What is not known is None. Money in pico-dollars, times in milliseconds.

    Attributes:
        provider: full name. `model_answered`: as the answer named it. `instead_of`: what was asked for at first.
        person: the name, also of one who is gone; None for the operator. `chatbot`: likewise; None for none.
        key_label, key_hint: what the key was called then.
        tokens_in, tokens_out, cost_pico: with corrections; `corrections` says how many there are.
    """

    id: UUID
    at: datetime
    source: str
    provider_id: str
    provider: str
    model: str
    model_answered: str | None
    instead_of: str | None
    key_label: str | None
    key_hint: str | None
    person: str | None
    chatbot: str | None
    conversation_id: UUID | None
    status: str
    answered: bool
    error: str | None
    tokens_in: int | None
    tokens_out: int | None
    tokens_cached: int | None
    tokens_reasoning: int | None
    cost_pico: int | None
    price_origin: str | None
    price_date: str | None
    price_in_pico: int | None
    price_out_pico: int | None
    ttft_ms: int | None
    duration_ms: int | None
    request_id: str | None
    sample: bool
    corrections: int


@dataclass(frozen=True, slots=True)
class AttemptList:
    """The newest ones. `more`: there are others."""

    rows: tuple[AttemptView, ...]
    more: bool


def attempts(
    connection: sa.Connection,
    period: Period,
    where: Mapping[str, Any],
    *,
    company_id: UUID,
    person_id: UUID | None,
    providers: Mapping[str, str],
    limit: int,
) -> Generator[AttemptView]:
    """At most so many, the newest first, read as they are asked for: there may be more than memory holds. Close it.

    Args:
        where: see `Usage.attempts`. person_id: only this person's. providers: full names by id.
    """
    fixed = corrections_of(company_id)
    query = sa.select(
        ATTEMPTS,
        *(fixed.c[name].label(f"more_{name}") for name in ("tokens_in", "tokens_out", "cost_pico")),
        *(sa.func.coalesce(fixed.c[name], 0).label(name) for name in ("prices", "counts", "corrections")),
        _named(PEOPLE, _a.person_id, GONE["person"]).label("person"),
        _named(CHATBOTS, _a.chatbot_id, GONE["chatbot"]).label("chatbot"),
    ).select_from(
        ATTEMPTS.outerjoin(fixed, fixed.c.attempt_id == _a.id)
        .outerjoin(PEOPLE, (PEOPLE.c.id == _a.person_id) & (PEOPLE.c.company_id == _a.company_id))
        .outerjoin(CHATBOTS, (CHATBOTS.c.id == _a.chatbot_id) & (CHATBOTS.c.company_id == _a.company_id))
    )
    mine = [_a.company_id == company_id, *within(period.first, period.last)]
    mine += [_a.person_id == person_id] if person_id is not None else []
    mine += [_condition(name, value) for name, value in where.items()]
    query = query.where(*mine).order_by(_a.reserved_at.desc(), _a.id.desc()).limit(limit)
    if limit > CHUNK:
        query = query.execution_options(yield_per=CHUNK)
    return _read(connection, query, providers)


def _named(table: sa.Table, its: sa.Column[Any], gone: str) -> sa.ColumnElement[str | None]:
    """The name of whom the id means; those words where it means nobody any more, NULL where there is no id."""
    return sa.case((its.is_not(None), sa.func.coalesce(table.c.name, gone)))


def _read(connection: sa.Connection, query: sa.Select[Any], providers: Mapping[str, str]) -> Generator[AttemptView]:
    with connection.execute(query) as rows:
        for row in rows:
            yield _view(row, providers)


def _view(row: Any, providers: Mapping[str, str]) -> AttemptView:
    return AttemptView(
        id=row.id,
        at=row.reserved_at,
        source=row.source,
        provider_id=row.provider_id,
        provider=providers.get(row.provider_id, row.provider_id),
        model=row.model_asked,
        model_answered=row.model_answered,
        instead_of=row.instead_of,
        key_label=row.key_label,
        key_hint=row.key_hint,
        person=row.person,
        chatbot=row.chatbot,
        conversation_id=row.conversation_id,
        status=row.status,
        answered=row.answered,
        error=row.error,
        tokens_in=_plus(row.tokens_in, row.more_tokens_in, row.counts),
        tokens_out=_plus(row.tokens_out, row.more_tokens_out, row.counts),
        tokens_cached=row.tokens_cached,
        tokens_reasoning=row.tokens_reasoning,
        cost_pico=_plus(row.cost_pico, row.more_cost_pico, row.prices),
        price_origin=row.price_origin,
        price_date=row.price_date,
        price_in_pico=row.price_in_pico,
        price_out_pico=row.price_out_pico,
        ttft_ms=row.ttft_ms,
        duration_ms=row.duration_ms,
        request_id=row.provider_request_id,
        sample=row.sample,
        corrections=row.corrections,
    )


def _plus(value: int | None, more: Any, first: int) -> int | None:
    """With its corrections; `first`: one of them made it known, be it 0. Else what is unknown stays so."""
    return None if value is None and not first else (value or 0) + int(more or 0)


def _condition(name: str, value: Any) -> sa.ColumnElement[bool]:
    make = _CONDITIONS.get(name)
    if make is None:
        raise InvalidInputError(f"Usage knows no {name!r}.", field=name)
    try:
        return make(value)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise InvalidInputError(f"{value!r} is no {name}.", field=name) from None


def _is(column: sa.Column[Any]) -> Callable[[Any], sa.ColumnElement[bool]]:
    def make(value: Any) -> sa.ColumnElement[bool]:
        text = str(value)
        if storable(text) != text:
            raise ValueError("no database has such a text")
        return column == text

    return make


def _is_id(column: sa.Column[Any]) -> Callable[[Any], sa.ColumnElement[bool]]:
    return lambda value: column.is_(None) if value is None else column == UUID(str(value))


def _day(value: Any) -> sa.ColumnElement[bool]:
    day = date.fromisoformat(value)
    return sa.and_(*within(day, day))


def _month(value: Any) -> sa.ColumnElement[bool]:
    return sa.and_(*within(*days_of(value)))


_CONDITIONS: Final[Mapping[str, Callable[[Any], sa.ColumnElement[bool]]]] = {
    "source": _is(_a.source),
    "provider_id": _is(_a.provider_id),
    "model": _is(_a.model_asked),
    "key_id": _is_id(_a.key_id),
    "person_id": _is_id(_a.person_id),
    "chatbot_id": _is_id(_a.chatbot_id),
    "day": _day,
    "month": _month,
    "which": lambda value: WHICH[value],
}
