"""Spoils recorded streams at random: bytes, lines, and values inside the JSON. The same seed does the same harm."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

ODD_BYTES = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b":",
    b"data:",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xf0\x9f",
    b'"',
    b"\\u",
    b"{",
    b"]",
)
DEEP = "[" * 3000
ODD_VALUES: tuple[Callable[[random.Random], Any], ...] = (
    lambda _: None,
    lambda _: True,
    lambda r: r.choice([0, -1, 2**63, 10**400, 1e308, -0.0]),
    lambda r: r.choice(["", "\0", "\ud800", "\udc00x", "é" * 50, "x" * 5000, "[DONE]", "data: {}", "error"]),
    lambda _: [],
    lambda _: {},
    lambda _: [[[[[[[[None]]]]]]]],
    lambda _: {"error": {"message": "no", "code": 503}},
    lambda _: [{"type": "text", "text": ["x", {"text": "y"}]}],
)


def spoil(rng: random.Random, streams: Sequence[bytes]) -> bytes:
    """One of the streams, harmed in one to four ways."""
    body = rng.choice(streams)
    for _ in range(rng.randint(1, 4)):
        body = rng.choice(WAYS)(rng, body, streams)
    return body


def pieces(rng: random.Random, body: bytes) -> list[bytes]:
    """The body cut at up to eight places, or at every byte, or not at all."""
    kind = rng.random()
    if kind < 0.3:
        return [body]
    if kind < 0.35 and len(body) < 4000:
        return [body[at : at + 1] for at in range(len(body))]
    cuts = sorted(rng.randrange(len(body) + 1) for _ in range(rng.randint(1, 8)))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def _flip(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(body)
    for _turn in range(rng.randint(1, 5)):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _span(rng: random.Random, body: bytes) -> tuple[int, int]:
    start = rng.randrange(len(body) + 1)
    return start, min(len(body), start + rng.randint(0, 200))


def _delete(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(rng, body)
    return body[:start] + body[end:]


def _double(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(rng, body)
    return body[:end] + body[start:end] * rng.randint(1, 3) + body[end:]


def _insert(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(body) + 1)
    return body[:at] + rng.choice(ODD_BYTES) + body[at:]


def _cut_off(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    return body[: rng.randrange(len(body) + 1)]


def _splice(rng: random.Random, body: bytes, streams: Sequence[bytes]) -> bytes:
    other = rng.choice(streams)
    return body[: rng.randrange(len(body) + 1)] + other[rng.randrange(len(other) + 1) :]


def _shuffle_lines(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    lines = body.split(b"\n")
    at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[at], lines[to] = lines[to], lines[at]
    return b"\n".join(lines)


def _other_ends(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    return body.replace(b"\n", rng.choice([b"\r", b"\r\n", b"\n\r"]))


def _value(rng: random.Random, body: bytes, _: Sequence[bytes]) -> bytes:
    """Another value somewhere inside the JSON of one event."""
    lines = body.split(b"\n")
    events = [at for at, line in enumerate(lines) if line.startswith(b"data: {")]
    if not events:
        return body
    at = rng.choice(events)
    try:
        chunk = json.loads(lines[at][6:])
    except (ValueError, RecursionError):
        return body
    if rng.random() < 0.03:
        lines[at] = b'data: {"choices": ' + DEEP.encode()
        return b"\n".join(lines)
    places = [(chunk, key) for key in chunk]
    for holder, key in list(places):
        _walk(holder[key], places)
    if not places:
        return body
    holder, key = rng.choice(places)
    holder[key] = rng.choice(ODD_VALUES)(rng)
    lines[at] = b"data: " + json.dumps(chunk).encode("utf-8", "surrogatepass")
    return b"\n".join(lines)


def _walk(value: Any, places: list[tuple[Any, Any]]) -> None:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(inside):
        places.append((value, key))
        _walk(inner, places)


WAYS = (_flip, _delete, _double, _insert, _cut_off, _splice, _shuffle_lines, _other_ends, _value, _value, _value)
