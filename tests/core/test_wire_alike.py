"""The short way of chunks that differ in their text alone: it must give what the long way gives, whatever comes."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byok.core.wire import Delta, Ended
from byok.core.wire.answer import AnswerReader
from byok.core.wire.sse import EventReader, Failure
from byok.ground.errors import ProviderError
from tests.core.test_wire_mutations import STREAMS
from tests.mutations import spoil
from tests.wire_tools import CATALOGUE, chunk

Read = list[Delta | Ended | str | None]


def read(provider_id: str, events: Sequence[bytes]) -> Read:
    """What each event gives, and the end; an error by its name."""
    reader = AnswerReader(CATALOGUE.get(provider_id), headers={}, secrets=())
    found: Read = []
    try:
        for data in events:
            found.append(reader.take(data))
            if reader.over():
                break
        found.append(reader.end())
    except ProviderError as error:
        found.append(type(error).__name__)
    return found


def unlike(events: Sequence[bytes]) -> list[bytes]:
    """The same events with so many blanks in each that no two begin alike: all of them go the long way."""
    return [
        type(data)(b"{" + b" " * number + data[1:]) if data.startswith(b"{") else data
        for number, data in enumerate(events, 1)
    ]


TEXTS = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "",
        ",",
        ":",
        "delta",
        "stop",
        "[DONE]",
        "é",
        "😀",
        "\ufffd",
        "\ud83d",
        "\ude00",
        '"',
        "\\",
        "\n",
        "\0",
    ]
)


def said(content: bytes, mark: bytes = b"m") -> bytes:
    return b'{"id": "' + mark + b'", "choices": [{"delta": {"content": "' + content + b'"}}]}'


TRAPS: dict[str, list[bytes]] = {
    "another string is the same as the text": [said(b"a", b"a"), said(b"a", b"b"), said(b"b", b"b")],
    "another string is the text's replacement": [said(b"\xff", b"\xef\xbf\xbd"), said(b"\xff", b"stranger")],
    "the second is a failure": [said(b"a"), Failure(said(b"b"))],
    "the second has a control character": [said(b"a"), said(b"\x01"), said(b"c")],
    "the second has a NUL": [said(b"a"), said(b"\0")],
    "the second ends its string early": [said(b"a"), said(b'b", "content": "c')],
    "the second has an escape": [said(b"a"), said(b"\\n"), said(b"\\ud83d"), said(b"\\ude00"), said(b"c")],
    "the second has no text": [said(b"a"), said(b""), said(b"b")],
    "half a character stands between": [said(b"a"), said(b"\\ud83d"), said(b"b"), said(b"c")],
}


@pytest.mark.parametrize("found", TRAPS.values(), ids=TRAPS)
def test_no_chunk_is_mistaken_where(found: list[bytes]) -> None:
    assert read("openai", found) == read("openai", unlike(found))


@st.composite
def events(draw: st.DrawFn) -> bytes:
    text, other = draw(TEXTS), draw(TEXTS)
    shapes: list[dict[str, Any]] = [
        chunk(text),
        chunk(text, id=other),
        {other: text, "choices": [{"delta": {"content": text}}]},
        chunk(text, id=other + text),
        chunk([other, text], id=other + text),
        chunk([{"type": "text", "text": text}], id=text),
        chunk(text, finish=other),
        chunk(text, error=None),
        {
            "model": other,
            "choices": [{"index": 1, "delta": {"content": other}}, {"index": 0, "delta": {"content": text}}],
        },
        {"choices": [{"delta": {"content": text, "reasoning": other, "reasoning_content": other}}]},
        {"choices": [{"delta": {"content": None, "reasoning": text}}]},
        {"choices": [{"delta": {"content": text}}], "usage": {"prompt_tokens": len(other)}},
    ]
    dumped = json.dumps(draw(st.sampled_from(shapes)), ensure_ascii=draw(st.booleans()))
    data = dumped.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        data = data.replace(b'"content": "', b'"content": "\xf0\x9f')
    return Failure(data) if draw(st.integers(0, 19)) == 0 else data


@pytest.mark.parametrize("provider_id", ["openai", "groq", "mistral"])
@settings(max_examples=500, deadline=None)
@given(found=st.lists(events(), max_size=6))
def test_chunks_that_look_alike_are_read_as_those_that_do_not(provider_id: str, found: list[bytes]) -> None:
    assert read(provider_id, found) == read(provider_id, unlike(found))


def test_spoilt_streams_are_read_the_short_way_as_the_long_way() -> None:
    for number in range(2_000):
        rng = random.Random(number)  # noqa: S311 - to be repeated, not to be secret
        reader = EventReader()
        found = [*reader.feed(spoil(rng, list(STREAMS.values()))), *reader.close()]
        provider_id = rng.choice(list(STREAMS))
        assert read(provider_id, found) == read(provider_id, unlike(found)), number


def test_the_short_way_is_taken() -> None:
    """Else the tests above would compare the long way with itself."""
    reader = AnswerReader(CATALOGUE.get("openai"), headers={}, secrets=())
    data = json.dumps(chunk("Hello")).encode()
    assert reader.take(data) == Delta("Hello")
    assert (reader._head, reader._tail) == tuple(data.split(b"Hello"))
    assert reader.take(data.replace(b"Hello", "wörld".encode())) == Delta("wörld")
