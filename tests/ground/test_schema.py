"""Migrations: a fresh database equals the tables, a filled one keeps its rows, and many may start at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from byok.ground import schema
from byok.ground.db import Database
from byok.ground.errors import SettingsError
from byok.ground.tables import metadata

NewUrl = Callable[[], str]
SCRIPTS = ScriptDirectory(str(schema.MIGRATIONS))
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]
UPGRADE = "import sys; from byok.ground import db, schema; schema.upgrade(db.Database(sys.argv[1]))"


@pytest.fixture
def empty_db(new_url: NewUrl) -> Iterator[Database]:
    database = Database(new_url())
    yield database
    database.close()


def revision_after_head(folder: Path, body: str) -> Path:
    """A copy of the migrations with one revision more, `next`, that runs `body`."""
    migrations = folder / "migrations"
    shutil.copytree(schema.MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    text = (
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = 'next'\ndown_revision = {schema.HEAD!r}\n\ndef upgrade():\n{lines}\n"
    )
    (migrations / "versions" / "next.py").write_text(text, "utf-8")
    return migrations


def reflected(db: Database) -> sa.MetaData:
    found = sa.MetaData()
    found.reflect(db.engine)
    found.remove(found.tables[schema.VERSION_TABLE])
    return found


def value_for(column: sa.Column[Any], number: int) -> Any:
    kinds: list[tuple[type[sa.types.TypeEngine[Any]], Any]] = [
        (sa.Boolean, False),
        (sa.Integer, number),
        (sa.Float, 0.5),
        (sa.LargeBinary, bytes([number, 0, 255])),
        (sa.DateTime, datetime(2026, 11, 23, tzinfo=UTC)),
        (sa.Date, date(2026, 11, 23)),
        (sa.JSON, [{"number": number}]),
        (sa.Uuid, uuid4()),
        (sa.CHAR, uuid4().hex),
        (sa.String, f"{column.name} {number}"),
    ]
    return next(value for kind, value in kinds if isinstance(column.type, kind))


def fill(db: Database) -> dict[str, list[dict[str, Any]]]:
    """Two rows in every table there is, children of the first row of their parents."""
    tables = reflected(db).sorted_tables
    first: dict[str, dict[str, Any]] = {}
    with db.write_core() as connection:
        for table in tables:
            for number in (1, 2):
                row = {column.name: value_for(column, number) for column in table.columns}
                for key in table.foreign_keys:
                    parent = first.get(key.column.table.name)
                    if not key.parent.primary_key or number == 1:
                        row[key.parent.name] = parent and parent[key.column.name]
                if number == 2 and any(key.parent.primary_key for key in table.foreign_keys):
                    continue
                connection.execute(table.insert().values(row))
                first.setdefault(table.name, row)
    return rows(db)


def rows(db: Database) -> dict[str, list[dict[str, Any]]]:
    with db.engine.connect() as connection:
        return {
            table.name: [
                dict(row) for row in connection.execute(table.select().order_by(*table.primary_key)).mappings()
            ]
            for table in reflected(db).sorted_tables
        }


def shape(db: Database) -> dict[str, Any]:
    """Everything that the database itself says about its tables."""
    inspector = sa.inspect(db.engine)
    return {
        name: {
            "columns": {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(name)},
            "primary": inspector.get_pk_constraint(name),
            "foreign": sorted(inspector.get_foreign_keys(name), key=lambda key: str(key["name"])),
            "unique": sorted(inspector.get_unique_constraints(name), key=lambda key: str(key["name"])),
            "indexes": {i["name"]: shown(i) for i in inspector.get_indexes(name)},
        }
        for name in inspector.get_table_names()
        if name != schema.VERSION_TABLE
    }


def shown(index: Any) -> tuple[Any, ...]:
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return index["column_names"], index["unique"], options


def test_a_migrated_database_equals_the_tables_in_the_code(any_db: Database) -> None:
    with any_db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": metadata})
        assert compare_metadata(context, metadata) == []


def test_a_migrated_database_has_the_very_shape_that_the_code_would_make(new_url: NewUrl) -> None:
    migrated, made = Database(new_url()), Database(new_url())
    schema.upgrade(migrated)
    metadata.create_all(made.engine)
    assert shape(migrated) == shape(made)
    migrated.close()
    made.close()


def test_the_constant_names_the_newest_revision() -> None:
    assert SCRIPTS.get_heads() == [schema.HEAD]


def test_the_environment_of_alembic_itself_knows_the_same_history() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


def test_an_empty_database_has_no_revision_and_a_migrated_one_the_newest(empty_db: Database) -> None:
    assert schema.revision(empty_db) is None
    schema.upgrade(empty_db)
    assert schema.revision(empty_db) == schema.HEAD


@pytest.mark.parametrize("start", REVISIONS)
def test_a_filled_database_keeps_its_rows_from_every_revision(empty_db: Database, start: str) -> None:
    schema.upgrade(empty_db, to=start)
    before = fill(empty_db)
    assert all(before.values())
    schema.upgrade(empty_db)
    after = rows(empty_db)
    for table, kept in before.items():
        assert [{name: row[name] for name in old} for row, old in zip(after[table], kept, strict=True)] == kept


def test_an_upgrade_at_the_newest_revision_imports_no_alembic(db: Database) -> None:
    program = f"{UPGRADE}; assert 'alembic' not in sys.modules"
    subprocess.run([sys.executable, "-c", program, str(db.engine.url)], check=True)


def test_upgrades_from_several_processes_at_once_all_succeed(new_url: NewUrl) -> None:
    url = new_url()
    started = [
        subprocess.Popen([sys.executable, "-c", UPGRADE, url], stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    errors = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], errors
    database = Database(url)
    assert schema.revision(database) == schema.HEAD
    database.close()


def test_rebuilding_a_parent_table_keeps_its_children(own_db: Database, tmp_path: Path) -> None:
    before = fill(own_db)
    body = """
