"""Chat over real sockets: bytes cut anywhere, connections that break, waiting that ends, and hanging up."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest

from byok.core.wire import Delta, Ended, Times, Wire, make_http_client
from byok.ground.errors import BadAnswerError, RefusedRequestError, UnreachableError
from tests.certificates import network_client
from tests.wire_tools import Respond, call_of, chunk, collect, loopback, sse, text_of

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
UNTIL_CLOSE = HEAD + b"connection: close\r\n\r\n"


def framed(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def saying(*pieces: bytes) -> Respond:
    async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return respond


def ask_over_socket(respond: Respond, **more: Any) -> tuple[list[Delta], Ended]:
    async def run() -> tuple[list[Delta], Ended]:
        async with loopback(respond) as base_url, network_client() as http:
            return await collect(Wire(http), call_of(base_url=base_url, **more))

    return asyncio.run(run())


def test_one_byte_at_a_time_reads_the_same_as_all_at_once() -> None:
    body = "".join(f"data: {json.dumps(c, ensure_ascii=False)}\r\n\r\n" for c in (chunk("Zoë "), chunk("😀"))).encode()
    whole = ask_over_socket(saying(CHUNKED + framed(body) + b"0\r\n\r\n"))
    cut = ask_over_socket(saying(CHUNKED, *[framed(body[i : i + 1]) for i in range(len(body))], b"0\r\n\r\n"))
    assert text_of(whole[0]) == "Zoë 😀"
    assert cut == whole


def test_a_compressed_answer_is_unpacked() -> None:
    body = gzip.compress(sse(chunk("Hello")))
    answer = HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    assert text_of(ask_over_socket(saying(answer))[0]) == "Hello"


def test_a_body_that_only_says_it_is_compressed_is_unreadable() -> None:
    with pytest.raises(BadAnswerError):
        ask_over_socket(saying(HEAD + b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello"))


def test_an_answer_that_ends_with_the_connection_is_read() -> None:
    deltas, ended = ask_over_socket(saying(UNTIL_CLOSE + sse(chunk("Hello"), done=False)))
    assert text_of(deltas) == "Hello"
    assert ended.finish_reason is None


@pytest.mark.parametrize("start", [b"", CHUNKED, CHUNKED + framed(sse(chunk("a"), done=False)), b"HELLO\r\n\r\n"])
def test_a_connection_that_breaks_is_called_unreachable(start: bytes) -> None:
    with pytest.raises(UnreachableError):
        ask_over_socket(saying(start))


def test_a_reset_in_the_middle_keeps_the_text_and_is_called_unreachable() -> None:
    got: list[Any] = []

    async def run() -> None:
        read = asyncio.Event()

        async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED + framed(sse(chunk("a"), done=False)))
            await read.wait()
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

        async with loopback(respond) as base_url, network_client() as http:
            async for event in Wire(http).chat(call_of(base_url=base_url)):
                got.append(event)
                read.set()

    with pytest.raises(UnreachableError):
        asyncio.run(run())
    assert got == [Delta("a")]


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        async def run() -> None:
            async with network_client() as http:
                await collect(Wire(http), call_of(base_url=f"http://127.0.0.1:{port}/v1"))

        with pytest.raises(UnreachableError, match="No connection to OpenAI"):
            asyncio.run(run())


def hung_up_after(sent: bytes, stop: Callable[[AsyncGenerator[Any, None]], Awaitable[None]]) -> bool:
    """Asks, stops as `stop` does once `sent` is sent, and waits for the server to see the connection end."""

    async def run() -> bool:
        loop = asyncio.get_running_loop()
        gone: asyncio.Future[bytes] = loop.create_future()
        asked = asyncio.Event()

        async def respond(_request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(sent)
            asked.set()
            with suppress(ConnectionError):
                await reader.read()
            gone.set_result(b"")

        async with loopback(respond) as base_url, network_client() as http:
            chat = Wire(http).chat(call_of(base_url=base_url))
            if b"data" in sent:
                assert await anext(chat) == Delta("a")
                await stop(chat)
            else:
                reading = asyncio.ensure_future(stop(chat))
                await asked.wait()
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
            return await asyncio.wait_for(gone, 5) == b""  # while the client is still open

    return asyncio.run(run())


async def cancel_the_next(chat: AsyncGenerator[Any, None]) -> None:
    reading = asyncio.ensure_future(anext(chat))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def close(chat: AsyncGenerator[Any, None]) -> None:
    await chat.aclose()


@pytest.mark.parametrize("stop", [cancel_the_next, close])
def test_stopping_an_answer_hangs_up(stop: Callable[[AsyncGenerator[Any, None]], Awaitable[None]]) -> None:
    assert hung_up_after(CHUNKED + framed(sse(chunk("a"), done=False)), stop)


@pytest.mark.parametrize("sent", [b"", CHUNKED], ids=["before the headers", "before the first token"])
def test_stopping_before_anything_came_hangs_up(sent: bytes) -> None:
    assert hung_up_after(sent, anext)


def test_a_connection_is_used_again_for_the_next_answer() -> None:
    async def run() -> int:
        connections = 0

        async def respond(_request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            while True:
                body = sse(chunk("a", finish="stop"))
                writer.write(CHUNKED + framed(body))
                await writer.drain()
                writer.write(b"0\r\n\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-le"))
                await reader.readexactly(length)

        async with loopback(respond) as base_url, network_client() as http:
            for _ in range(3):
                await collect(Wire(http), call_of(base_url=base_url))
        return connections

    assert asyncio.run(run()) == 1


def ask_impatiently(respond: Respond) -> None:
    call = call_of()
    hasty = call.provider.model_copy(update={"first_token_timeout": 0.1})

    async def run() -> None:
        async with loopback(respond) as base_url, network_client() as http:
            await collect(Wire(http), replace(call, provider=hasty, base_url=base_url))

    with pytest.raises(UnreachableError, match="in time"):
        asyncio.run(run())


@pytest.mark.parametrize("start", [b"", CHUNKED, CHUNKED + framed(b": wait\n\n")])
def test_a_provider_that_falls_silent_is_given_up_at_the_deadline(start: bytes) -> None:
    async def respond(_request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await reader.read()

    ask_impatiently(respond)


def test_comments_do_not_put_off_the_deadline_of_the_first_token() -> None:
    async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        while True:
            writer.write(framed(b": wait\n\n"))
            await asyncio.sleep(0)  # client and server share this loop
            await writer.drain()

    ask_impatiently(respond)


def test_empty_deltas_do_not_put_off_the_deadline_of_the_first_token() -> None:
    async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        while True:
            writer.write(framed(sse(chunk(""), {"choices": []}, done=False)))
            await asyncio.sleep(0)  # client and server share this loop
            await writer.drain()

    ask_impatiently(respond)


def test_a_piece_of_reasoning_is_a_first_token() -> None:
    call = call_of("nvidia")
    hasty = call.provider.model_copy(update={"first_token_timeout": 0.3})

    async def run() -> list[Any]:
        thought = {"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}, "finish_reason": None}]}
        loop = asyncio.get_running_loop()

        async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED + framed(sse(thought, done=False)))
            late, deadline = asyncio.Event(), loop.time() + 0.4
            loop.call_at(deadline, late.set)
            await late.wait()  # past the deadline of the first token
            writer.write(framed(sse(chunk("Hello"))) + b"0\r\n\r\n")
            await writer.drain()

        async with loopback(respond) as base_url, network_client() as http:
            return (await collect(Wire(http), replace(call, provider=hasty, base_url=base_url)))[0]

    assert asyncio.run(run()) == [Delta("", "Hm."), Delta("Hello")]


def streaming_refused(*, times: int) -> tuple[Respond, list[dict[str, Any]]]:
    """Refuses streaming as OpenAI does to an organisation that is not verified, so many times; the bodies so far."""
    bodies: list[dict[str, Any]] = []

    def answer(status: str, body: dict[str, Any]) -> bytes:
        whole = json.dumps(body).encode()
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(whole)}\r\n"
        return f"{head}connection: close\r\n\r\n".encode() + whole

    words = "Your organization must be verified to stream this model."
    error = {"message": words, "type": "invalid_request_error", "param": "stream", "code": "unsupported_value"}
    message = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}

    async def respond(request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(json.loads(request.partition(b"\r\n\r\n")[2]))
        refused = len(bodies) <= times
        writer.write(answer("400 Bad Request", {"error": error}) if refused else answer("200 OK", message))
        await writer.drain()

    return respond, bodies


def test_an_account_that_may_not_stream_is_asked_once_more_unstreamed() -> None:
    respond, bodies = streaming_refused(times=1)
    deltas, end = ask_over_socket(respond)
    assert (text_of(deltas), end.finish_reason) == ("Hello", "stop")
    assert end.usage is not None
    assert end.usage.tokens_in == 3
    assert [("stream" in body, "stream_options" in body) for body in bodies] == [(True, True), (False, False)]


def test_who_refuses_streaming_where_none_was_asked_for_is_not_asked_a_third_time() -> None:
    respond, bodies = streaming_refused(times=9)
    with pytest.raises(RefusedRequestError, match="must be verified"):
        ask_over_socket(respond)
    assert len(bodies) == 2


def ask_in_haste(respond: Respond, times: Times) -> list[Any]:
    """What came until it was given up."""
    got: list[Any] = []

    async def run() -> None:
        async with loopback(respond) as base_url, network_client() as http:
            async for event in Wire(http, times=times).chat(call_of(base_url=base_url)):
                got.append(event)

    with pytest.raises(UnreachableError, match="in time"):
        asyncio.run(run())
    return got


async def say_one_word_and_fall_silent(
    _request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(CHUNKED + framed(sse(chunk("a"), done=False)))
    await reader.read()


async def never_stop(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED)
    while True:
        writer.write(framed(sse(chunk("a"), done=False)))
        await asyncio.sleep(0)  # client and server share this loop
        await writer.drain()


def test_a_silence_between_two_chunks_ends_the_answer_and_keeps_what_came() -> None:
    assert ask_in_haste(say_one_word_and_fall_silent, Times(between_chunks=0.1)) == [Delta("a")]


def test_an_answer_that_never_ends_is_ended_after_the_longest_time_an_answer_may_take() -> None:
    got = ask_in_haste(never_stop, Times(total=0.3))
    assert set(map(str, got)) == {str(Delta("a"))}


def test_an_answer_that_is_larger_than_any_answer_is_given_up() -> None:
    padding = framed(b":" + b"x" * (1024 * 1024 - 3) + b"\n\n")

    async def respond(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + framed(sse(chunk("a"), done=False)))
        while True:
            writer.write(padding)
            await writer.drain()

    with pytest.raises(BadAnswerError, match="more than an answer can be"):
        ask_over_socket(respond)


def test_a_packed_answer_that_unpacks_without_end_is_given_up() -> None:
    bomb = gzip.compress(sse(chunk("a"), done=False) + b":" + b"x" * (100 * 1024 * 1024))
    assert len(bomb) < 1024 * 1024
    answer = HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb) + bomb
    with pytest.raises(BadAnswerError, match=r"too long to read|more than an answer can be"):
        ask_over_socket(saying(answer))


def test_connecting_writing_and_waiting_for_a_connection_have_limits_and_reading_has_its_own() -> None:
    seen: list[dict[str, float | None]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200, content=sse(chunk("a")), headers={"content-type": "text/event-stream"})

    async def run() -> None:
        async with make_http_client(transport=httpx.MockTransport(handler)) as http:
            await collect(Wire(http), call_of())

    asyncio.run(run())
    assert seen == [{"connect": 5.0, "read": None, "write": 30.0, "pool": 10.0}]


def test_the_times_are_those_that_the_product_promises() -> None:
    assert (Times().between_chunks, Times().total) == (30.0, 600.0)
    assert call_of("groq").provider.first_token_timeout == 60.0


def test_the_client_has_no_redirects_no_environment_and_a_limit_on_connections() -> None:
    client = make_http_client()
    assert isinstance(client, httpx.AsyncClient)
    assert client.follow_redirects is False
    assert client.trust_env is False
    asyncio.run(client.aclose())


def test_a_connection_that_breaks_after_the_finish_loses_nothing_but_the_usage() -> None:
    deltas, ended = ask_over_socket(saying(CHUNKED + framed(sse(chunk("Hello", finish="stop"), done=False))))
    assert text_of(deltas) == "Hello"
    assert (ended.finish_reason, ended.usage) == ("stop", None)
