"""Every oddity that a provider, a gateway or an attacker may put into an answer, over real sockets, in any pieces."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from byok.core.wire import Delta
from byok.core.wire.client import Wire
from byok.ground.errors import BadAnswerError, ProviderDownError, ProviderError, UnreachableError
from tests.certificates import network_client
from tests.wire_tools import Respond, call_of, chunk, collect, loopback, sse, text_of

MIB = 1024 * 1024
HELLO = sse(chunk("Hello", finish="stop"))
EVENT = HELLO.partition(b"\n\n")[0]
WHOLE = json.dumps({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}).encode()


def head(*, kind: str = "text/event-stream", encoding: str = "") -> bytes:
    packed = f"content-encoding: {encoding}\r\n" if encoding else ""
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{packed}transfer-encoding: chunked\r\n\r\n".encode()


def framed(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def saying(start: bytes, body: bytes, *, step: int) -> Respond:
    """Answers in frames of HTTP of so many bytes each, every one a write of its own."""

    async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        for at in range(0, len(body), step):
            writer.write(framed(body[at : at + step]))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    return respond


def heard(respond: Respond) -> str:
    """The text of a whole answer."""

    async def run() -> str:
        async with loopback(respond) as base_url, network_client() as http:
            deltas, ended = await collect(Wire(http), call_of(base_url=base_url))
            assert ended.finish_reason in ("stop", None)
            return text_of(deltas)

    return asyncio.run(run())


def edited(old: bytes, new: bytes) -> bytes:
    assert old in HELLO
    return HELLO.replace(old, new)


READABLE: dict[str, bytes] = {
    "lines end in LF": HELLO,
    "lines end in CR": edited(b"\n", b"\r"),
    "lines end in CRLF": edited(b"\n", b"\r\n"),
    "comments stand between the events": b": hi\n\n:\n" + HELLO,
    "the data of an event stands on several lines": edited(b', "choices"', b',\ndata: "choices"'),
    "a byte order mark comes first": b"\xef\xbb\xbf" + HELLO,
    "there is no blank line at the end": EVENT,
    "there is no [DONE]": EVENT + b"\n\n",
    "no space follows the colon": edited(b"data: ", b"data:"),
    "a field that nobody knows": b"x-field: 1\nid: 7\nretry: 5\n" + HELLO,
    "an event without a name is named message": b"event: message\n" + HELLO,
    "the first chunk has no choices": sse({"id": "x"}, done=False) + HELLO,
    "the first chunk has an empty list of choices": sse({"choices": []}, done=False) + HELLO,
    "the first chunk has a null for a content": b'data: {"choices":[{"delta":{"content":null}}]}\n\n' + HELLO,
    "a chunk has two choices": sse(
        {"choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "Hello"}}]}
    ),
    "an event is empty": b"data:\n\ndata: \n\n" + HELLO,
    "something follows [DONE]": HELLO + sse(chunk("more")),
    "an event is repeated without its data": b"event: x\n\n" + HELLO,
}


@pytest.mark.parametrize("step", [1, 7, MIB], ids=["one byte at a time", "seven bytes at a time", "at once"])
@pytest.mark.parametrize("body", READABLE.values(), ids=READABLE)
def test_an_answer_is_read_where(body: bytes, step: int) -> None:
    assert heard(saying(head(), body, step=step)) == "Hello"


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/octet-stream", "", "text/html"])
@pytest.mark.parametrize("step", [1, MIB], ids=["one byte at a time", "at once"])
def test_a_stream_under_a_wrong_content_type_is_read(kind: str, step: int) -> None:
    assert heard(saying(head(kind=kind), HELLO, step=step)) == "Hello"


@pytest.mark.parametrize("kind", ["text/event-stream", "text/plain", "application/json"])
@pytest.mark.parametrize("padding", [b"", b"\n\n  ", b" " * 5000], ids=["no", "a little", "much"])
@pytest.mark.parametrize("step", [1, MIB], ids=["one byte at a time", "at once"])
def test_a_whole_answer_is_read_whatever_its_content_type_and_the_blanks_before_it(
    kind: str, padding: bytes, step: int
) -> None:
    assert heard(saying(head(kind=kind), padding + WHOLE, step=step)) == "Hello"


@pytest.mark.parametrize("step", [1, 3, MIB], ids=["one byte", "three bytes", "at once"])
def test_a_character_is_whole_wherever_its_bytes_are_cut(step: int) -> None:
    body = sse(chunk("X")).replace(b"X", "Zoë 😀 日本".encode())
    assert heard(saying(head(), body, step=step)) == "Zoë 😀 日本"


@pytest.mark.parametrize("step", [1, MIB], ids=["one byte at a time", "at once"])
def test_bytes_that_are_no_utf8_are_replaced_and_the_rest_is_kept(step: int) -> None:
    body = sse(chunk("one"), chunk("aXb"), chunk("two")).replace(b"X", b"\xf0\x9f")
    assert heard(saying(head(), body, step=step)) == "onea\N{REPLACEMENT CHARACTER}btwo"


@pytest.mark.parametrize("step", [1000, 5 * MIB], ids=["in pieces", "at once"])
def test_a_line_of_one_mebibyte_is_read(step: int) -> None:
    text = "x" * MIB
    assert heard(saying(head(), sse(chunk(text)), step=step)) == text


BROKEN: dict[str, tuple[bytes, type[ProviderError]]] = {
    "its JSON is cut": (EVENT[:-9] + b"\n\n", BadAnswerError),
    "nothing comes": (b"", BadAnswerError),
    "nothing but blanks comes": (b"\n" * 100, BadAnswerError),
    "nothing but [DONE] comes": (b"data: [DONE]\n\n", BadAnswerError),
    "a line is longer than 8 MiB": (b"data: " + b"x" * (9 * MIB) + b"\n\n", BadAnswerError),
    "an event of many lines is longer than 8 MiB": ((b"data: " + b"x" * MIB + b"\n") * 9 + b"\n", BadAnswerError),
    "the end makes an event longer than 8 MiB": (
        b"data: " + b"x" * 5 * MIB + b"\ndata: " + b"x" * 5 * MIB,
        BadAnswerError,
    ),
    "its JSON is nested without end": (b"data: " + b'{"choices":' * 100_000 + b"\n\n", BadAnswerError),
    "its lists are nested without end": (b"data: " + b"[" * 100_000 + b"\n\n", BadAnswerError),
    "a number has 5,000 digits": (b'data: {"choices": ' + b"9" * 5000 + b"}\n\n", BadAnswerError),
    "the code of an error has 5,000 digits": (
        b'data: {"error":{"code":"' + b"9" * 5000 + b'"}}\n\n',
        ProviderDownError,
    ),
    "it is a page of a gateway": (b"\n <html>Sorry</html>", ProviderDownError),
    "it is some other JSON": (b'{"ok": true}', BadAnswerError),
    "it is a text": (b"hello\n\n", BadAnswerError),
}


@pytest.mark.parametrize(("body", "kind"), BROKEN.values(), ids=BROKEN)
def test_an_error_of_the_tree_says_so_where(body: bytes, kind: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        heard(saying(head(), body, step=MIB))
    assert type(caught.value) is kind


def nested(depth: int) -> bytes:
    """Thoughts inside of thoughts, in a list of parts, beside a text."""
    thoughts = '{"type":"thinking","thinking":[' * depth + '"hm"' + "]}" * depth
    return f'data: {{"choices":[{{"delta":{{"content":["Hello",{thoughts}]}}}}]}}\n\n'.encode()


@pytest.mark.parametrize("depth", [1, 200])
def test_thoughts_are_not_followed_deeper_than_anyone_nests_them(depth: int) -> None:
    assert heard(saying(head(), nested(depth), step=MIB)) == "Hello"


# Packed answers: nothing packed is asked for, but a gateway may send it


def bare(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "GZIP in capitals": ("GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without its header": ("deflate", bare),
    "identity": ("identity", lambda body: body),
}


@pytest.mark.parametrize("step", [1, MIB], ids=["one byte at a time", "at once"])
@pytest.mark.parametrize(("encoding", "pack"), PACKERS.values(), ids=PACKERS)
def test_a_packed_answer_is_unpacked(encoding: str, pack: Callable[[bytes], bytes], step: int) -> None:
    assert heard(saying(head(encoding=encoding), pack(HELLO), step=step)) == "Hello"


def test_a_packed_answer_larger_than_a_piece_is_unpacked_whole() -> None:
    texts = [f" word{n}" for n in range(5000)]
    body = sse(*(chunk(text) for text in texts), chunk(finish="stop"))
    assert heard(saying(head(encoding="gzip"), gzip.compress(body), step=MIB)) == "".join(texts)


@pytest.mark.parametrize("encoding", ["gzip, gzip", "gzip, identity, deflate", "br", "zstd", "nonsense"])
def test_what_is_packed_twice_or_in_a_way_that_nobody_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(BadAnswerError, match="cannot be unpacked"):
        heard(saying(head(encoding=encoding), gzip.compress(gzip.compress(HELLO)), step=MIB))


@pytest.mark.parametrize("body", [gzip.compress(HELLO)[:-8], gzip.compress(HELLO) + b"junk" * 99_999])
def test_a_packed_answer_without_its_check_sum_or_with_junk_behind_it_is_read(body: bytes) -> None:
    assert heard(saying(head(encoding="gzip"), body, step=MIB)) == "Hello"


def peak_of(respond: Respond) -> int:
    """The most bytes that reading an answer held, which is given up."""
    tracemalloc.start()
    try:
        with pytest.raises(BadAnswerError, match="more than an answer can be"):
            heard(respond)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_packed_answer_without_end_never_holds_more_than_a_piece_of_it() -> None:
    bomb = gzip.compress((b":" + b"x" * 1022 + b"\n") * 100 * 1024)
    assert len(bomb) < MIB
    assert peak_of(saying(head(encoding="gzip"), bomb, step=MIB)) < 8 * MIB


def test_a_body_without_end_never_holds_more_than_a_piece_of_it() -> None:
    piece = framed((b":" + b"x" * 1022 + b"\n") * 256)

    async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head())
        while True:
            writer.write(piece)
            await writer.drain()

    assert peak_of(respond) < 8 * MIB


# Connections that end before the answer does


@pytest.mark.parametrize("hard", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize(
    "cut", ["before its status", "in its header", "in a frame", "in an event", "between two events"]
)
def test_an_answer_that_is_cut_is_unreachable_and_its_text_is_kept(cut: str, hard: bool) -> None:
    start = head() + framed(sse(chunk("a"), done=False))
    sent = {
        "before its status": b"",
        "in its header": start[:40],
        "in a frame": start + b"50\r\ndata: {",
        "in an event": start + framed(b'data: {"choi'),
        "between two events": start,
    }[cut]
    got: list[Any] = []

    async def run() -> None:
        seen = asyncio.Event()

        async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(sent)
            if sent.startswith(start):
                await seen.wait()
            if hard:
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()

        async with loopback(respond) as base_url, network_client() as http:
            async for event in Wire(http).chat(call_of(base_url=base_url)):
                got.append(event)
                seen.set()

    with pytest.raises(UnreachableError):
        asyncio.run(run())
    assert got == ([Delta("a")] if sent.startswith(start) else [])