with op.batch_alter_table("company", recreate="auto") as batch:
    batch.alter_column("name", existing_type=sa.String(), type_=sa.String(200))
    batch.add_column(sa.Column("note", sa.String(), nullable=True))
with op.batch_alter_table("turn") as batch:
    batch.alter_column("created_at", existing_type=sa.DateTime(timezone=True), nullable=True)
"""
    schema.upgrade(own_db, to="next", migrations=revision_after_head(tmp_path, body))
    after = rows(own_db)
    assert [row.pop("note") for row in after["company"]] == [None, None]
    assert after == before


def test_foreign_keys_are_enforced_again_after_an_upgrade(empty_db: Database) -> None:
    schema.upgrade(empty_db)
    orphan = {"id": uuid4(), "company_id": uuid4(), "what": "x", "requested_at": datetime.now(UTC)}
    with pytest.raises(sa.exc.IntegrityError), empty_db.write_core() as connection:
        connection.execute(metadata.tables["erasure"].insert().values(orphan))


def test_an_upgrade_that_would_leave_orphans_is_refused_and_changes_nothing(db: Database, tmp_path: Path) -> None:
    before = fill(db)
    with pytest.raises(SettingsError, match=r"without their parents in: .*person"):
        schema.upgrade(db, to="next", migrations=revision_after_head(tmp_path, "op.execute('DELETE FROM company')"))
    assert rows(db) == before
    assert schema.revision(db) == schema.HEAD


def test_an_upgrade_that_fails_midway_changes_nothing(own_db: Database, tmp_path: Path) -> None:
    before = fill(own_db)
    body = "op.create_table('half', sa.Column('id', sa.Integer()))\nop.execute('SELECT * FROM nowhere')"
    with pytest.raises(sa.exc.DBAPIError):
        schema.upgrade(own_db, to="next", migrations=revision_after_head(tmp_path, body))
    assert rows(own_db) == before
    assert schema.revision(own_db) == schema.HEAD


def test_a_revision_may_step_out_of_the_transaction_on_postgres(own_db: Database, tmp_path: Path) -> None:
    body = """
if op.get_bind().dialect.name == "postgresql":
    with op.get_context().autocommit_block():
        op.create_index("ix_extra", "person", ["name"], postgresql_concurrently=True)
"""
    schema.upgrade(own_db, to="next", migrations=revision_after_head(tmp_path, body))
    assert schema.revision(own_db) == "next"


def test_a_database_of_a_newer_release_is_refused(own_db: Database) -> None:
    with own_db.write_core() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="at revision 9999, which this release does not know"):
        schema.upgrade(own_db)


def test_a_revision_that_does_not_exist_is_refused(own_db: Database) -> None:
    with pytest.raises(SettingsError, match="cannot be upgraded to 'nonsense'"):
        schema.upgrade(own_db, to="nonsense")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(b"not a database at all " * 100)
    database = Database(f"sqlite:///{file}")
    with pytest.raises(SettingsError, match="cannot be opened: file is not a database"):
        schema.upgrade(database)
    database.close()


def test_a_server_that_does_not_answer_is_refused_without_its_password() -> None:
    database = Database("postgresql+psycopg://someone:hush-hush@127.0.0.1:1/byok")
    with pytest.raises(SettingsError, match="cannot be opened") as caught:
        schema.upgrade(database)
    assert "hush" not in str(caught.value)
    database.close()


def test_a_home_with_a_percent_sign_in_its_name_works(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / '100% mine' / 'byok.sqlite3'}")
    schema.upgrade(database, migrations=shutil.copytree(schema.MIGRATIONS, tmp_path / "50%(x)s" / "migrations"))
    assert schema.revision(database) == schema.HEAD
    database.close()
