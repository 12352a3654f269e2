"""The same tokens elsewhere: priced by today's list, compared with what is known, and silent about what is not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from byok.core.plans import Plans
from byok.core.prices import price
from byok.core.wire.shapes import Usage
from byok.ground.db import Database
from byok.ground.errors import CatalogueError
from byok.services.access import Actor
from byok.services.elsewhere import Comparison
from tests.services.usage_world import NOVEMBER, NOW, UsageWorld

NANO, SMALL = "openai/gpt-5.4-nano", "mistral/mistral-small-latest"


@pytest.fixture
def world(db: Database) -> UsageWorld:
    return UsageWorld(db)


def compare(world: UsageWorld, *models: str, actor: Actor | None = None) -> Comparison:
    actor = actor or world.ada
    return world.elsewhere().compare(actor, world.usage().table(actor, NOVEMBER).total, models)


def listed(world: UsageWorld, model: str, tokens_in: int, tokens_out: int) -> int:
    """What one call costs by the price list."""
    provider, _, name = model.partition("/")
    usage = Usage(tokens_in=tokens_in, tokens_out=tokens_out)
    found = price(world.catalogue.get(provider), model=name, usage=usage, at=NOW)
    assert found is not None
    return found.cost_pico


def test_own_keys_and_the_plan_are_priced_apart_to_the_last_token(world: UsageWorld) -> None:
    world.add(count=3)
    world.add(tokens_in=333, tokens_out=77)
    world.plan(count=2)
    (line,) = compare(world, NANO).lines
    assert line.own_pico == listed(world, NANO, 3333, 377)
    assert line.plan_pico == listed(world, NANO, 2000, 200)
    assert (line.model.provider, line.model.model) == ("OpenAI", "gpt-5.4-nano")


def test_a_price_that_grows_with_the_length_is_that_of_a_request_of_average_size(world: UsageWorld) -> None:
    model = "gemini/gemini-2.5-pro"
    short, long = listed(world, model, 150_000, 100), listed(world, model, 300_000, 100)
    assert long > 2 * short  # it has such a step
    world.add(tokens_in=150_000, count=2)
    assert compare(world, model).lines[0].own_pico == 2 * short
    world.add(tokens_in=900_000)
    assert compare(world, model).lines[0].own_pico == listed(world, model, 1_200_000, 300)


def test_what_errors_used_is_priced_as_calls_of_their_own_and_not_as_part_of_the_answers(world: UsageWorld) -> None:
    model = "gemini/gemini-2.5-pro"  # whose price grows with a request's length
    world.add(tokens_in=150_000)
    world.fail(tokens_in=150_000, tokens_out=100, cost_pico=10**9)
    found = compare(world, model)
    assert (found.own.answers, found.own.counted) == (1, 2)
    assert found.lines[0].own_pico == 2 * listed(world, model, 150_000, 100)


def test_a_call_stopped_before_any_text_makes_the_real_cost_at_least(world: UsageWorld) -> None:
    world.add()
    world.add(status="stopped", answered=False, tokens_in=None, tokens_out=None, cost_pico=None, ttft_ms=None)
    found = compare(world, NANO)
    assert (found.own.unpriced, found.own.at_least) == (0, True)
    assert (found.own.compared(found.lines[0].own_pico) or "?")[0] == "≤"


def test_the_difference_to_what_it_really_cost_is_in_percent(world: UsageWorld) -> None:
    world.add(cost_pico=listed(world, NANO, 1000, 100) * 4)
    world.add(cost_pico=0)
    found = compare(world, NANO)
    assert found.own.compared(found.lines[0].own_pico) == ("=", Decimal(-50))


def test_calls_without_counts_are_left_out_and_named(world: UsageWorld) -> None:
    world.add()
    world.add(tokens_in=None, tokens_out=None)  # the provider's own figure: a cost without counts
    found = compare(world, NANO)
    assert (found.own.answers, found.own.counted, found.own.uncounted) == (2, 1, 1)
    assert found.lines[0].own_pico == listed(world, NANO, 1000, 100)
    side, _ = found.own.compared(found.lines[0].own_pico, missing=1) or ("", 0)
    assert side == "≥"


def test_calls_without_a_price_leave_the_truth_below_and_those_without_either_on_neither_side(
    world: UsageWorld,
) -> None:
    world.add()
    world.add(cost_pico=None)
    basket = compare(world).own
    assert (basket.compared(basket.real_pico) or "")[0] == "≤"
    world.add(cost_pico=None, tokens_in=None, tokens_out=None)
    basket = compare(world).own
    assert (basket.unpriced, basket.uncounted) == (2, 1)
    assert (basket.compared(basket.real_pico, missing=2) or "")[0] == "="


@pytest.mark.parametrize("cost", [None, 0])
def test_nothing_is_compared_with_a_cost_that_is_not_known_or_is_none(world: UsageWorld, cost: int | None) -> None:
    world.add(cost_pico=cost)
    found = compare(world, NANO)
    assert found.lines[0].own_pico
    assert found.own.compared(found.lines[0].own_pico) is None


def test_a_side_without_an_answer_has_no_estimate(world: UsageWorld) -> None:
    world.add()
    world.fail(source="plan")
    (line,) = compare(world, NANO).lines
    assert line.own_pico is not None
    assert line.plan_pico is None


def test_without_a_price_a_message_the_plan_costs_what_nobody_knows(world: UsageWorld) -> None:
    world.add()
    world.plan()
    found = compare(world)
    assert (found.message_pico, found.on_plan_pico, found.plan.real_pico) == (None, None, None)


def test_with_a_price_a_message_every_answer_counts_one(db: Database) -> None:
    world = UsageWorld(db, message_price="0.01")
    world.add(count=3)
    world.add(tokens_in=None)
    world.plan(count=2)
    found = compare(world)
    assert (found.message_pico, found.on_plan_pico, found.plan.real_pico) == (10**10, 4 * 10**10, 2 * 10**10)


def test_the_cheapest_comes_first_and_what_the_list_does_not_have_not_at_all(world: UsageWorld) -> None:
    world.add()
    found = compare(world, "openai/gpt-5.4", NANO, "openai/made-up", "made-up/x", SMALL, NANO)
    costs = [line.own_pico or 0 for line in found.lines]
    assert costs == sorted(costs)
    assert {line.model.id for line in found.lines} == {"openai/gpt-5.4", NANO, SMALL}


def test_the_standard_models_and_the_three_most_used_are_suggested(world: UsageWorld) -> None:
    for count, model in enumerate(("gpt-4.1", "gpt-4.1-mini", "gpt-5.4", "gpt-5.4-2026-03-05", "no-such-model"), 1):
        world.add(model_asked=model, count=count)
    world.add(model_asked="gpt-5", by=world.max, count=9)
    world.plan(model_asked="gpt-4o", count=9)
    suggested = world.elsewhere().suggested
    own = ["openai/gpt-5.4-mini", "openai/gpt-5", "openai/gpt-5.4", "openai/gpt-4.1-mini"]
    assert suggested(world.ada, NOVEMBER) == own  # a dated one is the one without a date; the built-in has no price
    assert suggested(world.max, NOVEMBER) == ["openai/gpt-5.4-mini", "openai/gpt-5"]


def test_where_the_plans_own_models_have_no_price_those_of_the_other_plans_are_suggested(world: UsageWorld) -> None:
    big = world.plans.get("pro")
    world.plans = Plans({"pro": big.model_copy(update={"models": ("local/tiny",)}), "big": big})
    assert world.elsewhere().suggested(world.ada, NOVEMBER) == ["openai/gpt-5.4-mini"]


def test_there_are_hundreds_of_models_to_choose_from_and_each_can_be_chatted_with(world: UsageWorld) -> None:
    models = world.elsewhere().models()
    assert len(models) > 400
    assert {model.provider for model in models.values()} >= {"OpenAI", "Google Gemini", "Mistral", "Groq", "OpenRouter"}
    names = [model.model for model in models.values() if not model.id.startswith("openrouter/")]
    for word in ("embed", "whisper", "tts", "dall-e", "moderation"):
        assert not [name for name in names if word in name.lower() and "moderation-6b" not in name.lower()]
    assert not [one for one in models if one.startswith("gemini/claude")]


def test_every_model_to_choose_from_has_a_price_of_its_own_list(world: UsageWorld) -> None:
    world.add()
    chosen = [one for one in world.elsewhere().models() if one.split("/")[0] in ("openai", "gemini", "mistral", "groq")]
    unpriced = [
        line.model.id
        for start in range(0, len(chosen), 50)
        for line in compare(world, *chosen[start : start + 50]).lines
        if line.own_pico is None
    ]
    assert unpriced == []


@pytest.mark.parametrize("price", ['"a cent"', '"-0.01"', '"NaN"', '"Infinity"', '"1001"', '"0.0000000000001"', "true"])
def test_a_price_a_message_that_is_none_stops_the_start_and_names_its_row(tmp_path: Path, price: str) -> None:
    file = tmp_path / "plans.toml"
    row = '[pro]\nname = "Pro"\nchecked = 2026-11-24\nmessages = 10\nbyok = true\nmodels = []\nmessage_price = '
    file.write_text(f"{row}{price}\n", "utf-8")
    with pytest.raises(CatalogueError, match=r"plans\.toml: \[pro\] message_price"):
        Plans.load(file)
    file.write_text(f'{row}"0.01"\n', "utf-8")
    assert Plans.load(file).get("pro").message_price == Decimal("0.01")


def test_the_shipped_plans_have_no_price_a_message() -> None:
    assert [plan.message_price for plan in Plans.load().all()] == [None, None, None]
