"""How ends are booked, whatever the database and the price list do: nothing that is known is lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from byok.core.allowances import spending
from byok.core.ledger_check import differences
from byok.core.live import Live
from byok.core.price_book import PriceBook
from byok.core.prices import Price
from byok.core.settling import LOST
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables import OwnPrice
from tests.fake_provider import Exchange, FakeProvider, fake_provider, held
from tests.run_world import NOVEMBER, Author, process, row, rows, text_arrived


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with fake_provider() as made:
        yield made


def ended(live: Live) -> None:
    assert live.wait_end(timeout=10)


def rename(db: Database, table: str, to: str) -> None:
    with db.write_core() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {to}")


def test_an_answer_is_priced_when_the_database_is_back(db: Database, fake: FakeProvider) -> None:
    gate, author = threading.Event(), Author(db)
    fake.script = held(gate)
    priced: dict[str, Any] = {"provider_id": "fake", "model": "", "price_in_pico": 10**12, "price_out_pico": 2 * 10**12}
    with db.write() as session:
        session.add(OwnPrice(company_id=author.company_id, **priced, updated_at=NOVEMBER))
    with process(db, price=PriceBook(db=db)) as one:
        live = one.send(fake, author, key_id=new_id())
        text_arrived(live)
        rename(db, "own_price", "elsewhere")
        gate.set()
        assert not live.wait_end(timeout=0.05)
        rename(db, "elsewhere", "own_price")
        ended(live)
    settled = row(db, "attempt")
    assert (settled["status"], settled["cost_pico"], settled["price_origin"]) == ("complete", 25_000_000, "your price")


def test_a_price_list_that_cannot_be_read_costs_nobody_the_answer(db: Database, fake: FakeProvider) -> None:
    def torn(*_: Any, **__: Any) -> Price | None:
        raise LookupError

    with process(db, price=torn) as one:
        live = one.send(fake, Author(db), key_id=new_id())
        ended(live)
    assert (row(db, "answer")["state"], row(db, "attempt")["cost_pico"]) == ("complete", None)
    assert (row(db, "attempt")["status"], row(db, "attempt")["tokens_out"]) == ("complete", 7)


def test_what_a_provider_says_an_answer_cost_is_booked_without_token_counts_too(any_db: Database) -> None:
    def script(exchange: Exchange) -> None:
        exchange.text("Hello.")
        exchange.chunk({"choices": [], "usage": {"prompt_tokens": 11, "cost": 0.25}})
        exchange.finish(tokens=None)

    with fake_provider(cost_at="usage_or_upstream") as fake, process(any_db, price=PriceBook(db=any_db)) as one:
        fake.script = script
        ended(one.send(fake, Author(any_db), key_id=new_id()))
    settled = row(any_db, "attempt")
    assert (settled["tokens_in"], settled["tokens_out"], settled["cost_pico"]) == (11, None, 250_000_000_000)
    assert settled["price_origin"] == "provider"


def test_an_answer_that_ends_after_midnight_has_the_price_of_the_day_on_which_it_was_asked(db: Database) -> None:
    gate, midnight = threading.Event(), datetime(2026, 12, 1, tzinfo=UTC)

    def script(exchange: Exchange) -> None:
        exchange.text("Once")
        exchange.wait(gate)
        exchange.chunk({"choices": [], "usage": {"cost": 0.25}})
        exchange.finish(tokens=None)

    with (
        fake_provider(cost_at="usage_or_upstream") as fake,
        process(db, price=PriceBook(db=db), clock=lambda: midnight) as one,
    ):
        fake.script = script
        live = one.send(fake, Author(db), key_id=new_id())
        text_arrived(live)
        gate.set()
        ended(live)
    settled = row(db, "attempt")
    assert (settled["settled_at"], settled["price_date"]) == (midnight, "2026-11-30")


@pytest.mark.parametrize(("dollars", "pico"), [(10_000, 10**16), (10_000.01, None), (9_000_000, None)])
def test_a_provider_that_names_an_absurd_cost_leaves_the_month_to_be_added_up(
    any_db: Database, dollars: float, pico: int | None
) -> None:
    def script(exchange: Exchange) -> None:
        exchange.text("Hello.")
        exchange.chunk({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7, "cost": dollars}})
        exchange.finish(tokens=None)

    author = Author(any_db)
    with fake_provider(cost_at="usage_or_upstream") as fake, process(any_db, price=PriceBook(db=any_db)) as one:
        fake.script = script
        for _ in range(2):
            ended(one.send(fake, author, key_id=new_id()))
    settled = rows(any_db, "attempt")
    assert [(one["status"], one["tokens_out"], one["cost_pico"]) for one in settled] == [("complete", 7, pico)] * 2
    with any_db.read() as session:
        connection = session.connection()
        assert list(differences(connection, company_id=author.company_id)) == []
        spent = spending(connection, company_id=author.company_id, month=settled[0]["month"])
    assert (spent.spent_pico, spent.unpriced) == (2 * (pico or 0), 0 if pico else 2)


def refuse(db: Database, *, all_with: str) -> None:
    """From now on the table of attempts takes no row with anything in this column."""
    made = f"ALTER TABLE attempt ADD CONSTRAINT odd CHECK ({all_with} IS NULL)"
    if db.is_sqlite:
        made = f"CREATE TRIGGER odd BEFORE UPDATE ON attempt WHEN NEW.{all_with} IS NOT NULL"
        made = f"{made} BEGIN SELECT RAISE(ABORT, 'odd'); END"
    with db.write_core() as connection:
        connection.exec_driver_sql(made)


def test_an_end_that_the_database_refuses_keeps_all_figures(own_db: Database, fake: FakeProvider) -> None:
    refuse(own_db, all_with="model_answered")
    with process(own_db) as one:
        live = one.send(fake, Author(own_db), key_id=new_id())
        ended(live)
    settled = row(own_db, "attempt")
    assert (settled["status"], settled["answered"], settled["error"]) == ("error", True, "IntegrityError")
    assert (settled["tokens_in"], settled["tokens_out"], settled["cost_pico"]) == (11, 7, 7_000)
    assert 0 <= settled["ttft_ms"] <= settled["duration_ms"]
    kept = row(own_db, "answer")
    assert (kept["state"], kept["error"]) == (live.state, live.snapshot().error) == ("failed", LOST)


def test_a_cost_that_the_database_refuses_leaves_the_call_one_that_may_have_cost(
    own_db: Database, fake: FakeProvider
) -> None:
    def script(exchange: Exchange) -> None:
        exchange.reasoning("Let me think")
        exchange.finish("length", tokens=(11, 100))

    fake.script = script
    refuse(own_db, all_with="cost_pico")
    author = Author(own_db)
    with process(own_db) as one:
        ended(one.send(fake, author, key_id=new_id()))
    settled = row(own_db, "attempt")
    assert (settled["status"], settled["answered"], settled["taken_on"]) == ("error", False, True)
    assert (settled["cost_pico"], settled["price_origin"], settled["tokens_out"]) == (None, None, 100)
    with own_db.read() as session:
        spent = spending(session.connection(), company_id=author.company_id, month=settled["month"])
    assert (spent.spent_pico, spent.unpriced) == (0, 1)
