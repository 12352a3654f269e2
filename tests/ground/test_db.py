"""The database: writers wait instead of failing, deleted bytes are gone, and errors print nothing that was written."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from byok.ground.clock import month_of, utc_now
from byok.ground.db import Database
from byok.ground.errors import SettingsError
from byok.ground.ids import new_id
from byok.ground.tables import ApiKey, Company, SealedColumns, metadata

CANARY = b"CIPHERTEXT-" + b"\x8f\xc3" * 300
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def company(slug: str = "northwind-labs", **values: Any) -> Company:
    return Company(**{"slug": slug, "name": "N", "plan": "pro", "fingerprint_key": b"k", "created_at": NOW, **values})


def api_key(company_id: Any, **values: Any) -> ApiKey:
    sealed = dict.fromkeys(("data_key", "data_key_nonce", "ciphertext", "nonce", "fingerprint"), b"x")
    rest = {"provider_id": "openai", "label": "main", "master_key_id": "m1", "hint": "4f2a", "origin": "o"}
    return ApiKey(**{**sealed, **rest, "company_id": company_id, "created_at": NOW, **values})


def files_of(db: Database) -> bytes:
    file = Path(str(db.engine.url.database))
    return b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))


def save_key(db: Database, **values: Any) -> ApiKey:
    with db.write() as session:
        owner = company()
        session.add(owner)
        session.flush()
        key = api_key(owner.id, **values)
        session.add(key)
    return key


def delete(db: Database, key: ApiKey) -> None:
    with db.write() as session:
        session.delete(session.get_one(ApiKey, key.id))


def test_sixteen_threads_that_read_then_write_lose_nothing(any_db: Database) -> None:
    with any_db.write() as session:
        session.add(company(plan="0"))

    def count_up(_: int) -> None:
        with any_db.write() as session:
            row = session.exec(select(Company).with_for_update()).one()
            row.plan = str(int(row.plan) + 1)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(count_up, range(320)))
    with any_db.read() as session:
        assert session.exec(select(Company.plan)).one() == "320"


def test_a_write_is_rolled_back_by_any_exception(any_db: Database) -> None:
    def fail(session: Session) -> None:
        session.add(company())
        session.flush()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), any_db.write() as session:
        fail(session)
    with any_db.read() as session:
        assert session.exec(select(Company)).all() == []


def test_core_writes_are_committed(any_db: Database) -> None:
    with any_db.write_core() as connection:
        connection.execute(sa.insert(Company).values(**company().model_dump()))
    with any_db.read() as session:
        assert session.exec(select(Company.slug)).one() == "northwind-labs"


def test_what_a_reader_changes_is_not_kept(any_db: Database) -> None:
    with any_db.read() as session:
        session.add(company())
        session.flush()
    with any_db.read() as session:
        assert session.exec(select(Company)).all() == []


def test_a_row_can_be_used_after_its_session(any_db: Database) -> None:
    key = save_key(any_db)
    with any_db.read() as session:
        found = session.get_one(ApiKey, key.id)
    assert (found.label, found.id) == ("main", key.id)


def test_a_moment_comes_back_in_utc(any_db: Database) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-9)))
    with any_db.write() as session:
        session.add(company(created_at=elsewhere))
    with any_db.read() as session:
        found = session.exec(select(Company.created_at)).one()
    assert found == NOW
    assert found.utcoffset() == timedelta(0)


def test_a_moment_without_a_zone_is_refused(any_db: Database) -> None:
    with pytest.raises(sa.exc.StatementError, match="without a zone"), any_db.write() as session:
        session.add(company(created_at=NOW.replace(tzinfo=None)))


def test_a_provider_has_at_most_one_default_key(any_db: Database) -> None:
    key = save_key(any_db, is_default=True)
    with any_db.write() as session:
        session.add(api_key(key.company_id, is_default=False))
        session.add(api_key(key.company_id, is_default=True, provider_id="groq"))
    with pytest.raises(sa.exc.IntegrityError), any_db.write() as session:
        session.add(api_key(key.company_id, is_default=True))


def test_a_company_takes_its_rows_with_it(any_db: Database) -> None:
    key = save_key(any_db)
    with any_db.write() as session:
        session.delete(session.get_one(Company, key.company_id))
    with any_db.read() as session:
        assert session.exec(select(ApiKey)).all() == []


def test_a_row_without_its_parent_is_refused(any_db: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError), any_db.write() as session:
        session.add(api_key(new_id()))


def test_an_error_prints_nothing_that_was_written(any_db: Database) -> None:
    key = save_key(any_db, is_default=True, hint="hint-of-it")
    with pytest.raises(sa.exc.IntegrityError) as caught, any_db.write() as session:
        session.add(api_key(key.company_id, id=key.id, ciphertext=CANARY, hint="hint-of-it"))
    assert "hint-of-it" not in str(caught.value)
    assert "CIPHERTEXT" not in str(caught.value)
    assert "hidden" in str(caught.value)


def test_sealed_bytes_do_not_show_in_a_repr(any_db: Database) -> None:
    key = save_key(any_db, ciphertext=CANARY)
    assert "CIPHERTEXT" not in repr(key)
    sealed = [name for name in SealedColumns.model_fields if isinstance(getattr(key, name), bytes)]
    assert sealed
    assert not [name for name in sealed if f"{name}=" in repr(key)]


def test_no_column_of_bytes_or_password_hash_shows_in_a_repr() -> None:
    tables = [mapper.class_ for mapper in Company._sa_registry.mappers]
    classless = [table for table in metadata.tables.values() if table.name in ("usage_day", "usage_detail")]
    assert len(tables) + len(classless) == len(metadata.tables)
    assert not any(isinstance(column.type, sa.LargeBinary) for table in classless for column in table.columns)
    shown = [
        f"{table.__name__}.{name}"
        for table in tables
        for name, field in table.model_fields.items()
        if (field.annotation is bytes or name == "password_hash") and field.repr
    ]
    assert shown == []


def test_a_deleted_ciphertext_is_in_none_of_the_files(db: Database) -> None:
    key = save_key(db, ciphertext=CANARY)
    assert CANARY in files_of(db)
    delete(db, key)
    assert db.truncate_log()
    assert CANARY[:40] not in files_of(db)


def test_a_replaced_ciphertext_is_in_none_of_the_files(db: Database) -> None:
    key = save_key(db, ciphertext=CANARY)
    assert db.truncate_log()
    with db.write() as session:
        session.get_one(ApiKey, key.id).ciphertext = b"another"
    assert db.truncate_log()
    assert CANARY[:40] not in files_of(db)


def test_a_held_reader_is_told_at_once_and_the_log_is_emptied_when_it_is_gone(db: Database) -> None:
    key = save_key(db, ciphertext=CANARY)
    with db.read() as reader:
        reader.exec(select(ApiKey)).all()
        delete(db, key)
        before = time.perf_counter()
        assert not db.truncate_log()
        assert time.perf_counter() - before < 0.5
        assert CANARY in files_of(db)
    assert db.truncate_log()
    assert CANARY[:40] not in files_of(db)


def test_a_held_writer_is_told_at_once(db: Database) -> None:
    with db.write() as session:
        session.add(company())
        session.flush()
        before = time.perf_counter()
        assert not db.truncate_log()
        assert time.perf_counter() - before < 0.5


def test_a_busy_truncation_leaves_the_patience_of_the_connection(db: Database) -> None:
    db.truncate_log()
    with db.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000


def test_every_sqlite_connection_is_set_up(db: Database) -> None:
    with db.engine.connect() as one, db.engine.connect() as two:
        for connection in (one, two):
            found = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "foreign_keys", "secure_delete", "synchronous")
            }
            assert found == {"journal_mode": "wal", "foreign_keys": 1, "secure_delete": 1, "synchronous": 1}


def test_lower_case_is_that_of_every_alphabet_and_of_nothing_is_nothing(any_db: Database) -> None:
    texts = ("Ärger", "ПРИВЕТ", "plain", "", None)
    with any_db.read() as session:
        lowered = [session.execute(sa.select(sa.func.lower(sa.cast(text, sa.String)))).scalar() for text in texts]
    assert lowered == ["ärger", "привет", "plain", "", None]


def test_no_index_rests_on_lower_case_which_another_program_may_see_otherwise(db: Database) -> None:
    with db.read() as session:
        made = session.execute(sa.text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")).scalars().all()
    assert made
    assert not [sql for sql in made if "lower(" in sql.lower()]


def test_a_sqlite_write_holds_the_write_lock_from_its_first_moment(db: Database) -> None:
    with db.write() as session:
        session.connection()
        with db.engine.connect() as other:
            other.connection.cursor().execute("PRAGMA busy_timeout=0")
            with pytest.raises(sa.exc.OperationalError, match="locked"):
                other.execution_options(byok_write=True).exec_driver_sql("SELECT 1")
            other.connection.cursor().execute("PRAGMA busy_timeout=5000")


def test_on_postgres_there_is_nothing_to_truncate(any_db: Database) -> None:
    assert any_db.truncate_log()


@pytest.mark.parametrize("url", ["no url", "mysql://host/db", "oracle://host/db"])
def test_an_url_that_is_not_supported_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="BYOK_DATABASE_URL"):
        Database(url)


def test_an_url_with_a_password_is_not_shown_when_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        Database("mysql://user:hush-hush@host/db")
    assert "hush" not in str(caught.value)


def test_ids_made_later_sort_later() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(ids)
    assert {one.version for one in ids} == {7}


def test_months_are_counted_in_utc() -> None:
    late = datetime(2026, 11, 30, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert month_of(late) == "2026-12"
    assert month_of(utc_now()) == f"{utc_now():%Y-%m}"


def test_every_constraint_of_every_table_has_a_name() -> None:
    nameless = [
        (table.name, constraint)
        for table in metadata.tables.values()
        for constraint in table.constraints
        if constraint.name is None
    ]
    assert nameless == []


def test_a_connection_that_is_at_work_when_the_database_closes_is_closed_as_it_comes_back(any_db: Database) -> None:
    late = any_db.engine.connect()
    late.execute(sa.text("select 1"))
    underneath = late.connection.dbapi_connection
    any_db.close()
    late.close()
    with pytest.raises(Exception, match="closed"):
        underneath.cursor().execute("select 1")  # type: ignore[union-attr]


def test_connections_that_the_server_closed_while_they_lay_idle_are_replaced_unseen(
    new_postgres: Callable[[str], str], migrated_postgres: str
) -> None:
    url = new_postgres(migrated_postgres)
    db, other = Database(url, trusted_s=0), Database(url)
    with db.read() as one, db.read() as two:
        closed = [session.connection().execute(sa.select(sa.func.pg_backend_pid())).scalar() for session in (one, two)]
    with other.read() as session:
        for number in closed:
            ended = sa.select(sa.func.pg_terminate_backend(number, 5000))
            assert session.connection().execute(ended).scalar()
    with db.write() as session:
        session.add(company())
    with db.read() as one, db.read() as two:
        assert [session.exec(select(Company.slug)).all() for session in (one, two)] == [["northwind-labs"]] * 2
    db.close()
    other.close()


def test_a_database_for_reading_alone_is_read_and_takes_no_row(any_db: Database) -> None:
    with any_db.write() as session:
        session.add(company())
    reading = Database(any_db.engine.url.render_as_string(hide_password=False), read_only=True)
    try:
        with pytest.raises(sa.exc.DBAPIError), reading.write() as session:
            session.add(company("another"))
        with pytest.raises(sa.exc.DBAPIError), reading.write_core() as connection:
            connection.execute(sa.delete(metadata.tables["company"]))
        with reading.read() as session:
            assert session.exec(select(Company.slug)).all() == ["northwind-labs"]
    finally:
        reading.close()


def test_a_file_for_reading_alone_may_have_any_name_and_leaves_none_beside_it(db: Database, tmp_path: Path) -> None:
    db.truncate_log()
    file = tmp_path / "50% of #1? yes" / "a b.sqlite3"
    file.parent.mkdir()
    file.write_bytes(Path(str(db.engine.url.database)).read_bytes())
    reading = Database(str(sa.URL.create("sqlite", database=str(file))), read_only=True)
    with reading.read() as session:
        assert session.exec(select(Company.slug)).all() == []
    reading.close()
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_a_file_for_reading_alone_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="There is no database at"):
        Database(f"sqlite:///{tmp_path / 'missing' / 'x.sqlite3'}", read_only=True)
    assert not (tmp_path / "missing").exists()
