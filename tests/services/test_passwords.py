"""What a password must be, and what it may be."""

from __future__ import annotations

import unicodedata

import bcrypt
import pytest
from pydantic import SecretStr

from byok.ground.errors import InvalidInputError
from byok.services.passwords import compared, hash_password, is_nobody, judge, matches, nobody
from tests.services.door_world import CHEAP

GOOD = (
    "correct horse",
    "  spaces at both ends  ",
    "мой дядя самых",
    "你好世界这是我的密码",
    "naïve café owls",
    "🦉🐝🦊🐢🦀🐙🐌🦋🐞🦜",
    "x7#Kq!v9Lm2$",
    "4829173650",
)


@pytest.mark.parametrize("text", GOOD)
def test_any_script_spaces_and_signs_are_welcome(text: str) -> None:
    judge(SecretStr(text), names=("alice", "Acme"))
    hashed = hash_password(SecretStr(text), cost=CHEAP)
    assert matches(SecretStr(text), hashed)
    assert not matches(SecretStr(text.strip() + "x"), hashed)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ten minus1"[:9], "at least 10"),
        ("", "at least 10"),
        ("aäöü" * 14, "at most 72 bytes; this one has 98"),
        ("1234567890", "common"),
        ("QWERTYuiop", "common"),
        ("password2026!", "common"),
        ("!!Sunshine99", "common"),
        ("aaaaaaaaaaaaaa", "same few characters"),
        ("abcabcabcabc", "same few characters"),
        ("northwind-2026", "name"),
        ("Northwind Labs!", "name"),
        ("tab\tin the middle", "cannot be typed"),
        ("nul\x00in the middle", "cannot be typed"),
    ],
)
def test_what_is_guessed_first_or_cannot_be_kept_whole_is_refused_without_an_echo(text: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why) as refused:
        judge(SecretStr(text), names=("northwind", "Northwind Labs"))
    assert not text or text not in str(refused.value)


def test_a_short_name_within_a_long_password_is_no_reason_to_refuse_it() -> None:
    judge(SecretStr("ada and the tin drum"), names=("ada", "Acme"))
    judge(SecretStr("ada17482950163"[:3] + "#k2v9q7x1z"), names=("ad",))


def test_letters_that_are_typed_as_other_code_points_are_the_same_password() -> None:
    composed = unicodedata.normalize("NFC", "schöne grüße")
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    for kept, typed in ((composed, decomposed), (decomposed, composed)):
        assert matches(SecretStr(typed), hash_password(SecretStr(kept), cost=CHEAP))


def test_a_hash_from_before_there_was_one_form_goes_on_working() -> None:
    decomposed = unicodedata.normalize("NFD", "schöne grüße")
    before = bcrypt.hashpw(decomposed.encode(), bcrypt.gensalt(CHEAP)).decode()
    assert matches(SecretStr(decomposed), before)


def test_seventy_two_bytes_are_kept_whole_and_no_more_are_read() -> None:
    whole = "äöüéåø" * 6
    hashed = hash_password(SecretStr(whole), cost=CHEAP)
    assert matches(SecretStr(whole), hashed)
    assert not matches(SecretStr(whole + "x"), hashed)
    assert not matches(SecretStr(whole[:-1]), hashed)


def test_no_password_is_that_of_nobody() -> None:
    assert is_nobody(nobody(cost=CHEAP))
    assert not is_nobody(hash_password(SecretStr("correct horse"), cost=CHEAP))
    for text in ("", ".", "." * 53, nobody(cost=CHEAP), "correct horse"):
        assert not matches(SecretStr(text), nobody(cost=CHEAP))


def test_a_text_that_cannot_be_compared_is_wrong_and_breaks_nothing() -> None:
    for text in ("\ud800", "x" * 73):
        assert not compared(text, nobody(cost=CHEAP), by=lambda a, b: bcrypt.checkpw(a.encode(), b.encode()))
