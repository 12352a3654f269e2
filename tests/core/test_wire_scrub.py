"""Scrubbing: nothing key-like in a provider's words comes through, and what helps a person does."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from byok.core.catalogue import Catalogue
from byok.core.wire import scrub
from byok.core.wire.answer import AnswerReader
from byok.core.wire.lists import chat_models
from byok.core.wire.scrub import holds

KEYS = [
    "-".join(("sk", "proj", "aB3" * 20)),
    "-".join(("sk", "or", "v1", "a1" * 32)),
    "-".join(("sk", "ant", "api03", "aB3" * 30)),
    "_".join(("gsk", "aB3" * 17)),
    "AIza" + "Sy-_" * 8,
    "AQ." + "Ab8" * 14,
    "_".join(("tgp", "v1", "aB-" * 14)),
    "-".join(("nvapi", "aB3" * 21)),
    "aB3" * 11,
    "a1" * 32,
    "-".join(("sk", "proj", "*" * 20 + "4f2a")),
    "Bearer " + "abc" * 4,
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_any_form_is_hidden(key: str) -> None:
    assert scrub(f"Incorrect API key provided: {key}. Find yours on the page.") in (
        "Incorrect API key provided: [hidden]. Find yours on the page.",
        "Incorrect API key provided: [hidden] Find yours on the page.",
    )


@pytest.mark.parametrize(
    "words",
    [
        "The model `meta-llama/Llama-3.3-70B-Instruct-Turbo` does not exist.",
        "Function '0e349b44-440a-44e1-93e9-abe8dcb27158': Not found for account",
        "Rate limit reached for gpt-5.4-nano-2026-03-17: limit 30000, used 29000.",
        "API_KEY_SERVICE_BLOCKED: Requests to this API are blocked.",
        "max_completion_tokens is not supported; see https://docs.example.com/guides/errors.",
    ],
)
def test_words_that_help_come_through(words: str) -> None:
    assert scrub(words) == words


def test_a_known_secret_is_hidden_in_whole_and_in_part_whatever_its_form() -> None:
    secret = "plain words of a key"
    said = scrub(f"got '{secret}', or {secret[:8]}... or ...{secret[-8:]}", secrets=(secret,))
    assert "plain" not in said
    assert "a key" not in said


@pytest.mark.parametrize("digits", [True, False])
def test_a_known_secret_is_hidden_in_hexadecimal_and_base64(digits: bool) -> None:
    secret = "0123456789" * 3 if digits else "abcdefgh-" * 3  # no rule about how keys look would find these
    coded = secret.encode().hex(), base64.b64encode(f":{secret}".encode()).decode()
    for form in coded:
        shown = scrub(f"bad key ({form}).", secrets=(secret,))
        assert "[hidden]" in shown
        assert not any(form[at : at + 8] in shown for at in range(len(form) - 7))
        assert holds(form, (secret,))


def test_the_words_are_one_line_of_at_most_500_characters() -> None:
    assert scrub("a\r\n\tb\x00\x1b[31mc\u2028d") == "a b [31mc d"
    assert len(scrub("word " * 1000)) == 500


def test_a_hostile_text_is_scrubbed_in_no_time() -> None:
    scrub("-" * 1_000_000 + "*" * 1_000_000)
    scrub("a1_" * 1_000_000)
    scrub("x" * 1_000_000)


@pytest.mark.parametrize("key", KEYS[:9])
def test_a_name_that_repeats_a_key_or_a_piece_of_it_is_noticed(key: str) -> None:
    for name in (key, f"the model of {key}", key[:8], f"x{key[-8:]}", f"x{key[5:17]}"):
        assert holds(name, (key,))
    assert not holds("meta-llama/Llama-3.3-70B-Instruct-Turbo", (key,))
    assert not holds("anything", ())


@pytest.mark.parametrize(
    ("named", "kept"),
    [("gpt-5.4-mini", "gpt-5.4-mini"), ("a\n\n![b](c)", "a ![b](c)"), ("KEY", None), ("for KEY", None)],
)
def test_what_an_answer_calls_its_model_is_one_line_and_never_the_key(named: str, kept: str | None) -> None:
    reader = AnswerReader(Catalogue.load().get("openai"), headers={}, secrets=(KEYS[0],))
    named = named.replace("KEY", KEYS[0])
    reader.take(json.dumps({"model": named, "choices": [{"delta": {"content": "Yes."}}]}).encode())
    assert reader.end().model == kept


def test_a_list_that_repeats_the_key_is_read_without_those_rows() -> None:
    rows: list[Mapping[str, Any]] = [{"id": "gpt-5.4"}, {"id": KEYS[0]}, {"id": f"gpt-{KEYS[0]}"}]
    found = chat_models(Catalogue.load().get("openai"), rows, secrets=(KEYS[0],))
    assert [model.id for model in found] == ["gpt-5.4"]
