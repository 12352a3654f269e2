"""Run files: what is written is read again, and a file that is none is refused with the place where it is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byok.core.parameters import Parameters
from byok.ground.errors import InvalidInputError
from byok.services.columns import ColumnSetup
from byok.services.messages import MOST_TURNS, Message
from byok.services.run_export import run_file
from byok.services.run_file import LARGEST, RunFile, prompt_hash, text_hash
from tests.services.answers import AT, MODEL, answer, column, thread, turn

Change = Callable[[dict[str, Any]], object]
COUNTS = st.none() | st.integers(0, 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
PARAMETERS = st.builds(
    Parameters,
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0.01, 1),
    max_tokens=st.none() | st.integers(1, 200_000),
    seed=st.none() | st.integers(0, 2**31 - 1),
    stop=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), max_size=4)
    .map(tuple)
    .filter(lambda stops: all(len(one) <= 100 for one in stops)),
)
FIGURES = st.fixed_dictionaries(
    {
        **dict.fromkeys(("ttft_ms", "duration_ms", "tokens_in", "tokens_out", "tokens_cached"), COUNTS),
        **dict.fromkeys(("tokens_reasoning", "cost_pico", "price_in_pico", "price_out_pico"), COUNTS),
        "price_origin": st.none() | st.just("genai-prices 0.2.3"),
        "price_date": st.just("2026-11-23"),
        "source": st.sampled_from(["byok", "plan"]),
    }
)


def small() -> dict[str, Any]:
    """A run of two messages, as it stands in its file."""
    one, two = column(), column(1)
    first = turn([answer(one.id), answer(two.id)])
    second = turn([answer(one.id, figures={"cost_pico": 7, "tokens_out": 3})], text="And then?", parent=first.id)
    made: dict[str, Any] = json.loads(run_file(thread([one, two], [first, second]), at=AT).dump())
    return made


def read(run: object) -> RunFile:
    return RunFile.read(json.dumps(run).encode())


def why_not(data: bytes) -> str:
    with pytest.raises(InvalidInputError) as refused:
        RunFile.read(data)
    message = str(refused.value)
    assert len(message) < 700
    assert message.isprintable()
    return message


@given(figures=FIGURES, parameters=PARAMETERS, texts=st.lists(TEXTS, min_size=4, max_size=4), repeats=st.integers(1, 5))
def test_a_run_is_read_as_it_was_written(
    figures: dict[str, Any], parameters: Parameters, texts: list[str], repeats: int
) -> None:
    title, asked, said, reasoned = texts
    one = column(parameters=parameters, system_prompt=asked)
    answers = [
        answer(one.id, version=version, text=said, reasoning=reasoned, figures=figures, parameters=parameters)
        for version in range(1, repeats + 1)
    ]
    run = run_file(thread([one], [turn(answers, text=f"Q{asked}", repeats=repeats)], title=title), at=AT)
    again = RunFile.read(run.dump())
    assert again == run
    assert again.dump() == run.dump()
    (setup,) = again.setups().values()
    assert (setup.model, setup.parameters, setup.system_prompt) == (MODEL, parameters, asked)


def test_a_file_may_begin_with_a_byte_order_mark() -> None:
    assert RunFile.read(b"\xef\xbb\xbf" + json.dumps(small()).encode()) == read(small())


def put(path: str, value: object) -> Change:
    """Sets what stands at a path such as `turns.0.text`; numbers are places in lists."""

    def change(run: dict[str, Any]) -> None:
        *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
        at: Any = run
        for step in way:
            at = at[step]
        at[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (put("version", 2), "version"),
        (put("format", "other"), "format"),
        (put("surprise", 1), "surprise"),
        (put("columns.0.key_id", "x"), "columns.0.key_id"),
        (put("turns.0.answers.0.numbers.speed", 1), "turns.0.answers.0.numbers.speed"),
        (put("columns", []), "columns"),
        (put("columns.0.model", "gpt"), "columns.0.model"),
        (put("columns.0.parameters", {"temperature": 9}), "columns.0.parameters: temperature"),
        (put("columns.0.parameters", {"tools": []}), "columns.0.parameters: There is no parameter 'tools'"),
        (put("columns.0.parameters", {"temperature": float("nan")}), "columns.0.parameters: temperature"),
        (put("columns.0.parameters", {"seed": 10**400}), "columns.0.parameters: seed"),
        (put("columns.0.parameters", {"max_tokens": True}), "columns.0.parameters: max_tokens"),
        (put("columns.0.parameters", {"stop": ["\ud800"]}), "columns.0.parameters: A stop text"),
        (put("columns.0.parameters", {"stop": ["a\0"]}), "columns.0.parameters: A stop text"),
        (put("columns.0.parameters", {"stop": [["a"]]}), "columns.0.parameters: A stop text"),
        (put("columns.0.removed", "no"), "columns.0.removed"),
        (put("columns.0.column", True), "columns.0.column"),
        (put("columns.0.column", 2), "two columns have one number"),
        (put("columns.0.system_prompt", "x" * 100_001), "columns.0.system_prompt"),
        (put("turns.0.text", " \n"), "turns.0.text: the message is empty"),
        (put("turns.0.text", "\ud800"), "turns.0.text"),
        (put("turns.0.text", "x" * 200_001), "turns.0.text"),
        (put("turns.0.repeats", 6), "turns.0.repeats"),
        (put("turns.0.repeats", float("inf")), "turns.0.repeats"),
        (put("turns.0.columns", [3]), "turn 1 names a column that is not there"),
        (put("turns.0.answers.0.column", 3), "turn 1 names a column that is not there"),
        (put("turns.0.answers.0.column", 2), "turn 1 has two answers of one column and version"),
        (put("turns.0.answers.0.numbers.cost_usd", "NaN"), "turns.0.answers.0.numbers.cost_usd"),
        (put("turns.0.answers.0.numbers.cost_usd", float("nan")), "turns.0.answers.0.numbers.cost_usd"),
        (put("turns.0.answers.0.numbers.cost_usd", "1e999999999"), "turns.0.answers.0.numbers.cost_usd"),
        (put("turns.0.answers.0.numbers.cost_usd", "1e-999999999"), "turns.0.answers.0.numbers.cost_usd"),
        (put("turns.0.answers.0.numbers.cost_usd", "-1"), "turns.0.answers.0.numbers.cost_usd"),
        (put("turns.0.answers.0.numbers.tokens_per_s", "1e99999"), "turns.0.answers.0.numbers.tokens_per_s"),
        (put("turns.0.answers.0.numbers.tokens_in", 2**63), "turns.0.answers.0.numbers.tokens_in"),
        (put("turns.0.answers.0.numbers.tokens_in", -1), "turns.0.answers.0.numbers.tokens_in"),
        (put("turns.0.answers.0.state", "lost"), "turns.0.answers.0.state"),
        (put("turns.0.follows", 1), "turn 1 follows turn 1, which does not stand before it"),
        (put("turns.0.follows", 2), "turn 1 follows turn 2, which does not stand before it"),
        (put("turns.1.turn", 1), "two turns have the number 1"),
        (put("newest", 9), "there is no turn 9"),
        (put("title", "x" * 201), "title"),
        (put("x" * 100_000, 1), "xxx"),
        (put("\ud800\n*bold*", 1), "no run file"),
        (put("columns.0.model", "x" * 100_000), "columns.0.model"),
    ],
)
def test_a_file_with_a_mistake_is_refused_and_the_place_is_named(change: Change, place: str) -> None:
    run = small()
    change(run)
    assert place in why_not(json.dumps(run).encode())


def test_columns_that_were_all_removed_cannot_be_asked() -> None:
    run = small()
    for one in run["columns"]:
        one["removed"] = True
    assert "1 to 8 columns can be asked, not 0" in why_not(json.dumps(run).encode())


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "line 1, column 1"),
        (b"# A talk", "line 1, column 1"),
        (b'{"format":\n "aimy', "line 2, column 2"),
        (b"\xff\xfe\xff", "not JSON"),
        (b"[" * 1_000_000, "not JSON"),
        (b'{"a":' * 1_000_000, "not JSON"),
        (b"1" * 10_000, "not JSON"),
        (b"[]", "the file"),
        (b"null", "the file"),
        (b"NaN", "the file"),
        (b" " * (LARGEST + 1), "larger than 50 MB"),
    ],
)
def test_what_is_no_run_file_at_all_is_refused(data: bytes, place: str) -> None:
    assert place in why_not(data)


def test_nesting_that_json_still_takes_is_refused_at_its_place() -> None:
    deep = json.dumps(small()).replace('"newest": 2', '"newest": ' + "[" * 400 + "]" * 400)
    assert "newest" in why_not(deep.encode())


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda one: st.lists(one, max_size=3)))
def test_whatever_stands_in_a_place_is_read_or_refused_but_never_raises_anything_else(value: Any) -> None:
    for path in ("turns.0.columns", "columns.0.parameters", "turns.0.answers.0.numbers", "newest", "title"):
        run = small()
        put(path, value)(run)
        with suppress(InvalidInputError):
            assert RunFile.read(read(run).dump()) == read(run)


def test_characters_that_no_database_takes_are_replaced() -> None:
    run = small()
    put("turns.0.text", "a\0b")(run)
    put("columns.0.system_prompt", "\0")(run)
    found = read(run)
    assert (found.turns[0].text, found.columns[0].system_prompt) == ("a\ufffdb", "\ufffd")


def test_the_branch_to_run_anew_is_the_newest_unless_another_is_named() -> None:
    run = small()
    run["turns"].append({**run["turns"][1], "turn": 3, "text": "Or then?"})
    for newest, texts in ((None, ["Hi", "Or then?"]), (2, ["Hi", "And then?"]), (1, ["Hi"])):
        found = read({**run, "newest": newest})
        assert [ask.text for ask in found.asks(found.setups())] == texts


def test_each_message_goes_to_the_columns_it_was_put_to_without_removed_ones() -> None:
    run = small()
    run["turns"][0]["repeats"] = 3
    found = read(run)
    setups = found.setups()
    first, second = found.asks(setups)
    assert (first.to, first.repeats) == ({setups[1].id, setups[2].id}, 3)
    assert second.to == {setups[1].id}
    run["columns"][0]["removed"] = True
    found = read(run)
    setups = found.setups()
    assert [(ask.text, ask.to) for ask in found.asks(setups)] == [("Hi", {setups[2].id})]


def test_a_run_without_a_message_that_can_be_asked_says_so() -> None:
    for turns in ([], [{**small()["turns"][0], "columns": [], "answers": []}]):
        found = read({**small(), "turns": turns, "newest": None})
        with pytest.raises(InvalidInputError, match="not 0"):
            found.asks(found.setups())


def test_a_run_of_too_many_messages_is_refused() -> None:
    one = {**small()["turns"][0], "answers": []}
    many = [{**one, "turn": place, "follows": place - 1 or None} for place in range(1, 5_000)]
    found = read({**small(), "turns": many, "newest": None})
    with pytest.raises(InvalidInputError, match=f"1 to {MOST_TURNS} messages"):
        found.asks(found.setups())


def test_what_a_file_asks_can_be_sent() -> None:
    found = read(small())
    setups = found.setups()
    asks = found.asks(setups)
    assert Message(asks, list(setups.values()), title=found.title).checked().asks == asks


def test_a_prompt_hash_tells_apart_all_that_a_person_put_in_and_nothing_else() -> None:
    plain = ColumnSetup(MODEL)
    same = prompt_hash(plain, ["Hi"])
    assert prompt_hash(ColumnSetup(MODEL), ["Hi"]) == same
    others = [
        prompt_hash(plain, ["Hi", "Hi"]),
        prompt_hash(plain, ["Hi "]),
        prompt_hash(ColumnSetup(MODEL, system_prompt="Be brief."), ["Hi"]),
        prompt_hash(ColumnSetup(MODEL, parameters=Parameters(seed=1)), ["Hi"]),
        prompt_hash(ColumnSetup(MODEL, parameters=Parameters(stop=("Hi",))), ["Hi"]),
        prompt_hash(ColumnSetup(type(MODEL)("plan", "fake", "fake-1")), ["Hi"]),
    ]
    assert len({same, *others}) == 1 + len(others)


def test_a_whole_number_and_its_fraction_have_one_prompt_hash() -> None:
    hashes = set()
    for number in (1, 1.0):
        written = small()
        written["columns"][0]["parameters"] = {"temperature": number, "top_p": number}
        run = read(written)
        hashes |= {prompt_hash(run.columns[0], ["Hi"]), prompt_hash(run.setups()[1], ["Hi"])}
    assert len(hashes) == 1


def test_a_text_hash_is_the_sha_256_of_its_utf_8() -> None:
    assert text_hash("héllo") == "3c48591d8d098a4538f5e013dfcf406e948eac4d3277b10bf614e295d6068179"
    assert text_hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_costs_are_exact_in_the_file() -> None:
    cost = 9_007_199_254_740_993  # more than a float holds
    one = column()
    run = run_file(thread([one], [turn([answer(one.id, figures={"cost_pico": cost})])]), at=AT)
    found = RunFile.read(run.dump()).turns[0].answers[0].numbers.cost_usd
    assert found == Decimal(cost).scaleb(-12)
