"""What leaves the house of a conversation: the screen's figures to the digit, a run that runs again, no key."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from byok.core.catalogue import Catalogue
from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.core.price_book import PriceBook
from byok.core.wire import Usage
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.services.columns import ColumnSetup
from byok.services.conversation_views import Asked, ThreadView
from byok.services.messages import Ask, Message
from byok.services.numbers import numbers_of
from byok.services.run_export import CSV_HEAD, markdown, numbers_csv, run_file, usd
from byok.services.run_file import RunFile, prompt_hash
from byok.services.usage_table import usd as usage_usd
from tests.fake_provider import refuse
from tests.run_world import BYOK, PLAN, rows
from tests.services.answers import AT, answer, column, thread, turn
from tests.services.budget_world import allow, both_ways
from tests.services.talk_world import KEY_ID, TalkWorld, talk_world
from web import receipt as on_screen

HOSTILE = (
    "```python\nprint(1)",
    "~~~~\nnever closed",
    "<!-- never closed",
    "<details><script>alert(1)",
    "text\r## Message 9\r\r### Column 9: x",
    "## Message 9\n\n### Column 9: x",
    "a | b\n--|--\n1 | 2",
    "[one]: http://127.0.0.1/x\n\n[one]",
    "---\n***\n===",
    "> > deep\n- list\n    code",
    "text\n===",
)
TOLD = {"ttft_ms": 1234, "duration_ms": 61_234, "tokens_in": 12_480, "tokens_out": 4321, "tokens_reasoning": 321}


@pytest.fixture
def one(db: Database) -> Iterator[TalkWorld]:
    with talk_world(db) as made:
        yield made


def talk(*texts: str, question: str = "Hi", **fields: Any) -> ThreadView:
    """A conversation of one message; each text is a column's answer."""
    columns = [column(place) for place in range(len(texts))]
    answers = [answer(at.id, text=text, **fields) for at, text in zip(columns, texts, strict=True)]
    return thread(columns, [turn(answers, text=question)])


def table(found: ThreadView) -> list[dict[str, str]]:
    head, *lines = csv.reader(io.StringIO(numbers_csv(run_file(found, at=AT)).decode("utf-8-sig"), newline=""))
    assert tuple(head) == CSV_HEAD
    return [dict(zip(head, line, strict=True)) for line in lines]


def wait(one: TalkWorld, asked: Asked) -> ThreadView:
    for answer_id in asked.answer_ids:
        live = one.process.runner.live(answer_id)
        assert live is None or live.wait_end(timeout=10)
    return one.talk.thread(one.ada, asked.conversation_id)


def put_in(run: RunFile) -> list[tuple[Any, ...]]:
    """What a person put in, and the hash of it."""
    return [
        (
            turn.text,
            turn.repeats,
            one.column,
            one.version,
            one.model,
            one.parameters,
            one.system_prompt,
            one.prompt_sha256,
        )
        for turn in run.turns
        for one in turn.answers
    ]


def test_a_run_that_is_run_anew_has_the_same_prompts_parameters_models_and_hashes(one: TalkWorld) -> None:
    setups = [
        ColumnSetup(BYOK, KEY_ID, Parameters(temperature=0.3, max_tokens=50, stop=("END",)), "Be brief."),
        ColumnSetup(PLAN, parameters=Parameters(seed=7)),
    ]
    asks = [Ask("One"), Ask("Two", to={setups[0].id}, repeats=2), Ask("Three")]
    first = run_file(wait(one, one.talk.send(one.ada, Message(asks, setups))), at=utc_now())
    sent, one.fake.requests = one.fake.requests, []

    opened = RunFile.read(first.dump())
    anew = opened.setups()
    made = one.talk.send(one.ada, Message(opened.asks(anew), list(anew.values()), title=opened.title))
    again = run_file(wait(one, made), at=utc_now())

    assert put_in(again) == put_in(first)
    assert (again.title, again.columns) == (first.title, first.columns)
    assert [one.system_prompt for turn in again.turns for one in turn.answers] == [
        "Be brief.",
        "",
        *["Be brief."] * 3,
        "",
    ]
    assert [one.text_sha256 for turn in again.turns for one in turn.answers] == [
        one.text_sha256 for turn in first.turns for one in turn.answers
    ]
    by_words = sorted(map(json.dumps, sent)), sorted(map(json.dumps, one.fake.requests))
    assert by_words[0] == by_words[1]
    assert len(sent) == 6


