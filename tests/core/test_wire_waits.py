"""Over real sockets: each wait of a question has its end, and what was said before it is not lost."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace

import pytest

from byok.core.wire import Delta, Ended, Times, Wire
from byok.ground.errors import (
    NoConnectionError,
    ProviderError,
    RateLimitedError,
    UnreachableError,
)
from tests.certificates import network_client
from tests.wire_tools import Respond, call_of, chunk, loopback, sse, text_of

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LONG = 60.0  # seconds: what a test does not wait for


def framed(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def said(body: object, *, status: int = 200, **headers: str) -> bytes:
    text = json.dumps(body).encode()
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n{named}\r\n"
    return head.encode() + text


async def drip(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Sends the same for ever, until the client has enough."""
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)  # client and server share this loop


def ask(
    respond: Respond, provider_id: str = "openai", *, first_token: float = LONG, **times: float
) -> tuple[list[Delta], Ended | ProviderError]:
    """What arrived, and how it ended."""
    call = call_of(provider_id)
    patient = call.provider.model_copy(update={"first_token_timeout": first_token})

    async def run() -> tuple[list[Delta], Ended | ProviderError]:
        got: list[Delta] = []
        async with loopback(respond) as base_url, network_client() as http:
            wire = Wire(http, times=Times(**{"between_chunks": LONG, "last_words": LONG, "total": LONG, **times}))
            try:
                async for event in wire.chat(replace(call, provider=patient, base_url=base_url)):
                    if isinstance(event, Ended):
                        return got, event
                    got.append(event)
            except ProviderError as error:
                return got, error
        raise AssertionError

    return asyncio.run(run())


def given_up(end: Ended | ProviderError) -> bool:
    return type(end) is UnreachableError and "did not answer in time" in end.message


def test_the_times_are_those_that_are_promised() -> None:
    assert (Times().connect, Times().between_chunks, Times().total) == (5, 30, 600)
    assert call_of("openai").provider.first_token_timeout == 60
    assert call_of("nvidia").provider.first_token_timeout == 120


def test_a_connection_that_does_not_come_about_is_given_up() -> None:
    async def respond(_request: bytes, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        raise AssertionError("a greeting of TLS is no request, and nobody answers it")

    async def run() -> None:
        async with loopback(respond) as base_url, network_client() as http:
            call = call_of(base_url=base_url.replace("http:", "https:"))
            async for _ in Wire(http, times=Times(connect=0.05)).chat(call):
                pass

    with pytest.raises(NoConnectionError, match="No connection to OpenAI"):
        asyncio.run(run())


def test_a_server_that_takes_no_more_connections_is_given_up() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        try:
            for _ in range(8):  # more than it queues, on any system
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(full.getsockname())
                waiting.append(one)

            async def run() -> None:
                async with network_client() as http:
                    call = call_of(base_url=f"http://127.0.0.1:{full.getsockname()[1]}/v1")
                    hasty = call.provider.model_copy(update={"first_token_timeout": 5})
                    async for _ in Wire(http, times=Times(connect=0.05)).chat(replace(call, provider=hasty)):
                        pass

            with pytest.raises(NoConnectionError):
                asyncio.run(run())
        finally:
            for one in waiting:
                one.close()


@pytest.mark.parametrize(
    "piece",
    [
        b": wait\n\n",
        sse(chunk(""), done=False),
        sse(chunk(None), done=False),
        sse({"choices": []}, done=False),
        b"data: \n\n",
        b"event: ping\ndata: {}\n\n",
        b"\n",
        b"x",
    ],
)
def test_what_is_no_token_does_not_put_off_the_deadline_of_the_first_one(piece: bytes) -> None:
    async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        await drip(writer, framed(piece))

    got, end = ask(respond, first_token=0.2)
    assert got == []
    assert given_up(end)


def test_blanks_before_an_answer_that_comes_whole_do_not_put_it_off_either() -> None:
    async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM.replace(b"text/event-stream", b"application/json"))
        await drip(writer, framed(b" \n"))

    assert given_up(ask(respond, first_token=0.2)[1])


