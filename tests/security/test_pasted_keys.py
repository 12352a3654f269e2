"""Threat 12: what is pasted with odd characters is refused in plain words that do not repeat it.

Nothing of it is sent, and nothing is stored. What a copy only wraps around a key is taken off instead.
"""

# ruff: noqa: F401, F811 - fixtures are shared with other files

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from pydantic import SecretStr

from byok.cli.main import run
from byok.core.vault import clean_key
from byok.ground.errors import InvalidInputError
from byok.ground.tables import ApiKey, KeyDraft
from tests.canary import told
from tests.pages.front import press, words
from tests.security.canary_world import OVERLAY, Mine, holder, mine, paste_on_page, patience, plain
from tests.security.conftest import Tally

pytestmark = pytest.mark.threat(12)

# What no header may hold, or no key has: put into the middle of a key.
INSIDE: Mapping[str, str] = MappingProxyType(
    {
        "newline": "\n",
        "carriage return": "\r",
        "CRLF": "\r\n",
        "a header": "\r\nX-Injected: 1\r\n",
        "a second request": "\r\n\r\nGET /stolen HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "a folded header": "\r\n\tfolded",
        "NUL": "\0",
        "bell": "\a",
        "backspace": "\b",
        "escape": "\x1b[31m",
        "delete": "\x7f",
        "vertical tab": "\v",
        "form feed": "\f",
        "tab": "\t",
        "space": " ",
        "two spaces": "  ",
        "file separator": "\x1c",
        "unit separator": "\x1f",
        "next line": "\x85",
        "no-break space": "\xa0",
        "soft hyphen": "\xad",
        "e acute": "é",
        "sharp s": "ß",
        "y diaeresis": "ÿ",
        "en dash": "\u2013",
        "em dash": "\u2014",
        "minus": "\u2212",
        "curly quotes": "\u201c\u201d",
        "ellipsis": "\u2026",
        "zero-width space": "\u200b",
        "zero-width joiner": "\u200d",
        "zero-width non-joiner": "\u200c",
        "word joiner": "\u2060",
        "byte order mark": "\ufeff",
        "right-to-left override": "\u202e",
        "left-to-right mark": "\u200e",
        "line separator": "\u2028",
        "paragraph separator": "\u2029",
        "thin space": "\u2009",
        "ideographic space": "\u3000",
        "combining accent": "\u0301",
        "a Cyrillic a": "а",
        "a Greek o": "ο",
        "a full-width letter": "ａ",
        "a full-width digit": "１",
        "an Arabic digit": "١",
        "an emoji": "🔑",
        "a flag": "🇨🇭",
        "half a surrogate pair": "\ud800",
        "the other half": "\udfff",
        "a private character": "\ue000",
        "no character": "\ufffe",
        "the replacement character": "\ufffd",
    }
)
# What a copy leaves around a key, and what is no key as a whole.
AROUND = ("\n", "\r\n", " ", "\t", "\u200b", "\ufeff", "\xa0", "\u2060", "\u3000", "\v")
WHOLE: Mapping[str, str] = MappingProxyType(
    {
        "nothing": "",
        "blanks": " \n\t ",
        "invisible": "\u200b\ufeff",
        "short": "sk-1234",
        "long": "k" * 513,
        "very long": "k" * 1_000_000,
        "a word before it": "Bearer {}",
        "a header before it": "Authorization: {}",
        "an assignment": "export OPENAI_API_KEY = {}",
        "two of them": "{}\n{}",
    }
)


def spoilt(key: str) -> dict[str, str]:
    """What is pasted, by what is wrong with it."""
    inside = {name: f"{key[:9]}{odd}{key[9:]}" for name, odd in INSIDE.items()}
    return inside | {name: text.replace("{}", key) for name, text in WHOLE.items()}


def test_no_malformed_key_is_sent_stored_or_repeated(mine: Mine, tally: Tally) -> None:
    saved = mine.saved()
    before, asked = mine.front.rows(ApiKey)[0].ciphertext, len(mine.provider.asked)
    for what, pasted in spoilt(mine.canary.key).items():
        secret = SecretStr(pasted)
        for call in (
            lambda secret=secret: mine.bench.keys.draft(mine.ada, provider_id="openai", pasted=secret),
            lambda secret=secret: mine.bench.keys.draft(
                mine.ada, provider_id="openai", pasted=secret, replaces=saved.id
            ),
            lambda secret=secret: mine.bench.key_check.check(provider_id="openai", pasted=secret),
        ):
            tally.tried()
            with pytest.raises(InvalidInputError) as refused:
                call()
            mine.seen.append(told(refused.value))
            assert refused.value.field == "key", what
            assert refused.value.next_step
            assert len(str(refused.value)) < 200
    assert mine.provider.asked[asked:] == []
    assert mine.front.rows(KeyDraft) == []
    assert [row.ciphertext for row in mine.front.rows(ApiKey)] == [before]
    mine.assert_silent(tally)


def test_what_a_copy_wraps_around_a_key_is_taken_off_and_the_key_alone_is_sent(mine: Mine, tally: Tally) -> None:
    for before in AROUND:
        for after in AROUND:
            tally.tried()
            assert clean_key(f"{before}{mine.canary.key}{after}").get_secret_value() == mine.canary.key
    draft_id = mine.paste(f"\ufeff {mine.canary.key}\u200b\r\n")
    assert mine.bench.keys.test_draft(mine.ada, draft_id).verdict == "accepted"
    assert mine.provider.keys == {mine.canary.key}
    mine.assert_silent(tally)


def test_a_spoilt_paste_on_the_page_is_refused_without_repeating_it(mine: Mine, tally: Tally) -> None:
    tab = paste_on_page(mine, f"{mine.canary.key}\u2013{mine.canary.key}")
    tab = mine.look(press(tab, "Add Key"))
    assert "another character inside that no key has" in words(tab)
    mine.assert_silent(tally)


def test_the_command_refuses_it_in_one_line_without_repeating_it(
    mine: Mine, tmp_path: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.toml").write_text(OVERLAY.format(id="openai", origin=mine.provider.origin, patience=5))
    monkeypatch.setenv("BYOK_PROVIDERS", str(tmp_path / "one.toml"))
    monkeypatch.setenv("BYOK_HOME", str(tmp_path / "other"))
    for what in ("a header", "NUL", "zero-width space", "en dash", "two of them", "nothing"):
        pasted = spoilt(mine.canary.key)[what].encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pasted), encoding="utf-8"))
        tally.tried()
        assert run(["key", "test", "--provider", "openai"]) == 1, what
        printed = capsys.readouterr()
        mine.seen += [printed.out, printed.err]
        assert len(printed.err.strip().splitlines()) == 1
    assert mine.provider.asked == []
    mine.assert_silent(tally)