def test_a_prompt_hash_can_be_reckoned_from_what_the_file_says(one: TalkWorld) -> None:
    setup = ColumnSetup(BYOK, parameters=Parameters(temperature=0.3), system_prompt="Be brief.")
    run = RunFile.read(
        run_file(wait(one, one.talk.send(one.ada, Message([Ask("A"), Ask("B")], [setup]))), at=AT).dump()
    )
    last = run.turns[1].answers[0]
    assert last.prompt_sha256 == prompt_hash(run.columns[0], ["A", "B"]) == prompt_hash(setup, ["A", "B"])


@pytest.mark.parametrize("put_in", [Parameters(), Parameters(temperature=0.3), Parameters(max_tokens=50)])
def test_a_budget_changes_what_an_answer_ran_with_and_not_the_hash_of_what_was_put_in(
    db: Database, put_in: Parameters
) -> None:
    with talk_world(db, price=both_ways) as one:
        runs = []
        for _ in range(2):
            setup = ColumnSetup(BYOK, parameters=put_in)
            runs.append(run_file(wait(one, one.talk.send(one.ada, Message([Ask("A")], [setup]))), at=AT))
            allow(one, 10**12)
        free, bound = (run.turns[0].answers[0] for run in runs)
        assert bound.parameters == {"max_tokens": 4096} | put_in.to_json()
        assert free.parameters == put_in.to_json()
        assert free.prompt_sha256 == bound.prompt_sha256 == prompt_hash(runs[1].columns[0], ["A"])


def test_nothing_of_a_key_is_in_any_export(one: TalkWorld) -> None:
    one.ask("One", key_id=KEY_ID)
    one.fake.script = refuse(401, "The key “Product team” is wrong.")
    asked, _ = one.ask("Two", key_id=KEY_ID)
    ledger = rows(one.db, "attempt")
    assert {(str(row["key_id"]), row["key_label"], row["key_hint"]) for row in ledger} == {
        (str(KEY_ID), "Product team", "4f2a")
    }
    run = run_file(one.talk.thread(one.ada, asked.conversation_id), at=AT)
    for made in (run.dump(), markdown(run), numbers_csv(run)):
        text = made.decode("utf-8-sig")
        assert "Two" in text
        for word in (
            str(KEY_ID),
            KEY_ID.hex,
            "Product team",
            "…4f2a",
            "key_id",
            "key_label",
            "key_hint",
            "fingerprint",
        ):
            assert word not in text


def test_the_label_of_a_key_that_a_refusal_named_is_not_exported() -> None:
    why = "Not sent. The Fake AI key “Team “A”” cannot be read any more. An admin must enter it again."
    run = run_file(talk("", error=why, state="failed", receipt=None), at=AT)
    assert run.turns[0].answers[0].error == (
        "Not sent. The Fake AI key cannot be read any more. An admin must enter it again."
    )


@pytest.mark.parametrize(("provider_id", "model"), [("openai", "gpt-5.4-mini"), ("groq", "openai/gpt-oss-120b")])
def test_the_prices_used_are_in_the_file_and_give_the_cost_again(db: Database, provider_id: str, model: str) -> None:
    usage = Usage(tokens_in=12_345, tokens_out=678)
    provider = Catalogue.load().get(provider_id)
    price = PriceBook(db=db)(provider, model=model, usage=usage, at=datetime(2026, 11, 20, tzinfo=UTC))
    assert price is not None
    figures = {
        "tokens_in": 12_345,
        "tokens_out": 678,
        "cost_pico": price.cost_pico,
        "price_origin": price.origin,
        "price_date": price.date,
        "price_in_pico": price.in_pico,
        "price_out_pico": price.out_pico,
    }
    run = RunFile.read(run_file(talk("Hello.", figures=figures), at=AT).dump())
    found = run.turns[0].answers[0]
    assert found.price is not None
    assert (found.price.origin, found.price.date) == (price.origin, "2026-11-20")
    assert found.price.in_usd_per_million is not None
    assert found.price.out_usd_per_million is not None
    each = 12_345 * found.price.in_usd_per_million + 678 * found.price.out_usd_per_million
    assert found.numbers.cost_usd == each / 1_000_000