def test_an_answer_that_comes_whole_after_blanks_is_read() -> None:
    async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM.replace(b"text/event-stream", b"application/json"))
        for piece in (b"\n  \n", b" ", b'{"choices": [{"message": {"content": "Hi"}}]}'):
            writer.write(framed(piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    assert text_of(ask(respond)[0]) == "Hi"


def test_reasoning_is_a_token_after_which_the_deadline_of_the_first_one_is_gone() -> None:
    async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        thought = {"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]}
        writer.write(STREAM + framed(sse(thought, done=False)))
        loop = asyncio.get_running_loop()
        later = loop.time() + 0.4
        while loop.time() < later:
            writer.write(framed(b": thinking\n\n"))
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(framed(sse(chunk("a", finish="stop"))))

    got, end = ask(respond, "nvidia", first_token=0.2)
    assert got == [Delta("", "hm"), Delta("a")]
    assert isinstance(end, Ended)


def test_silence_between_two_tokens_is_given_up_and_the_text_is_kept() -> None:
    async def respond(_request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + framed(sse(chunk("a"), done=False)))
        await reader.read()

    got, end = ask(respond, between_chunks=0.1)
    assert got == [Delta("a")]
    assert given_up(end)


def test_an_answer_that_comes_whole_may_not_stand_still_either() -> None:
    async def respond(_request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{")
        await reader.read()

    assert given_up(ask(respond, between_chunks=0.1)[1])


@pytest.mark.parametrize("piece", [sse(chunk("a"), done=False), b": still here\n\n"])
def test_an_answer_without_an_end_is_given_up_after_the_total(piece: bytes) -> None:
    async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + framed(sse(chunk("a"), done=False)))
        await drip(writer, framed(piece))

    got, end = ask(respond, total=0.4)
    assert got[0] == Delta("a")
    assert given_up(end)


@pytest.mark.parametrize("piece", [b"", b": still here\n\n", sse({"choices": []}, done=False)])
def test_after_the_finish_reason_the_end_is_not_put_off_by_what_drips(piece: bytes) -> None:
    async def respond(_request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM + framed(sse(chunk("a", finish="stop"), done=False)))
        if piece:
            await drip(writer, framed(piece))
        await reader.read()

    got, end = ask(respond, last_words=0.1)
    assert got == [Delta("a")]
    assert isinstance(end, Ended)
    assert end.finish_reason == "stop"


@pytest.mark.parametrize("body", [b"", b'{"error": {"message": "Slow'])
def test_a_refusal_whose_body_does_not_end_is_still_a_refusal(body: bytes) -> None:
    async def respond(_request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 429 X\r\nretry-after: 3\r\ncontent-length: 999\r\n\r\n" + body)
        await reader.read()

    end = ask(respond, last_words=0.1)[1]
    assert type(end) is RateLimitedError
    assert (end.status, end.retry_after) == (429, 3.0)


# Streaming that is refused

NO_STREAMING = said({"error": {"message": "Verify.", "param": "stream", "code": "unsupported_value"}}, status=400)


def test_an_unstreamed_answer_may_take_longer_than_a_first_token_may() -> None:
    asked: list[bytes] = []

    async def respond(request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(request)
        if len(asked) == 1:
            writer.write(NO_STREAMING)
            return
        writer.write(STREAM.replace(b"text/event-stream", b"application/json"))
        loop = asyncio.get_running_loop()
        later = loop.time() + 0.5
        while loop.time() < later:
            writer.write(framed(b" "))
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(framed(b'{"choices": [{"message": {"content": "Hi"}}]}') + b"0\r\n\r\n")

    assert text_of(ask(respond, first_token=0.3)[0]) == "Hi"
    assert len(asked) == 2
