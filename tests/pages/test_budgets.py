"""The parts of Usage about budgets and own prices, and what the Playground says of a budget before sending."""

from __future__ import annotations

from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from byok.core import ledger
from byok.core.ledger import Outcome
from byok.core.model_names import ModelName
from byok.ground.ids import new_id
from byok.ground.tables import Budget
from byok.services.access import Actor
from tests.pages.front import Front, buttons, press, words

BOTH = """
from web.house import signed_in
from web.usage import budgets, prices

budgets.draw()
prices.draw(signed_in())
budgets.dialog()
"""
BUDGET_FORM = "from web.usage import budgets\nbudgets.form(None, 1)\n"
PRICE_FORM = "from web.usage import prices\nprices.form(1)\n"


def drawn(front: Front, username: str, script: str = BOTH) -> AppTest:
    """A page of these parts alone, as that person sees it."""
    front.sign_in(username)
    return AppTest.from_string(script, default_timeout=30).run()


def spend(front: Front, actor: Actor, pico: int, *, status: str = "complete") -> None:
    """What an answer on an OpenAI key cost, or holds as long as it is reserved."""
    bench = front.bench
    with bench.db.write_core() as connection:
        attempt = ledger.reserve(
            connection,
            company_id=actor.company_id,
            process_id=new_id(),
            name=ModelName.parse("byok:openai/gpt-5.4-mini"),
            at=bench.clock(),
            plan_messages=0,
            at_most_pico=pico,
        )
        if status == "complete":
            done = Outcome("complete", answered=True, tokens_in=1, tokens_out=1, cost_pico=pico)
            ledger.settle(connection, attempt, done, at=bench.clock())


def test_without_budgets_the_part_says_what_one_is_for(demo: Front) -> None:
    tab = drawn(demo, "ada")
    assert "No budget limits what own keys cost in a month. Set one for all own keys" in words(tab)
    assert buttons(tab) == ["Set budget", "Set price"]
    tab = drawn(demo, "max")
    assert "An admin of your company can set one." in words(tab)
    assert buttons(tab) == []


def test_a_plan_without_own_keys_has_neither_budgets_nor_prices(demo: Front) -> None:
    assert words(drawn(demo, "bea")).strip() == ""


def test_each_budget_is_a_line_that_says_in_words_how_it_stands(own: Front) -> None:
    ada = own.actor("ada")
    own.bench.budgets.set(ada, "", Decimal(100))
    own.bench.budgets.set(ada, "openai", Decimal(10))
    own.bench.budgets.set(ada, "groq", Decimal(5))
    spend(own, ada, 8 * 10**12)
    spend(own, ada, 250_000_000_000, status="reserved")
    said = words(drawn(own, "max"))
    assert "$8.00 (+ $0.2500 held) of $100.00 · 8 %" in said
    assert "$8.00 (+ $0.2500 held) of $10.00 · 82 %" in said
    assert "$0.00 of $5.00 · 0 %" in said
    assert [word in said for word in ("Within budget", "80 % reached", "Used up")] == [True, True, False]
    spend(own, ada, 2 * 10**12)
    tab = drawn(own, "ada")
    assert "Used up: calls that cost something are refused" in words(tab)
    assert buttons(tab) == ["Set budget", *["Edit", "Remove"] * 3, "Set price"]


def test_calls_without_a_price_are_told_where_there_are_any(own: Front) -> None:
    ada = own.actor("ada")
    own.bench.budgets.set(ada, "openai", Decimal(10), 1)
    assert "without a known price" not in words(drawn(own, "ada"))
    spend(own, ada, 0, status="reserved")
    with own.bench.db.write() as session:
        session.connection().exec_driver_sql("UPDATE attempt SET reserved_pico = NULL WHERE status = 'reserved'")
    assert "Calls without a known price: 1 of 1; more of them are refused." in words(drawn(own, "ada"))


