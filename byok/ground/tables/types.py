"""Column types and naming that every table shares: UTC moments, ids, and a convention for constraint names.

The convention exists because SQLite migrations rebuild tables and can only drop constraints that have names.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from pydantic import ConfigDict
from sqlalchemy.engine import Dialect
from sqlmodel import Field, SQLModel

from byok.ground.ids import new_id

metadata = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(SQLModel):
    """What every table derives from. Validators are built when first needed: rows need none, and a start is quicker."""

    model_config = ConfigDict(defer_build=True)  # type: ignore[assignment]


class UtcMoment(sa.types.TypeDecorator[datetime]):
    """An aware moment in UTC. SQLite keeps no zone: there it is stored bare and read back as UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a zone cannot be stored")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def moment(*, index: bool = False, nullable: bool = False) -> Any:
    """A field that holds an aware moment in UTC."""
    default: Any = None if nullable else ...
    return Field(default, sa_type=UtcMoment, index=index, nullable=nullable)


def primary_key() -> Any:
    """A UUIDv7 primary key made by the application."""
    return Field(default_factory=new_id, primary_key=True)


def belongs_to(
    target: str, *, ondelete: Literal["CASCADE", "SET NULL"] = "CASCADE", nullable: bool = False, index: bool = True
) -> Any:
    """A foreign key to `target`, e.g. `company.id`."""
    default: Any = None if nullable else ...
    return Field(default, foreign_key=target, ondelete=ondelete, nullable=nullable, index=index)


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> sa.Index:
    """An index over the rows for which `where` (SQL) holds."""
    index = sa.Index(name, *columns, unique=unique, sqlite_where=sa.text(where))

    # PostgreSQL's own word for it is added late: to name it here would import its drivers into every process.
    @sa.event.listens_for(metadata, "before_create")
    def on_create(_: sa.MetaData, connection: sa.Connection, **__: Any) -> None:
        if connection.dialect.name == "postgresql":
            index.dialect_options["postgresql"]["where"] = sa.text(where)

    return index


__all__ = ["UUID", "Row", "UtcMoment", "belongs_to", "metadata", "moment", "partial_index", "primary_key"]
