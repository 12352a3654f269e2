"""What is told before sending: never less than will be charged, and every column that cannot run says why."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from byok.core.catalogue import Catalogue
from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.core.price_book import PriceBook
from byok.core.run import Pricing, storable
from byok.core.wire import ModelInfo, Usage
from byok.ground.db import Database
from byok.ground.errors import NotFoundError
from byok.ground.ids import new_id
from byok.ground.tables.types import metadata
from byok.services.access import Actor, Grant, Reads
from byok.services.bounds import FRAME, MESSAGE, OPENING, most_tokens
from byok.services.columns import ColumnSetup
from byok.services.conversations import Conversations
from byok.services.forecast_views import Forecast, Outlook
from byok.services.forecasts import Forecasts
from byok.services.messages import Ask, Message
from byok.services.routes import Route
from tests.fake_provider import Exchange, answer, held
from tests.run_world import BYOK, PLAN, Author, cheap, rows, text_arrived
from tests.services.key_world import KeyWorld, fresh_master_keys
from tests.services.talk_world import KEY_ID, PLANS, StubRoutes, TalkWorld, talk_world

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
CATALOGUE = Catalogue.load()
SHORT = Parameters(max_tokens=100)


@pytest.fixture
def one(db: Database) -> Iterator[TalkWorld]:
    with talk_world(db) as made:
        yield made


class OwnRoutes:
    """Leads own models to the provider that they name, with the key of the company."""

    def find(self, session: Reads, grant: Grant, name: ModelName, *, key_id: UUID | None = None) -> Route:
        provider = CATALOGUE.get(name.provider_id)
        return Route(name, provider, httpx.Auth(), key_id or KEY_ID, "Product team", "4f2a", lambda: provider.base_url)


def forecasts(one: TalkWorld, *, price: Pricing = cheap, real: bool = False) -> Forecasts:
    routes = OwnRoutes() if real else StubRoutes(one.fake)
    catalogue = CATALOGUE if real else one.catalogue
    return Forecasts(db=one.db, plans=PLANS, catalogue=catalogue, routes=routes, price=price)


def look(one: TalkWorld, setups: Sequence[ColumnSetup], **more: Any) -> Outlook:
    return forecasts(one).look(one.ada, setups, **more)


def fresh(setup: ColumnSetup) -> ColumnSetup:
    return replace(setup, id=new_id())


def priced(model: str, *, db: Database, tokens_in: int, tokens_out: int, cached: float = 0, written: float = 0) -> int:
    """As the ledger prices an attempt, in pico-dollars.

    Args:
        cached: the part of what goes in that was cached already. written: the part of the rest that is now.
    """
    name = ModelName.parse(model)
    usage = Usage(tokens_in=tokens_in, tokens_out=tokens_out, tokens_cached=int(tokens_in * cached))
    usage = replace(usage, tokens_cache_write=int((tokens_in - (usage.tokens_cached or 0)) * written))
    found = PriceBook(db=db)(
        CATALOGUE.get(name.provider_id), model=name.model, usage=usage, at=datetime.now(UTC), key_id=KEY_ID
    )
    assert found is not None
    return found.cost_pico


def list_models(db: Database, provider_id: str, *models: ModelInfo) -> None:
    menu = metadata.tables["model_menu"]
    row = {"key_id": KEY_ID, "provider_id": provider_id, "fetched_at": AT, "models": [one.to_json() for one in models]}
    with db.write_core() as connection:
        known = {column.name for column in menu.c}
        connection.execute(sa.insert(menu).values({name: value for name, value in row.items() if name in known}))


PRICED = (
    "byok:openai/gpt-5.4-mini",
    "byok:openai/gpt-6-luna",
    "byok:gemini/gemini-3.5-flash-lite",
    "byok:together/listed/one",
)
TEXTS = st.text(min_size=1, max_size=80)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    model=st.sampled_from(PRICED),
    said=st.lists(st.tuples(TEXTS, TEXTS), max_size=2),
    system=st.text(max_size=40),
    asks=st.lists(st.tuples(TEXTS, st.integers(1, 5)), min_size=1, max_size=3),
    longest=st.integers(1, 200_000),
    share=st.floats(0, 1),
    cached=st.floats(0, 1),
    written=st.floats(0, 1),
)
def test_no_run_costs_more_than_was_told_before(
    priced_world: TalkWorld,
    model: str,
    said: list[tuple[str, str]],
    system: str,
    asks: list[tuple[str, int]],
    longest: int,
    share: float,
    cached: float,
    written: float,
) -> None:
    one = priced_world
    setup = ColumnSetup(ModelName.parse(model), parameters=Parameters(max_tokens=longest), system_prompt=system)
    conversation = keep(one, setup, said) if said else None
    told = (
        forecasts(one, price=PriceBook(db=one.db), real=True)
        .look(one.ada, [setup], conversation_id=conversation, asks=[Ask(text, repeats=times) for text, times in asks])
        .at_most_pico
    )
    assert told is not None
    # The worst that a provider counts: a token for each byte, a frame around each message, its own words before all.
    sent = [system, *(text for pair in said for text in pair)]
    before, spent = OPENING + sum(len(storable(text).encode()) + FRAME for text in sent), 0
    for text, times in asks:
        before += len(storable(text).encode()) + FRAME
        out = int(longest * share)
        counts = {"tokens_in": before, "tokens_out": out}
        spent += times * priced(model, db=one.db, **counts, cached=cached, written=written)
        before += out + FRAME
    assert spent <= told


@pytest.fixture(scope="module")
def priced_world(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TalkWorld]:
    """One world for all examples: none of them changes what another sees."""
    file = tmp_path_factory.mktemp("priced") / "byok.sqlite3"
    file.write_bytes(migrated_file.read_bytes())
    database = Database(f"sqlite:///{file}")
    with talk_world(database) as made:
        listed = ModelInfo("listed/one", "One", context=8000, price_in=Decimal("0.3"), price_out=Decimal("1.1"))
        list_models(database, "together", listed)
        yield made
    database.close()


def keep(one: TalkWorld, setup: ColumnSetup, said: Sequence[tuple[str, str]]) -> UUID:
    """A conversation in which this column was asked and answered so, as it would be kept."""
    opened = one.talk.start(one.ada, chatbot_id=None, model=ModelName.parse(str(setup.model)))
    one.talk.arrange(one.ada, opened.id, [setup])
    parent, process_id = None, one.process.runner.enlist()
    with one.db.write_core() as connection:
        for question, text in said:
            row = {"id": new_id(), "conversation_id": opened.id, "parent_id": parent, "repeats": 1, "created_at": AT}
            parts = [{"type": "text", "text": storable(question)}]
            connection.execute(sa.insert(metadata.tables["turn"]).values(**row, parts=parts))
            done = {"state": "complete", "text": storable(text), "reasoning": "", "created_at": AT, "finished_at": AT}
            its: dict[str, Any] = {
                "id": new_id(),
                "turn_id": row["id"],
                "column_id": setup.id,
                "version": 1,
                "configuration": {},
            }
            its["process_id"] = process_id
            connection.execute(sa.insert(metadata.tables["answer"]).values(**its, **done))
            parent = row["id"]
    return opened.id


def bound(told: Forecast | Outlook) -> int:
    assert told.at_most_pico is not None
    return told.at_most_pico


def tokens_in(provider: object, *, model: str, usage: Usage, at: datetime, **more: Any) -> Any:
    """A price of one pico-dollar for each token that goes in."""
    return cheap(provider, model=model, usage=Usage(tokens_out=usage.tokens_in), at=at)  # type: ignore[arg-type]


def test_a_race_costs_as_many_times_as_it_asks(one: TalkWorld) -> None:
    setup = ColumnSetup(BYOK, parameters=SHORT)
    once, thrice = (bound(look(one, [setup], asks=[Ask("Hi", repeats=times)])) for times in (1, 3))
    assert (once, thrice) == (100_000, 300_000)


def test_a_chain_of_messages_counts_the_history_that_grows(one: TalkWorld) -> None:
    service, setup = forecasts(one, price=tokens_in), ColumnSetup(BYOK, parameters=SHORT)
    costs = [bound(service.look(one.ada, [setup], asks=[Ask("Hello")] * count)) // 1000 for count in (1, 2, 3)]
    first, second, third = costs[0], costs[1] - costs[0], costs[2] - costs[1]
    assert second - first == third - second == most_tokens("Hello") + 100 + FRAME


def test_what_a_conversation_said_so_far_is_counted_on_the_branch_that_is_asked(one: TalkWorld) -> None:
    one.fake.script = answer("x" * 1000)
    asked, _ = one.ask("Hi")
    (kept,) = one.talk.thread(one.ada, asked.conversation_id).columns
    service, setup = forecasts(one, price=tokens_in), replace(kept.setup, parameters=SHORT)
    more: dict[str, Any] = {"conversation_id": asked.conversation_id, "asks": [Ask("Hi")]}
    alone = bound(service.look(one.ada, [setup], asks=[Ask("Hi")]))
    after = bound(service.look(one.ada, [setup], **more))
    assert (after - alone) // 1000 == most_tokens("x" * 1000) + most_tokens("Hi")
    assert bound(service.look(one.ada, [setup], **more, after=asked.turn_id)) == after
    other = bound(service.look(one.ada, [fresh(setup)], **more))
    assert other == alone  # a new column saw nothing of it


def test_a_message_that_is_not_written_yet_may_hold_the_widest_characters(one: TalkWorld) -> None:
    service, setup = forecasts(one, price=tokens_in), ColumnSetup(BYOK, parameters=SHORT)
    blank = bound(service.look(one.ada, [setup]))
    for letter in ("x", "ß", "中", "\0", "\U0010ffff"):
        assert bound(service.look(one.ada, [setup], asks=[Ask(letter * MESSAGE)])) <= blank


def test_while_the_last_answer_grows_the_cost_of_the_next_message_cannot_be_told(one: TalkWorld) -> None:
    gate = threading.Event()
    one.fake.script = held(gate)
    asked = one.talk.ask(one.ada, text="Hi", model=BYOK)
    live = one.process.runner.live(asked.answer_ids[0])
    assert live is not None
    text_arrived(live)
    (kept,) = one.talk.thread(one.ada, asked.conversation_id).columns
    setup = replace(kept.setup, parameters=SHORT)
    (told,) = look(one, [setup], conversation_id=asked.conversation_id).columns
    assert (told.at_most_pico, told.why_unknown, told.runs) == (None, "the last answer still grows", True)
    gate.set()
    assert live.wait_end(timeout=10)
    (told,) = look(one, [setup], conversation_id=asked.conversation_id).columns
    assert told.at_most_pico == 100_000


def test_without_an_answer_length_the_window_of_the_keys_list_bounds_it(one: TalkWorld) -> None:
    list_models(one.db, "fake", ModelInfo("fake-1", "Fake", context=8000))
    assert bound(look(one, [ColumnSetup(BYOK)])) == 8_000_000


def test_without_any_answer_length_there_is_a_dash_with_the_reason(one: TalkWorld) -> None:
    outlook = look(one, [ColumnSetup(BYOK), ColumnSetup(BYOK, parameters=SHORT)])
    assert [told.why_unknown for told in outlook.columns] == ["no answer length is set", ""]
    assert outlook.at_most_pico is None  # of one of them it cannot be told, so not of the sum


def test_without_a_price_there_is_a_dash_with_the_reason(one: TalkWorld) -> None:
    outlook = forecasts(one, price=PriceBook(db=one.db)).look(one.ada, [ColumnSetup(BYOK, parameters=SHORT)])
    assert [(told.at_most_pico, told.why_unknown) for told in outlook.columns] == [(None, "its price is not known")]
    assert outlook.at_most_pico is None


def test_the_bundled_list_brings_a_window_where_the_keys_list_has_none(one: TalkWorld) -> None:
    service = forecasts(one, price=PriceBook(db=one.db), real=True)
    setup = ColumnSetup(ModelName.parse("byok:openai/gpt-5.4-mini"))
    window = bound(service.look(one.ada, [setup], asks=[Ask("Hi")]))
    short = bound(service.look(one.ada, [replace(setup, parameters=SHORT)], asks=[Ask("Hi")]))
    assert window > short > 0


def test_who_pays_is_told_of_each_column(one: TalkWorld) -> None:
    outlook = look(one, [ColumnSetup(BYOK, parameters=SHORT), ColumnSetup(PLAN)])
    assert [(told.source, told.provider, told.key_hint, told.messages) for told in outlook.columns] == [
        ("byok", "Fake AI", "4f2a", 0),
        ("plan", "Fake AI", None, 1),
    ]
    assert (outlook.messages, outlook.allowance, outlook.used) == (1, 10, 0)


def use_up(one: TalkWorld, count: int) -> None:
    process_id = one.process.runner.enlist()
    for _ in range(count):
        one.author.reserve(process_id, name=PLAN)


def problems(outlook: Outlook) -> list[tuple[int, bool, str]]:
    return [(told.messages, told.runs, told.problem) for told in outlook.columns]


def test_the_plans_messages_are_counted_across_the_columns_in_their_order(one: TalkWorld) -> None:
    use_up(one, 5)
    outlook = look(one, [ColumnSetup(PLAN) for _ in range(3)], asks=[Ask("Hi", repeats=3)])
    assert problems(outlook) == [
        (3, True, ""),
        (2, True, "Only 2 of 3 can be asked: 5 plan messages are left, and other columns take 3 of them."),
        (
            0,
            False,
            "This month's 10 plan messages are used up, by the columns before it as well. "
            "Choose a model of your own key, or wait for the next month (UTC).",
        ),
    ]
    assert (outlook.messages, outlook.used) == (5, 5)


def test_what_is_left_of_the_plan_is_said_alone_where_no_other_column_takes_of_it(one: TalkWorld) -> None:
    for left, are in ((1, "1 plan message is"), (2, "2 plan messages are")):
        use_up(one, 9 if left == 1 else 8)
        outlook = look(one, [ColumnSetup(PLAN)], asks=[Ask("Hi", repeats=3)])
        assert problems(outlook) == [(left, True, f"Only {left} of 3 can be asked: {are} left.")]
        with one.db.write_core() as connection:
            connection.execute(sa.delete(metadata.tables["attempt"]))


def test_a_plan_that_is_used_up_already_is_not_said_to_be_used_up_by_other_columns(one: TalkWorld) -> None:
    use_up(one, 10)
    ((messages, runs, problem),) = problems(look(one, [ColumnSetup(PLAN)]))
    assert (messages, runs) == (0, False)
    assert problem.startswith("This month's 10 plan messages are used up. Choose")


def test_a_company_without_own_keys_is_told_another_way_on(db: Database) -> None:
    with talk_world(db, plan="basic") as one:
        use_up(one, 3)
        ((_, _, problem),) = problems(look(one, [ColumnSetup(PLAN)]))
    assert "see in API Keys what Pro brings" in problem


@pytest.mark.parametrize("left", [0, 3, 5])
def test_what_was_told_to_run_is_what_is_sent(one: TalkWorld, left: int) -> None:
    use_up(one, 10 - left)
    setups = [ColumnSetup(PLAN), ColumnSetup(PLAN), ColumnSetup(BYOK, parameters=SHORT)]
    asks = [Ask("One"), Ask("Two", repeats=2), Ask("Three", to={setups[1].id, setups[2].id})]
    told = {one.column_id: one.messages for one in look(one, setups, asks=asks).columns}
    made = one.talk.send(one.ada, Message(asks, setups))
    refused = {setup.id: 0 for setup in setups}
    booked = dict(refused)
    for got in one.talk.answers(one.ada, made.answer_ids):
        kept = refused if "used up" in (got.error or "") else booked
        kept[got.column_id] += 1
    assert [booked[setup.id] for setup in setups[:2]] == [told[setup.id] for setup in setups[:2]]
    assert booked[setups[2].id] == 4


def test_a_column_that_is_not_asked_costs_nothing_and_holds_nothing(one: TalkWorld) -> None:
    setups = [ColumnSetup(BYOK), ColumnSetup(PLAN), ColumnSetup(BYOK, parameters=SHORT)]
    outlook = look(one, setups, asks=[Ask("Hi", to={setups[2].id})])
    assert [(told.at_most_pico, told.messages) for told in outlook.columns] == [(0, 0), (None, 0), (100_000, 0)]
    assert bound(outlook) == 100_000


def test_a_column_without_a_model_is_left_out(one: TalkWorld) -> None:
    assert look(one, [ColumnSetup(None)]).columns == ()


def test_after_a_downgrade_the_columns_on_own_keys_say_so(db: Database) -> None:
    with talk_world(db, plan="basic") as one:
        ((_, runs, problem),) = problems(look(one, [ColumnSetup(BYOK)]))
    assert (runs, problem) == (False, "Own keys are not part of it. Upgrade to Pro to use your own keys.")


OPENAI = ModelName.parse("byok:openai/gpt-5.4-mini")


def looked(world: KeyWorld, *setups: ColumnSetup) -> list[tuple[bool, str]]:
    service = Forecasts(
        db=world.db, plans=world.plans, catalogue=world.catalogue, routes=world.routes, price=PriceBook(db=world.db)
    )
    return [(told.runs, told.problem) for told in service.look(world.max, setups).columns]


def test_a_key_that_is_gone_is_told_before_sending(world: KeyWorld) -> None:
    assert looked(world, ColumnSetup(OPENAI)) == [(False, "There is no OpenAI key any more. Choose another model.")]
    key = world.saved("Team key")
    assert looked(world, ColumnSetup(OPENAI), ColumnSetup(OPENAI, key.id)) == [(True, ""), (True, "")]
    ((runs, problem),) = looked(world, ColumnSetup(OPENAI, new_id()))
    assert not runs
    assert "has been deleted" in problem


def test_a_key_that_cannot_be_read_is_told_before_sending(world: KeyWorld, db: Database, tmp_path: Path) -> None:
    world.saved("Team key")
    other = KeyWorld(db, home=tmp_path, master_keys=fresh_master_keys())
    ((runs, problem),) = looked(other, ColumnSetup(OPENAI))
    other.close()
    assert not runs
    assert problem == "The OpenAI key “Team key” cannot be read any more. An admin must enter it again in API Keys."


def test_a_plan_that_was_downgraded_is_told_before_sending(world: KeyWorld) -> None:
    world.saved("Team key")
    world.set_plan("basic")
    ((runs, problem),) = looked(world, ColumnSetup(OPENAI))
    assert not runs
    assert "Own keys are not part of the Basic plan." in problem


def test_one_column_that_cannot_run_keeps_no_other_from_being_told(one: TalkWorld) -> None:
    gone = ModelName("byok", "gone", "x")
    service = Forecasts(db=one.db, plans=PLANS, catalogue=CATALOGUE, routes=OwnRoutes(), price=PriceBook(db=one.db))
    good = ColumnSetup(OPENAI, parameters=SHORT)
    outlook = service.look(one.ada, [ColumnSetup(gone), good])
    assert [(told.provider, told.runs) for told in outlook.columns] == [("gone", False), ("OpenAI", True)]
    assert bound(outlook) == bound(outlook.columns[1])


def test_another_persons_conversation_is_not_found_be_it_shared_or_not(one: TalkWorld) -> None:
    asked, _ = one.ask("Hi")
    one.talk.share(one.ada, asked.conversation_id, shared=True)
    stranger = Author(one.db, slug="other")
    for who in (one.max, Actor(one.ada.company_id), Actor(stranger.company_id, stranger.person_id)):
        with pytest.raises(NotFoundError):
            forecasts(one).look(who, [ColumnSetup(BYOK)], conversation_id=asked.conversation_id)


def test_looking_ahead_writes_nothing_and_sends_nothing(one: TalkWorld) -> None:
    asked, _ = one.ask("Hi")
    one.fake.requests.clear()
    before = {name: rows(one.db, name) for name in ("attempt", "answer", "turn", "conversation")}
    setups = [ColumnSetup(BYOK, parameters=SHORT), ColumnSetup(PLAN)]
    look(one, setups, conversation_id=asked.conversation_id, asks=[Ask("Hi", repeats=5)])
    assert {name: rows(one.db, name) for name in before} == before
    assert one.fake.requests == []


def test_what_the_ledger_wrote_is_never_more_than_was_told(one: TalkWorld) -> None:

    def script(exchange: Exchange) -> None:
        exchange.text("x" * 400)
        exchange.finish("length", tokens=(30, 100))

    one.fake.script = script
    setup = ColumnSetup(BYOK, parameters=SHORT)
    asks = [Ask("One"), Ask("Two", repeats=2)]
    told = bound(look(one, [setup], asks=asks))
    talk: Conversations = one.talk
    made = talk.send(one.ada, Message(asks, [setup]))
    for answer_id in made.answer_ids:
        live = one.process.runner.live(answer_id)
        assert live is None or live.wait_end(timeout=10)
    assert sum(row["cost_pico"] for row in rows(one.db, "attempt")) == told


# Where a chatbot's settings name another model for when the plan is used up

LATER = ModelName("byok", "fake", "own-1")


def with_bot(one: TalkWorld, setups: Sequence[ColumnSetup], *, fallback: str = str(LATER), **more: Any) -> Outlook:
    bot = one.add_chatbot(model=str(PLAN), fallback_model=fallback)
    return look(one, setups, chatbot_id=bot, **more)


def test_before_sending_it_is_told_who_answers_and_who_pays_when_the_plan_is_used_up(one: TalkWorld) -> None:
    use_up(one, 10)
    outlook = with_bot(one, [ColumnSetup(PLAN, parameters=SHORT)], asks=[Ask("Hi")])
    assert problems(outlook) == [
        (0, True, "This month's 10 plan messages are used up: own-1 answers instead, billed to your Fake AI key.")
    ]
    assert [(part.source, part.key_hint, part.at_most_pico) for part in outlook.own] == [("byok", "4f2a", 100_000)]
    assert (outlook.messages, bound(outlook)) == (0, 100_000)


def test_what_the_plan_still_answers_of_a_race_is_not_billed(one: TalkWorld) -> None:
    use_up(one, 8)
    outlook = with_bot(one, [ColumnSetup(PLAN, parameters=SHORT)], asks=[Ask("Hi", repeats=5)])
    ((messages, runs, problem),) = problems(outlook)
    assert (messages, runs, bound(outlook)) == (2, True, 300_000)
    assert problem == (
        "2 of 5 draw down the plan, which is used up then: own-1 answers the others instead, billed to your Fake AI "
        "key."
    )


def test_a_begun_conversation_has_its_own_chatbot_whatever_is_named(one: TalkWorld) -> None:
    asked, _ = one.ask("Hi", model=BYOK)
    use_up(one, 10)
    outlook = with_bot(one, [ColumnSetup(PLAN)], conversation_id=asked.conversation_id)
    assert [told.runs for told in outlook.columns] == [False]


def test_a_fallback_that_cannot_be_asked_either_is_named_with_the_reason(one: TalkWorld) -> None:
    use_up(one, 10)
    ((_, runs, problem),) = problems(with_bot(one, [ColumnSetup(PLAN)], fallback="byok:fake/gone"))
    assert not runs
    assert problem == (
        "This month's 10 plan messages are used up. Choose a model of your own key, or wait for the next month (UTC). "
        "gone, which this chatbot's settings name instead, cannot be asked either: It is gone. Choose another model."
    )


@pytest.mark.parametrize("left", [0, 1, 4])
def test_who_was_told_to_answer_is_who_answers(one: TalkWorld, left: int) -> None:
    use_up(one, 10 - left)
    setups, asks = [ColumnSetup(PLAN, parameters=SHORT), ColumnSetup(PLAN)], [Ask("One"), Ask("Two", repeats=2)]
    bot = one.add_chatbot(model=str(PLAN), fallback_model=str(LATER))
    outlook = look(one, setups, chatbot_id=bot, asks=asks)
    made = one.ended(one.talk.send(one.ada, Message(asks, setups, chatbot_id=bot)))
    for told in outlook.columns:
        its = [got for got in made if got.column_id == told.column_id]
        assert told.messages == sum(got.instead_of is None for got in its)
        assert (told.instead is not None) == any(got.instead_of for got in its)
    assert {got.state for got in made} == {"complete"}