def test_a_budget_is_set_in_its_form_to_the_last_digit(own: Front) -> None:
    tab = drawn(own, "ada", BUDGET_FORM)
    assert tab.selectbox[0].options[0] == "All own keys"
    assert "Anthropic (Claude)" not in tab.selectbox[0].options  # cannot be chatted with here
    tab.selectbox[0].select("openai")
    tab.text_input[0].set_value("12.345678")
    press(tab, "Save")
    (row,) = own.rows(Budget)
    assert (row.provider_id, row.limit_pico, row.unpriced_calls) == ("openai", 12_345_678_000_000, 100)


@pytest.mark.parametrize("typed", ["", "12,50", "much", "-1"])
def test_an_amount_that_is_none_is_refused_in_the_form(own: Front, typed: str) -> None:
    tab = drawn(own, "ada", BUDGET_FORM)
    tab.text_input[0].set_value(typed)
    assert "The budget must be a number from 0 to 9,000,000." in words(press(tab, "Save"))
    assert own.rows(Budget) == []


def test_the_form_of_a_budget_holds_what_was_set(own: Front) -> None:
    own.bench.budgets.set(own.actor("ada"), "", Decimal("0.5"), 7)
    tab = press(drawn(own, "ada"), "Edit")
    assert (tab.text_input[0].value, tab.number_input[0].value) == ("0.50", 7)


def test_prices_are_a_table_for_admins_alone(own: Front) -> None:
    ada = own.actor("ada")
    own.bench.own_prices.set(ada, "openai", multiplier=Decimal("0.85"))
    own.bench.own_prices.set(ada, "openai", "gpt-5.4-mini", price_in=Decimal("0.2"), price_out=Decimal(10))
    tab = drawn(own, "ada")
    rows = [list(row)[:5] for row in tab.dataframe[0].value.itertuples(index=False)]
    assert rows == [["OpenAI", "All models", "0.85", "—", "—"], ["OpenAI", "gpt-5.4-mini", "—", "0.2", "10"]]
    assert "Remove price" in buttons(tab)
    assert "0.85" not in words(drawn(own, "max"))


def test_a_price_is_set_in_its_form_either_way(own: Front) -> None:
    tab = drawn(own, "ada", PRICE_FORM)
    tab.selectbox[0].select("groq")
    tab.text_input(key="price-times-1").set_value("0.85")
    press(tab, "Save")
    tab.text_input(key="price-model-1").set_value("some/model")
    tab.segmented_control[0].set_value("Prices for a million tokens").run()
    tab.text_input(key="price-in-1").set_value("0.25")
    assert "A price must be a number" in words(press(tab, "Save"))
    tab.text_input(key="price-out-1").set_value("2.00")
    press(tab, "Save")
    found = [(one.model, one.multiplier, one.price_out) for one in own.bench.own_prices.list(own.actor("ada"))]
    assert found == [("", Decimal("0.85"), None), ("some/model", None, Decimal(2))]


def test_the_playground_says_what_is_left_from_eighty_percent_on(own: Front) -> None:
    own.save_key(models=("gpt-5.4-mini",))
    ada = own.actor("ada")
    own.bench.budgets.set(ada, "openai", Decimal(10))
    spend(own, ada, 79 * 10**11)
    tab = own.visit("ada")
    (picker,) = (one for one in tab.selectbox if any("Your key · OpenAI" in option for option in one.options))
    picker.select_index(["Your key · OpenAI" in option for option in picker.options].index(True)).run()
    assert "left of the OpenAI budget" not in words(tab)
    spend(own, ada, 10**11)
    month = f"{own.bench.clock():%B}"
    assert f"$2.00 of $10.00 left of the OpenAI budget for {month}" in words(tab.run())
    spend(own, ada, 2 * 10**12)
    assert f"The OpenAI budget for {month} has $0.00 of $10.00 left, and this call may cost up to " in words(tab.run())
