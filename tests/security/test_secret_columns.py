"""A secret column that nobody thought of: each column of bytes, or with a name that sounds secret, is in the register.

And each table that the register calls sealed is moved by a rotation.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from byok.ground.db import Database
from byok.ground.tables.secret_columns import HARMLESS, HASHED, SEALED
from byok.ground.tables.types import metadata
from byok.services.sealed_rows import TABLES
from tests.security.conftest import Tally

pytestmark = pytest.mark.threat(7)

SECRET_NAME = re.compile(
    r"secret|password|passwd|passphrase|token|credential|private|cipher|nonce|sealed|hash|mac$|signature|salt|pin$"
    r"|(^|_)key(_|$)|fingerprint|cookie|bearer|auth"
)
TEXTS = (sa.String, sa.LargeBinary, sa.JSON)
LISTED = {f"{table}.{column}" for table, columns in SEALED.items() for column in columns} | set(HASHED) | set(HARMLESS)


def sounds_secret(column: str, kind: sa.types.TypeEngine[Any]) -> bool:
    """Whether a column must be in the register. Numbers, moments and ids hold no secret, whatever their name."""
    if isinstance(kind, sa.LargeBinary):
        return True
    return isinstance(kind, TEXTS) and SECRET_NAME.search(column) is not None


def test_each_secret_column_of_the_tables_is_in_the_register(tally: Tally) -> None:
    for table in metadata.tables.values():
        for column in table.columns:
            tally.tried()
            name = f"{table.name}.{column.name}"
            if sounds_secret(column.name, column.type) and name not in LISTED:
                tally.leaked(f"{name}: put it into byok/ground/tables/secret_columns.py")


def test_a_migrated_database_has_no_column_of_bytes_and_no_secret_that_the_tables_do_not_name(
    any_db: Database, tally: Tally
) -> None:
    inspector = sa.inspect(any_db.engine)
    for table in inspector.get_table_names():
        named = set(metadata.tables[table].columns.keys()) if table in metadata.tables else set()
        for column in inspector.get_columns(table):
            tally.tried()
            unknown = column["name"] not in named and sounds_secret(column["name"], column["type"])
            in_bytes = isinstance(column["type"], sa.LargeBinary)
            if (unknown or in_bytes) and f"{table}.{column['name']}" not in LISTED:
                tally.leaked(f"{table}.{column['name']}")


def test_the_register_names_columns_that_there_are_and_each_once(tally: Tally) -> None:
    there = {f"{table.name}.{column.name}" for table in metadata.tables.values() for column in table.columns}
    tally.tried(len(LISTED))
    assert there >= LISTED
    assert len(LISTED) == sum(map(len, SEALED.values())) + len(HASHED) + len(HARMLESS)


def test_a_rotation_moves_every_table_that_is_sealed(tally: Tally) -> None:
    # A check belongs to its own master key for good; every other sealed row must be able to leave an old key.
    tally.tried(len(SEALED))
    assert {table.name for table in TABLES} == set(SEALED) - {"master_key_check"}


@pytest.mark.parametrize("name", ["api_token", "key_pem", "client_secret", "recovery_hash", "totp_nonce", "password"])
def test_a_new_column_of_such_a_name_would_be_noticed(tally: Tally, name: str) -> None:
    tally.tried()
    assert sounds_secret(name, sa.String())
    assert sounds_secret("x", sa.LargeBinary())
