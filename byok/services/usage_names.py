"""What the parts of usage are called: keys, people and chatbots, those that are gone as well."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from byok.core.ledger_figures import within
from byok.ground.tables.attempts import OPEN
from byok.ground.tables.rollups import USAGE_DETAIL
from byok.ground.tables.types import metadata
from byok.services.periods import Period

Named = Literal["model", "key", "person", "chatbot"]
Split = Literal["provider", Named]
ATTEMPTS, KEYS = metadata.tables["attempt"], metadata.tables["api_key"]
PEOPLE, CHATBOTS = metadata.tables["person"], metadata.tables["chatbot"]
NONE = {"key": "No own key", "person": "The operator", "chatbot": "No chatbot"}
GONE = {"key": "A deleted key", "person": "Someone who left", "chatbot": "A deleted chatbot"}


def part_names(
    connection: sa.Connection, split: Named, parts: Iterable[Any], *, company_id: UUID, period: Period
) -> dict[Any, str]:
    """The name of each part of a period; parts are models, or ids where there may be none."""
    wanted = set(parts)
    if split == "model":
        return {part: part for part in wanted}
    ids = {part for part in wanted if part is not None}
    if split == "key":
        return {None: NONE[split]} | _keys(connection, ids, company_id, period)
    find = {"person": _people, "chatbot": _chatbots}[split]
    return {None: NONE[split]} | find(connection, ids, company_id)


def _keys(connection: sa.Connection, ids: Collection[UUID], company_id: UUID, period: Period) -> dict[UUID, str]:
    mine = sa.select(KEYS.c.id, KEYS.c.label, KEYS.c.hint).where(KEYS.c.company_id == company_id, KEYS.c.id.in_(ids))
    found = {key: _key(label, hint) for key, label, hint in connection.execute(mine)}
    deleted = set(ids) - found.keys()
    return found | (_deleted(connection, deleted, company_id, period) if deleted else {})


def _deleted(connection: sa.Connection, ids: Collection[UUID], company_id: UUID, period: Period) -> dict[UUID, str]:
    """The ledger remembers what they were called: looked up in their last day alone, since it has no index of keys."""
    a, d, found = ATTEMPTS.c, USAGE_DETAIL.c, dict.fromkeys(ids, GONE["key"])
    theirs = [d.company_id == company_id, d.day.between(period.first, period.last), d.key_id.in_(ids)]
    days = connection.execute(sa.select(d.key_id, sa.func.max(d.day)).where(*theirs).group_by(d.key_id))
    last = {key_id: sa.and_(*within(day, day)) for key_id, day in days}
    for key_id in ids:
        its = sa.select(a.key_label, a.key_hint, a.sample).where(a.company_id == company_id, a.key_id == key_id)
        newest = its.where(last.get(key_id, OPEN)).order_by(a.reserved_at.desc()).limit(1)
        row = connection.execute(newest).one_or_none()
        if row is not None:
            found[key_id] = f"{_key(row.key_label, row.key_hint)} ({'sample' if row.sample else 'deleted'})"
    return found


def _key(label: str | None, hint: str | None) -> str:
    return f"{label or 'Key'} …{hint}" if hint else label or "Key"


def _people(connection: sa.Connection, ids: Collection[UUID], company_id: UUID) -> dict[UUID, str]:
    mine = sa.select(PEOPLE.c.id, PEOPLE.c.name).where(PEOPLE.c.company_id == company_id, PEOPLE.c.id.in_(ids))
    return dict.fromkeys(ids, GONE["person"]) | _pairs(connection, mine)


def _chatbots(connection: sa.Connection, ids: Collection[UUID], company_id: UUID) -> dict[UUID, str]:
    mine = sa.select(CHATBOTS.c.id, CHATBOTS.c.name).where(CHATBOTS.c.company_id == company_id, CHATBOTS.c.id.in_(ids))
    return dict.fromkeys(ids, GONE["chatbot"]) | _pairs(connection, mine)


def _pairs(connection: sa.Connection, query: sa.Select[UUID, str]) -> dict[UUID, str]:
    return {row.id: row.name for row in connection.execute(query)}
