"""Fills an empty, migrated database with attempts: made inside the database, by arithmetic, alike in either kind.

200 companies over 400 days; the first owns one attempt in twenty. Of the others six people work on a day, with two to
six models each; a model belongs to a provider, and to a key. Refuses chance: the same number of attempts makes the same
rows everywhere, so that what two databases say can be compared.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from byok.core.catalogue import Catalogue
from byok.core.ledger_check import rebuild
from byok.ground.db import Database
from byok.ground.prepared import execute
from byok.ground.tables.rollups import USAGE_DAY, USAGE_DETAIL
from byok.ground.tables.types import metadata
from byok.services.access import Actor
from sql_words import Words

END = datetime(2026, 12, 1, tzinfo=UTC)
DAYS, COMPANIES, PEOPLE, CHATBOTS, PROVIDERS = 400, 200, 25, 10, 8
OPEN = 60  # the last ones, of all companies
STEP = 250_000
_START = END - timedelta(days=DAYS)
_KINDS = {"company": 1, "person": 2, "chatbot": 3, "api_key": 4, "process": 5}


def made_id(kind: str, company: int, number: int = 0) -> UUID:
    """The id of a made row."""
    return UUID(f"{_KINDS[kind]:08x}00007000800000{company:05x}{number:05x}")


def actors() -> tuple[Actor, Actor]:
    """An admin and a member of the company that owns one in twenty."""
    company_id = made_id("company", 0)
    return Actor(company_id, made_id("person", 0, 0)), Actor(company_id, made_id("person", 0, 1))


def make(db: Database, rows: int) -> None:
    """Fills it with so many attempts, and with the days that they add up to."""
    with db.write_core() as connection:
        _people(connection)
    parts = _load_sqlite(db) if db.is_sqlite else _load_postgres(db)
    next(parts)
    for first in range(0, rows, STEP):
        parts.send(_inserts(Words(db.is_sqlite), rows, first, min(first + STEP, rows) - 1))
    parts.close()
    _at_ease(db)
    for number in range(COMPANIES):
        with db.write_core() as connection:
            rebuild(connection, company_id=made_id("company", number))
    _scatter(db)
    assert db.truncate_log()
    db.engine.dispose()  # and with its connections what they were told for now
    if not db.is_sqlite:  # as its autovacuum does; SQLite has no statistics unless somebody asks for them
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _people(connection: sa.Connection) -> None:
    added: dict[str, list[dict[str, Any]]] = {"company": [], "person": [], "chatbot": [], "api_key": []}
    at = _START
    for company in range(COMPANIES):
        its = {"company_id": made_id("company", company), "created_at": at}
        firm = {"id": its["company_id"], "slug": f"company-{company}", "name": f"Company {company}", "plan": "pro"}
        added["company"].append({**firm, "fingerprint_key": b"-", "sample": False, "created_at": at})
        for number in range(PEOPLE):
            who = {"id": made_id("person", company, number), "name": f"Person {number}", **its}
            role = "member" if number else "admin"
            added["person"].append({**who, "username": f"p{company}-{number}", "role": role, "password_hash": "-"})
        for number in range(CHATBOTS):
            made = {"id": made_id("chatbot", company, number), "name": f"Chatbot {number}", "system_prompt": ""}
            added["chatbot"].append({**made, **its, "sample": False, "updated_at": at})
        sealed = {"seal_version": 1, "master_key_id": "-", "hint": "made", "origin": "-", "is_default": True}
        sealed |= dict.fromkeys(("data_key", "data_key_nonce", "ciphertext", "nonce", "fingerprint"), b"-")
        for number, provider_id in enumerate(_providers()):
            named = {"id": made_id("api_key", company, number), "provider_id": provider_id, "label": "Bench"}
            added["api_key"].append({**sealed, **named, **its, "added_by_name": ""})
    for name, rows in added.items():
        connection.execute(sa.insert(metadata.tables[name]), rows)


def _providers() -> list[str]:
    return [provider.id for provider in Catalogue.load().all()][:PROVIDERS]


def _load_sqlite(db: Database) -> Any:
    assert db.engine.url.database is not None
    db.engine.dispose()
    raw = sqlite3.connect(db.engine.url.database, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000"):  # nothing to lose yet
        raw.execute(f"PRAGMA {pragma}").close()
    try:
        while True:
            statements = yield
            raw.execute("BEGIN")
            for statement in statements:
                raw.execute(statement)
            raw.execute("COMMIT")
    finally:
        raw.close()


def _at_ease(db: Database) -> None:
    """Nothing to lose or to wipe, and much memory: for the one connection that the pool has."""
    if db.is_sqlite:
        with db.engine.connect() as connection:
            for pragma in ("synchronous=OFF", "secure_delete=OFF", "cache_size=-1000000", "temp_store=MEMORY"):
                execute(connection, f"PRAGMA {pragma}").close()


def _load_postgres(db: Database) -> Any:
    with db.engine.connect() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")  # no look at foreign keys, row by row
        connection.exec_driver_sql("SET synchronous_commit = off")
        connection.commit()
        try:
            while True:
                statements = yield
                for statement in statements:
                    connection.exec_driver_sql(statement.replace("%", "%%"))
                connection.commit()
        finally:
            connection.exec_driver_sql("SET session_replication_role = DEFAULT")
            connection.exec_driver_sql("SET synchronous_commit = DEFAULT")
            connection.commit()


def _inserts(words: Words, rows: int, first: int, last: int) -> tuple[str, ...]:
    """The statements that add attempts number `first` to `last` of so many, and the corrections of some."""
    span_ms, start_ms = DAYS * 86_400_000, round(_START.timestamp() * 1000)
    mixed = ", ".join(
        f"n * {factor} % 4294967296 / 65536 AS h{number}"
        for number, factor in enumerate((2654435769, 2246822519, 3266489917, 668265263, 374761393, 2869860233))
    )
    providers = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(_providers()))
    # h0 says whose, h1 who, h2 which source, h3 which model, h4 what became of it, h5 how long it was
    made = f"""
        WITH RECURSIVE {words.series(first, last)},
        a AS (SELECT n, {start_ms} + n * {span_ms} / {rows} AS ms, {mixed} FROM series),
        b AS (SELECT *, CASE WHEN h0 < 3277 THEN 0 ELSE 1 + h0 % {COMPANIES - 1} END AS company FROM a),
        c AS (SELECT *, (ms / 86400000 * 7 + h1 % CASE WHEN company = 0 THEN {PEOPLE} ELSE 6 END) % {PEOPLE} AS who,
            h2 % 10 < 3 AS plan, n < {rows - OPEN} AS ended, 100 + h5 % 3000 AS tokens_in, 20 + h3 % 900 AS tokens_out,
            150 + h1 % 2500 AS ttft_ms, h4 % 100 AS fate FROM b),
        d AS (SELECT *, (who + company) % {PROVIDERS} AS p, (who + h3 % 3) % 5 AS m,
            ended AND (fate >= 4 OR fate = 2) AS answered FROM c)
    """  # noqa: S608
    company = words.uuid(_made(words, "company", "company", "0"))
    its = words.uuid(_id(words, "8"))
    columns = {
        "id": its,
        "company_id": company,
        "person_id": words.uuid(_made(words, "person", "company", "who")),
        "chatbot_id": words.uuid(_made(words, "chatbot", "company", f"who % {CHATBOTS}")),
        "conversation_id": words.uuid(_id(words, "9")),
        "answer_id": words.uuid(_id(words, "a")),
        "process_id": words.uuid(f"'{made_id('process', 0).hex}'"),
        "source": "CASE WHEN plan THEN 'plan' ELSE 'byok' END",
        "provider_id": f"CASE p {providers} END",
        "model_asked": "'bench-model-' || p || '-' || m",
        "model_answered": "CASE WHEN answered THEN 'bench-model-' || p || '-' || m END",
        "key_id": f"CASE WHEN NOT plan THEN {words.uuid(_made(words, 'api_key', 'company', 'p'))} END",
        "key_label": "CASE WHEN NOT plan THEN 'Bench' END",
        "key_hint": "CASE WHEN NOT plan THEN 'made' END",
        "status": "CASE WHEN NOT ended THEN 'reserved' WHEN fate < 2 THEN 'error' WHEN fate < 4 THEN 'stopped' "
        "ELSE 'complete' END",
        "answered": "answered",
        "error": "CASE WHEN ended AND fate < 2 THEN 'RateLimitedError' END",
        "tokens_in": "CASE WHEN answered AND fate <> 5 THEN tokens_in END",
        "tokens_out": "CASE WHEN answered AND fate <> 5 THEN tokens_out END",
        "cost_pico": "CASE WHEN answered AND fate > 6 THEN tokens_in * 150000 + tokens_out * 600000 END",
        "price_origin": "CASE WHEN answered AND fate > 6 THEN 'genai-prices' END",
        "price_date": "CASE WHEN answered AND fate > 6 THEN '2026-11-23' END",
        "price_in_pico": "CASE WHEN answered AND fate > 6 THEN 150000000000 END",
        "price_out_pico": "CASE WHEN answered AND fate > 6 THEN 600000000000 END",
        "ttft_ms": "CASE WHEN answered THEN ttft_ms END",
        "duration_ms": "CASE WHEN answered THEN ttft_ms + tokens_out * 9 END",
        "provider_request_id": f"CASE WHEN answered THEN 'req-' || {words.hexed('n', 24)} END",
        "month": words.month("ms"),
        "sample": "n < 0",
        "reserved_at": words.moment("ms"),
        "settled_at": f"CASE WHEN ended THEN {words.moment('ms + ttft_ms + tokens_out * 9')} END",
    }
    fixed = {
        "id": words.uuid(_id(words, "b")),
        "company_id": company,
        "attempt_id": its,
        "tokens_in": "10",
        "tokens_out": "0",
        "cost_pico": "1500000",
        "prices": "n < 0",
        "counts": "n < 0",
        "reason": "'Invoice'",
        "made_by": "''",
        "made_at": words.moment("ms + 86400000"),
    }
    some = "WHERE n % 19997 = 0 AND answered AND fate > 6"
    return _insert("attempt", columns, made), _insert("adjustment", fixed, made, some)


def _insert(table: str, columns: dict[str, str], rows: str, where: str = "") -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) {rows} SELECT {', '.join(columns.values())} FROM d {where}"  # noqa: S608


def _made(words: Words, kind: str, company: str, number: str) -> str:
    return f"'{_KINDS[kind]:08x}00007000800000' || {words.hexed(company, 5)} || {words.hexed(number, 5)}"


def _id(words: Words, variant: str) -> str:
    """Like a UUIDv7: what was made later sorts later."""
    return f"{words.hexed('ms', 12)} || '7000{variant}' || {words.hexed('n', 15)}"


def _scatter(db: Database) -> None:
    """Lays the days in the order in which they come about: all companies' of a day, by turns, then the next day's."""
    with db.write_core() as connection:
        for table in (USAGE_DAY, USAGE_DETAIL):
            names = ", ".join(column.name for column in table.columns)
            by = "day, provider_id, source, company_id" if table is USAGE_DAY else "day, model, person_id, company_id"
            connection.exec_driver_sql(f"CREATE TEMPORARY TABLE kept AS SELECT {names} FROM {table.name}")  # noqa: S608
            connection.exec_driver_sql(f"DELETE FROM {table.name}")  # noqa: S608
            connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM kept ORDER BY {by}")  # noqa: S608
            connection.exec_driver_sql("DROP TABLE kept")
