"""Parameters: what can be sent goes to JSON and back, all else is refused and its field named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byok.core.parameters import Parameters
from byok.ground.errors import InvalidInputError

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
SENDABLE = st.builds(
    Parameters,
    temperature=st.none() | st.floats(0, 2) | st.integers(0, 2),
    top_p=st.none() | st.floats(0, 1, exclude_min=True),
    max_tokens=st.none() | st.integers(1, 200_000),
    seed=st.none() | st.integers(0, 2**31 - 1),
    stop=st.lists(st.text(LETTERS, min_size=1, max_size=100), max_size=4).map(tuple),
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=6,
)


@given(SENDABLE)
def test_what_can_be_sent_comes_back_from_json_as_it_was(parameters: Parameters) -> None:
    assert parameters.checked() is parameters
    assert Parameters.of(json.loads(json.dumps(parameters.to_json()))) == parameters


def test_a_whole_number_of_a_file_is_the_same_parameter_as_its_fraction() -> None:
    whole = Parameters.of({"temperature": 1, "top_p": 1, "max_tokens": 1, "seed": 1}).to_json()
    assert json.dumps(whole) == '{"temperature": 1.0, "top_p": 1.0, "max_tokens": 1, "seed": 1}'


def test_what_is_not_set_is_not_written_and_nought_is_set() -> None:
    assert Parameters().to_json() == {}
    assert Parameters(temperature=0.0, seed=0).to_json() == {"temperature": 0.0, "seed": 0}
    nothing: dict[str, Any] = dict.fromkeys(("temperature", "top_p", "max_tokens", "seed", "stop"))
    assert Parameters.of(nothing) == Parameters.of({}) == Parameters()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("temperature", -0.1, "temperature must be between 0 and 2."),
        ("temperature", 2.1, "temperature must be between 0 and 2."),
        ("temperature", float("nan"), "temperature must be between 0 and 2."),
        ("temperature", 10**400, "temperature must be between 0 and 2."),
        ("temperature", "1", "temperature must be a number."),
        ("temperature", True, "temperature must be a number."),
        ("top_p", 0, "top_p must be above 0."),
        ("top_p", 1.01, "top_p must be between 0 and 1."),
        ("max_tokens", 0, "max_tokens must be between 1 and 200,000."),
        ("max_tokens", 200_001, "max_tokens must be between 1 and 200,000."),
        ("max_tokens", 5.0, "max_tokens must be a whole number."),
        ("max_tokens", True, "max_tokens must be a whole number."),
        ("seed", -1, "seed must be between 0 and 2,147,483,647."),
        ("seed", 2**31, "seed must be between 0 and 2,147,483,647."),
        ("seed", "7", "seed must be a whole number."),
        ("stop", "END", "stop must be a list of texts."),
        ("stop", "", "stop must be a list of texts."),
        ("stop", ["a", "b", "c", "d", "e"], "At most 4 stop texts can be sent."),
        ("stop", [""], "A stop text has 1 to 100 characters."),
        ("stop", ["x" * 101], "A stop text has 1 to 100 characters."),
        ("stop", [None], "A stop text has 1 to 100 characters."),
        ("top_k", 5, "There is no parameter 'top_k'."),
    ],
)
def test_what_cannot_be_sent_is_refused_and_its_field_named(field: str, value: object, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Parameters.of({field: value})
    assert (caught.value.message, caught.value.field) == (words, field)


@given(st.dictionaries(st.sampled_from(["temperature", "top_p", "max_tokens", "seed", "stop", "n"]), ANYTHING))
def test_whatever_a_file_holds_is_taken_as_it_is_or_refused(values: dict[str, Any]) -> None:
    try:
        parameters = Parameters.of(values)
    except InvalidInputError as error:
        refused = error.field
    else:
        assert parameters.to_json() == {name: value for name, value in values.items() if value not in (None, [])}
        return
    assert refused in values