def test_an_answer_without_a_price_has_none_in_the_file() -> None:
    (found,) = run_file(talk("Hello."), at=AT).turns[0].answers
    assert (found.price, found.numbers.cost_usd) == (None, None)


def test_the_file_the_table_and_the_screen_agree_to_the_digit() -> None:
    figures = {**TOLD, "cost_pico": 1_234_567_890_123, "price_origin": "list", "price_date": "2026-11-20"}
    found = talk("Hello.", figures=figures, reasoning="Hm.")
    shown = on_screen.line(found.turns[0].answers[0])
    assert shown == (
        "first token 1,234 ms · 61,234 ms in all · 66.7 tokens/s · 12,480 tokens in · 4,321 out (reasoning 321) · "
        "cost ≈ $1.234567890123 · finish: stop"
    )
    assert f"complete · {shown}" in markdown(run_file(found, at=AT)).decode()
    (row,) = table(found)
    assert {name: row[name] for name in CSV_HEAD[10:19]} == {
        "First token (ms)": "1234",
        "Duration (ms)": "61234",
        "Tokens/s": "66.7",
        "Tokens in": "12480",
        "Tokens out": "4321",
        "Tokens reasoning": "321",
        "Estimated cost (USD)": "1.234567890123",
        "Price origin": "list",
        "Price date": "2026-11-20",
    }


@given(st.fixed_dictionaries(dict.fromkeys((*TOLD, "cost_pico"), st.none() | st.integers(0, 2**63 - 1))))
def test_every_figure_of_the_table_is_the_one_that_numbers_of_gives(figures: dict[str, int | None]) -> None:
    found = talk("Hello.", figures=figures)
    n = numbers_of(found.turns[0].answers[0])
    (row,) = table(found)
    assert [row[name] for name in CSV_HEAD[10:16]] == [
        "" if figure is None else str(figure)
        for figure in (n.ttft_ms, n.duration_ms, n.tokens_per_s, n.tokens_in, n.tokens_out, n.tokens_reasoning)
    ]
    cost = row["Estimated cost (USD)"]
    assert (int(Decimal(cost).scaleb(12)) if cost else None) == n.cost_pico


def test_what_is_not_known_is_an_empty_cell_and_a_dash_and_never_0() -> None:
    found = talk("Hello.", finish_reason=None)
    (row,) = table(found)
    assert {row[name] for name in CSV_HEAD[10:19]} == {""}
    line = "first token — · — in all · — tokens/s · — tokens in · — out · cost —"
    assert on_screen.line(found.turns[0].answers[0]) == line
    assert f"complete · {line}" in markdown(run_file(found, at=AT)).decode()


def test_a_plan_message_has_no_cost_anywhere() -> None:
    found = talk("Hello.", figures={"source": "plan", "cost_pico": 5})
    (row,) = table(found)
    assert (row["Paid by"], row["Estimated cost (USD)"]) == ("plan", "")
    assert "plan message" in on_screen.line(found.turns[0].answers[0])
    assert "plan message" in markdown(run_file(found, at=AT)).decode()


def test_no_cell_of_the_table_is_computed_by_a_spreadsheet() -> None:
    evil = "=HYPERLINK(1)"
    found = talk("x", question=evil, error=f"+{evil}", finish_reason="@x", parameters=Parameters(stop=(evil, "\n=1")))
    (row,) = table(found)
    assert (row["Question"], row["Error"], row["Finish reason"]) == (f"'{evil}", f"'+{evil}", "'@x")
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row.values())


