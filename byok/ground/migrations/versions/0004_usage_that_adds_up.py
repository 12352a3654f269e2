"""Days added up beside the ledger, filled from its rows; corrections; a company's budgets, prices and fallbacks."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BOUNDS_MS = (25, 50, 75, 100, 150, 200, 300, 400, 500, 700, 1000, 1400, 2000, 3000, 4000, 6000, 10000, 20000, 60000)
BUCKETS = tuple(f"ttft_{number:02}" for number in range(len(BOUNDS_MS) + 1))
COUNTS = ("answered", "errors", "unanswered", "uncounted", "unpriced", "unbounded", "samples")
KNOWN = ("known_in", "known_out", "priced")
SUMS = ("tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "cost_pico", "bound_pico")


def upgrade() -> None:
    op.drop_index("ix_attempt_plan", "attempt")
    op.drop_index("ix_attempt_open", "attempt")
    with op.batch_alter_table("attempt") as attempt:
        attempt.add_column(sa.Column("reserved_pico", sa.BigInteger(), nullable=True))
        attempt.add_column(sa.Column("instead_of", sa.String(), nullable=True))
        attempt.add_column(sa.Column("taken_on", sa.Boolean(), nullable=True))
    reserved = sa.text("status = 'reserved'")
    held = ["company_id", "source", "provider_id"]
    op.create_index("ix_attempt_held", "attempt", held, sqlite_where=reserved, postgresql_where=reserved)
    with op.batch_alter_table("chatbot") as chatbot:
        chatbot.add_column(sa.Column("fallback_model", sa.String(), nullable=True))
        chatbot.add_column(sa.Column("fallback_key_id", sa.Uuid(), nullable=True))
    _adjustments()
    _budgets()
    _rollups()


def _adjustments() -> None:
    op.create_table(
        "adjustment",
        _id(),
        _id("company_id"),
        _id("attempt_id"),
        *[_large(name) for name in ("tokens_in", "tokens_out", "cost_pico")],
        sa.Column("prices", sa.Boolean(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        *[_text(name) for name in ("reason", "made_by")],
        _moment("made_at"),
        _pk("adjustment"),
        _fk("adjustment", "company_id", "company"),
        _fk("adjustment", "attempt_id", "attempt"),
    )
    for column in ("company_id", "attempt_id"):
        op.create_index(f"ix_adjustment_{column}", "adjustment", [column])


def _budgets() -> None:
    op.create_table(
        "budget",
        _id(),
        _id("company_id"),
        _text("provider_id"),
        _large("limit_pico"),
        sa.Column("unpriced_calls", sa.Integer(), nullable=False),
        _moment("updated_at"),
        _pk("budget"),
        _fk("budget", "company_id", "company"),
        sa.UniqueConstraint("company_id", "provider_id", name="uq_budget_company_id_provider_id"),
    )
    op.create_table(
        "own_price",
        _id(),
        _id("company_id"),
        *[_text(name) for name in ("provider_id", "model")],
        *[_large(name, nullable=True) for name in ("multiplier_ppm", "price_in_pico", "price_out_pico")],
        _moment("updated_at"),
        _pk("own_price"),
        _fk("own_price", "company_id", "company"),
        sa.UniqueConstraint("company_id", "provider_id", "model", name="uq_own_price_company_id_provider_id_model"),
    )


def _rollups() -> None:
    coarse, fine = _keys(), [*_keys(), _text("model"), *[_id(name) for name in ("key_id", "person_id", "chatbot_id")]]
    for table, keys in (("usage_day", coarse), ("usage_detail", fine)):
        primary = _pk(table, *(column.name for column in keys))
        op.create_table(table, *keys, *_figures(), primary, _fk(table), sqlite_with_rowid=False)
    op.create_index("ix_usage_detail_person", "usage_detail", ["company_id", "person_id", "day"])
    _fill()


def _keys() -> list[sa.Column[Any]]:
    return [_id("company_id"), sa.Column("day", sa.Date(), nullable=False), _text("source"), _text("provider_id")]


def _figures() -> list[sa.Column[Any]]:
    return [
        *[sa.Column(name, sa.Integer(), nullable=False) for name in (*COUNTS, *KNOWN)],
        *[_large(name) for name in SUMS],
        *[sa.Column(name, sa.Integer(), nullable=False, server_default="0") for name in BUCKETS],
    ]


def _fill() -> None:
    """Adds up the attempts that there are: the sums of release 0.4, frozen here."""
    columns = "company_id person_id chatbot_id key_id source provider_id model_asked status answered sample"
    columns += " reserved_at tokens_in tokens_out tokens_cached tokens_reasoning cost_pico ttft_ms duration_ms"
    kinds: dict[str, Any] = {name: sa.Uuid() for name in ("company_id", "person_id", "chatbot_id", "key_id")}
    kinds |= {"answered": sa.Boolean(), "sample": sa.Boolean()}
    a = sa.table("attempt", *[sa.column(name, kinds.get(name)) for name in columns.split()]).c
    sqlite = op.get_bind().dialect.name == "sqlite"
    day: Any = sa.func.date(a.reserved_at) if sqlite else sa.cast(sa.func.timezone("UTC", a.reserved_at), sa.Date)
    unknown = a.tokens_in.is_(None) | a.tokens_out.is_(None)
    hung_up = (a.status != "error") & a.duration_ms.is_not(None)
    nobody = sa.literal("0" * 32) if sqlite else sa.cast(sa.literal("0" * 32), sa.Uuid())
    sums: list[Any] = [
        _count(a.answered),
        _count((a.status == "error") & ~a.answered),
        _count((a.status != "error") & ~a.answered),
        _count(a.answered & unknown),
        _count(a.answered & a.cost_pico.is_(None)),
        _count((a.answered | (a.status == "unknown") | hung_up) & a.cost_pico.is_(None)),
        _count(a.sample),
        *[sa.func.count(column) for column in (a.tokens_in, a.tokens_out, a.cost_pico)],
        *[
            sa.func.coalesce(sa.func.sum(column), 0)
            for column in (a.tokens_in, a.tokens_out, a.tokens_cached, a.tokens_reasoning, a.cost_pico)
        ],
        sa.literal_column("0"),
    ]
    for number, name in enumerate(BUCKETS):
        least = 0 if number == 0 else BOUNDS_MS[number - 1]
        most = a.ttft_ms < BOUNDS_MS[number] if number < len(BOUNDS_MS) else sa.true()
        sums.append(_count(a.ttft_ms.is_not(None) & (a.ttft_ms >= least) & most).label(name))
    coarse = [a.company_id, day, a.source, a.provider_id]
    fine = [*coarse, a.model_asked, *(sa.func.coalesce(one, nobody) for one in (a.key_id, a.person_id, a.chatbot_id))]
    for table, keys in (("usage_day", coarse), ("usage_detail", fine)):
        names = ["company_id", "day", "source", "provider_id", "model", "key_id", "person_id", "chatbot_id"][
            : len(keys)
        ]
        into = sa.table(table, *[sa.column(name) for name in (*names, *COUNTS, *KNOWN, *SUMS, *BUCKETS)])
        added = sa.select(*keys, *sums).where(a.status != "reserved").group_by(*keys)
        op.execute(sa.insert(into).from_select([column.name for column in into.columns], added))


def _count(condition: Any) -> Any:
    return sa.func.count(sa.case((condition, 1)))


def _id(name: str = "id") -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=False)


def _large(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _pk(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*(columns or ("id",)), name=f"pk_{table}")


def _fk(table: str, column: str = "company_id", target: str = "company") -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{target}"
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete="CASCADE")
