"""Scrubbing: nothing key-like in a provider's words comes through, and what helps a person does."""

from __future__ import annotations

import pytest

from byok.core.wire import scrub

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


def test_the_words_are_one_line_of_at_most_500_characters() -> None:
    assert scrub("a\r\n\tb\x00\x1b[31mc\u2028d") == "a b [31mc d"
    assert len(scrub("word " * 1000)) == 500


def test_a_hostile_text_is_scrubbed_in_no_time() -> None:
    scrub("-" * 1_000_000 + "*" * 1_000_000)
    scrub("a1_" * 1_000_000)
    scrub("x" * 1_000_000)
