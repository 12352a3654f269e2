"""Usage: the table that adds up, in all the shapes in which it leaves the house."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from byok.core.ledger_check import rebuild
from byok.ground.clock import month_of, utc_now
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError
from byok.ground.tables.types import metadata
from byok.services.access import Actor
from byok.services.spreadsheet import to_csv
from byok.services.usage_csv import table_csv
from byok.services.usage_table import usd
from tests.fake_provider import refuse
from tests.run_world import BYOK, PLAN, Author
from tests.services.talk_world import TalkWorld, talk_world

NOTHING_MISSING = {"uncounted": 0, "unanswered": 0, "open": 0}


@pytest.fixture
def any_one(any_db: Database) -> Iterator[TalkWorld]:
    with talk_world(any_db) as made:
        yield made


@pytest.fixture
def one(db: Database) -> Iterator[TalkWorld]:
    with talk_world(db) as made:
        yield made


def use(one: TalkWorld) -> None:
    """Two answers and an error on an own key, and one message of the plan."""
    for name in (BYOK, BYOK, PLAN):
        one.ask(model=name)
    one.fake.script = refuse(400)
    one.ask(model=BYOK)


def test_the_table_has_the_shape_that_scripts_rely_on(any_one: TalkWorld) -> None:
    use(any_one)
    figures = {
        "byok": {
            "requests": 3,
            "answered": 2,
            "tokens_in": 22,
            "tokens_out": 14,
            "cost": "0.000000014",
            "cost_at_least": False,
            "unpriced": 0,
            "errors": 1,
            **NOTHING_MISSING,
        },
        "plan": {"messages": 1, "tokens_in": 11, "tokens_out": 7, "errors": 0, **NOTHING_MISSING},
    }
    found = any_one.usage().month(any_one.ada).to_json()
    for both in (found["total"], *found["rows"]):
        assert 0 < both["byok"].pop("ttft_ms") < 10_000
    assert found == {
        "month": month_of(utc_now()),
        "rows": [{"provider": "fake", **figures}],
        "total": figures,
        "allowance": {"month": month_of(utc_now()), "messages": 10, "used": 1},
    }


def test_an_empty_month_is_all_zeros(one: TalkWorld) -> None:
    table = one.usage().month(one.ada, "2026-01")
    assert table.to_json()["total"] == {
        "byok": {
            "requests": 0,
            "answered": 0,
            "tokens_in": 0,
            "tokens_out": 0,
            "cost": "0.000000",
            "cost_at_least": False,
            "unpriced": 0,
            "errors": 0,
            "ttft_ms": None,
            **NOTHING_MISSING,
        },
        "plan": {"messages": 0, "tokens_in": 0, "tokens_out": 0, "errors": 0, **NOTHING_MISSING},
    }
    assert (table.rows, table.notes, table.left) == ((), (), 10)


def test_the_line_adds_up(one: TalkWorld) -> None:
    use(one)
    assert one.usage().month(one.ada).line == "2 answered BYOK requests + 1 plan message = 3 answers"


ATTEMPTS = metadata.tables["attempt"]


def rewrite(one: TalkWorld, which: sa.ColumnElement[bool] | None = None, **values: object) -> None:
    """Changes rows of the ledger behind its back, and adds its days up anew."""
    with one.db.write_core() as connection:
        connection.execute(sa.update(ATTEMPTS).where(sa.true() if which is None else which).values(values))
        rebuild(connection, company_id=one.author.company_id)


def test_a_total_with_an_unpriced_call_says_at_least(one: TalkWorld) -> None:
    use(one)
    byok = ATTEMPTS.c.source == "byok"
    rewrite(one, byok, cost_pico=7)
    rewrite(one, ATTEMPTS.c.id == sa.select(sa.func.min(ATTEMPTS.c.id)).where(byok).scalar_subquery(), cost_pico=None)
    table = one.usage().month(one.ada)
    assert table.total.byok.cost_pico == 2 * 7  # the other answer, and the error
    assert table.notes == ("1 call unpriced: the cost is at least the total shown.",)


def test_a_month_without_any_price_says_that_its_cost_is_not_known(one: TalkWorld) -> None:
    use(one)
    rewrite(one, cost_pico=None)
    table = one.usage().month(one.ada)
    assert table.total.byok.cost_pico is None
    assert table.notes == ("2 calls unpriced: what it cost is not known here.",)


def test_the_json_says_that_a_cost_lacks_that_of_a_call_cut_off_before_any_text(one: TalkWorld) -> None:
    use(one)
    cut = sa.select(sa.func.min(ATTEMPTS.c.id)).where(ATTEMPTS.c.source == "byok", ATTEMPTS.c.answered)
    unknown = dict.fromkeys(("tokens_in", "tokens_out", "cost_pico", "ttft_ms"))
    rewrite(one, ATTEMPTS.c.id == cut.scalar_subquery(), status="interrupted", answered=False, **unknown)
    found = one.usage().month(one.ada).to_json()["total"]["byok"]
    figures = ("cost", "cost_at_least", "unpriced", "unanswered")
    assert [found[name] for name in figures] == ["0.000000007", True, 0, 1]


def test_the_json_counts_the_calls_that_its_sums_lack_own_ones_and_the_plans_apart(one: TalkWorld) -> None:
    use(one)
    for name in (BYOK, PLAN):
        one.author.reserve(one.process.runner.enlist(), name=name)
    rewrite(one, (ATTEMPTS.c.source == "plan") & ATTEMPTS.c.answered, tokens_out=None)
    total = one.usage().month(one.ada).to_json()["total"]
    found = {source: {name: total[source][name] for name in NOTHING_MISSING} for source in ("byok", "plan")}
    assert found["byok"] == NOTHING_MISSING | {"open": 1}
    assert found["plan"] == NOTHING_MISSING | {"uncounted": 1, "open": 1}


def test_a_member_sees_his_own_usage_and_what_is_left_for_all(one: TalkWorld) -> None:
    use(one)
    table = one.usage().month(one.max)
    assert (table.own, table.rows, table.used) == (True, (), 1)
    assert one.usage().month(Actor(one.ada.company_id)).total.answers == 3


def test_another_companys_usage_is_not_in_the_table(one: TalkWorld) -> None:
    use(one)
    other = Author(one.db, slug="other")
    assert one.usage().month(Actor(other.company_id, other.person_id)).rows == ()


def test_an_open_reservation_holds_a_message_and_is_named(one: TalkWorld) -> None:
    one.author.reserve(one.process.runner.enlist(), name=PLAN)
    table = one.usage().month(one.ada)
    assert (table.used, table.left, table.total.plan.answered) == (1, 9, 0)
    assert table.notes == ("1 call still open: in no figure until it ends, but a plan message is held.",)
    assert one.usage().allowance(one.ada) == (10, 1)


def test_the_current_month_can_always_be_chosen(one: TalkWorld) -> None:
    use(one)
    later = one.usage(clock=lambda: datetime(2031, 1, 1, tzinfo=UTC))
    assert later.months(one.ada) == ["2031-01", month_of(utc_now())]
    assert later.month(one.ada).month == "2031-01"


@pytest.mark.parametrize("month", ["2026", "2026-13", "2026-00", "26-11", "2026-1", "2026/11", "２０２６-11"])
def test_what_is_no_month_is_refused(one: TalkWorld, month: str) -> None:
    with pytest.raises(InvalidInputError):
        one.usage().month(one.ada, month)


def test_a_provider_that_left_the_catalogue_is_still_counted(one: TalkWorld) -> None:
    use(one)
    rewrite(one, provider_id="gone")
    (row,) = one.usage().month(one.ada).rows
    assert (row.name, row.answers) == ("gone", 3)


def test_the_csv_says_what_the_table_says(one: TalkWorld) -> None:
    use(one)
    table = one.usage().month(one.ada)
    head, *lines = list(csv.reader(io.StringIO(table_csv(table).decode("utf-8-sig"))))
    assert (head[1], head[7]) == ("Row", "BYOK estimated cost (USD)")
    about = str(table.total.byok.ttft_ms)
    figures = ["3", "2", "22", "14", "0.000000014000", "no", "0", "1", about, "1", "11", "7", "0", "3"]
    assert lines == [[table.month, "Fake AI", "", *figures], [table.month, "Total", "", *figures]]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "  =1", "\ufeff=1", "＝1"])
def test_a_cell_that_a_spreadsheet_would_compute_is_defused(text: str) -> None:
    ((cell,),) = csv.reader(io.StringIO(to_csv([[text]]).decode("utf-8-sig"), newline=""))
    assert cell == f"'{text}"


def test_numbers_stay_numbers_and_the_unknown_stays_empty() -> None:
    assert to_csv([[-5, 1, None, "plain"]]).decode("utf-8-sig") == "-5,1,,plain\r\n"


@pytest.mark.parametrize(
    ("pico", "text"),
    [(None, None), (0, "0.000000"), (123_000_000, "0.000123"), (1, "0.000000000001"), (5 * 10**12, "5.000000")],
)
def test_money_is_written_exactly(pico: int | None, text: str | None) -> None:
    assert usd(pico) == text
