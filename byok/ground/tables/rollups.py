"""What a day's settled attempts add up to: by provider, and finer by model, key, person and chatbot.

Plain tables without classes. An attempt is added in the transaction that settles it, a correction as its difference,
which may be less than nothing; a rebuild writes a company's rows anew. Refuse NULL in what names a row: nobody, no key
and no chatbot are `NOBODY`. On SQLite a table is its primary key's tree and nothing beside it, so that a company's
month lies together however its days came about.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import sqlalchemy as sa

from byok.ground.tables.types import metadata

NOBODY: Final = UUID(int=0)
_BRISK, _SLOW = (
    (25, 50, 75, 100, 150, 200, 300, 400, 500, 700),
    (1000, 1400, 2000, 3000, 4000, 6000, 10000, 20000, 60000),
)
BOUNDS_MS: Final = (*_BRISK, *_SLOW)
"""Milliseconds to the first text at which one bucket ends and the next begins; the last bucket has no end."""
BUCKETS: Final = tuple(f"ttft_{number:02}" for number in range(len(BOUNDS_MS) + 1))

COARSE: Final = ("company_id", "day", "source", "provider_id")
FINE: Final = (*COARSE, "model", "key_id", "person_id", "chatbot_id")
# Attempts of each kind; `known_*` and `priced` say how many have the figure at all, so that no sum passes for more.
COUNTS: Final = ("answered", "errors", "unanswered", "uncounted", "unpriced", "unbounded", "samples")
KNOWN: Final = ("known_in", "known_out", "priced")
SUMS: Final = ("tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "cost_pico", "bound_pico")
FIGURES: Final = (*COUNTS, *KNOWN, *SUMS)


def _figures() -> list[sa.Column[int]]:
    whole = [sa.Column(name, sa.Integer, nullable=False) for name in (*COUNTS, *KNOWN)]
    large = [sa.Column(name, sa.BigInteger, nullable=False) for name in SUMS]
    return [*whole, *large, *(sa.Column(name, sa.Integer, nullable=False, server_default="0") for name in BUCKETS)]


def _company() -> sa.Column[UUID]:
    return sa.Column("company_id", sa.Uuid, sa.ForeignKey("company.id", ondelete="CASCADE"), primary_key=True)


def _named(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String, primary_key=True) for name in names]


USAGE_DAY: Final = sa.Table(
    "usage_day",
    metadata,
    _company(),
    sa.Column("day", sa.Date, primary_key=True),
    *_named("source", "provider_id"),
    *_figures(),
    sqlite_with_rowid=False,
)
USAGE_DETAIL: Final = sa.Table(
    "usage_detail",
    metadata,
    _company(),
    sa.Column("day", sa.Date, primary_key=True),
    *_named("source", "provider_id", "model"),
    *(sa.Column(name, sa.Uuid, primary_key=True) for name in ("key_id", "person_id", "chatbot_id")),
    *_figures(),
    sa.Index("ix_usage_detail_person", "company_id", "person_id", "day"),
    sqlite_with_rowid=False,
)