def headings(text: str) -> list[str]:
    """The headings that a reader sees outside of quotations."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [
        f"{token.tag} {tokens[place + 1].content}"
        for place, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0
    ]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_an_answer_leaves_open_ends_with_it(hostile: str) -> None:
    found = thread((own := [column(), column(1)]), [turn([answer(at.id, text=hostile) for at in own], text=hostile)])
    assert headings(markdown(run_file(found, at=AT)).decode()) == [
        "h1 A talk",
        "h2 Message 1",
        "h3 Column 1: byok:fake/fake-1",
        "h3 Column 2: byok:fake/fake-1",
    ]


@given(st.text(st.sampled_from("`~#>-=|<!*_[]: \n\r\tab1."), max_size=60))
def test_no_text_adds_or_takes_a_heading(text: str) -> None:
    found = thread(
        (own := [column(), column(1)]),
        [turn([answer(at.id, text=text, error=text) for at in own], text=f"x{text}")],
        title=text,
    )
    made = headings(markdown(run_file(found, at=AT)).decode())
    assert [heading[:2] for heading in made] == ["h1", "h2", "h3", "h3"]


def test_a_quoted_answer_is_still_the_answers_markdown() -> None:
    text = "Look:\n\n```python\nprint('<b>')\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    made = markdown(run_file(talk(text), at=AT)).decode()
    tokens = MarkdownIt("commonmark").enable("table").parse(made)
    assert [token.content for token in tokens if token.type == "fence"] == ["print('<b>')\n"]
    assert "table_open" in [token.type for token in tokens]


def test_a_conversation_without_a_message_yet_can_be_exported() -> None:
    run = run_file(thread([column()], []), at=AT)
    assert RunFile.read(run.dump()) == run
    assert markdown(run).decode().startswith("# A talk\n")
    assert numbers_csv(run).decode("utf-8-sig").count("\r\n") == 1


def test_branches_versions_and_removed_columns_are_all_in_the_file() -> None:
    kept, gone = column(), column(1, removed=True)
    first = turn([answer(kept.id), answer(kept.id, version=2), answer(gone.id)])
    edited, newest = (turn([answer(kept.id)], text=text, parent=first.id) for text in ("So?", "And?"))
    whole = thread([kept, gone], [first, edited, newest])
    run = run_file(whole, at=AT)
    assert [(one.turn, one.follows, one.columns, len(one.answers)) for one in run.turns] == [
        (1, None, [1, 2], 3),
        (2, 1, [1], 1),
        (3, 1, [1], 1),
    ]
    assert [one.removed for one in run.columns] == [False, True]
    assert (run.newest, run_file(whole, at=AT, through=edited.id).newest) == (3, 2)


def test_moments_are_utc_and_say_so() -> None:
    run = run_file(talk("Hello."), at=AT)
    assert run.made_at == run.turns[0].answers[0].started_at == "2026-11-23T12:00:00.000000Z"


@pytest.mark.parametrize("pico", [None, 0, 1, 7_000, 10**12, 5 * 10**15, 2**63 - 1])
def test_money_is_exact_and_the_same_as_on_the_usage_page(pico: int | None) -> None:
    found, there = usd(pico), usage_usd(pico)
    assert (found is None) == (there is None)
    if found is not None and there is not None:
        assert found == Decimal(there)
        assert "E" not in f"{found:f}"


def test_models_of_the_columns_are_named_with_who_pays() -> None:
    run = run_file(thread([column(model=ModelName("plan", "local", "m"))], []), at=AT)
    assert run.columns[0].model == "plan:local/m"
    assert isinstance(run.setups()[1].id, UUID)


def test_a_system_prompt_with_a_character_that_no_database_takes_is_kept_without_it(any_db: Database) -> None:
    with talk_world(any_db) as one:
        found = wait(one, one.talk.send(one.ada, Message([Ask("Hi")], [ColumnSetup(BYOK, system_prompt="a\0b")])))
        assert one.fake.requests[-1]["messages"][0] == {"role": "system", "content": "a\ufffdb"}
        run = run_file(found, at=AT)
        assert RunFile.read(run.dump()) == run
