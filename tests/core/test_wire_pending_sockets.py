"""An answer that is promised by a 202, over real sockets: fetched with the key, given up in time, and on Stop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from byok.core.wire import ChatCall, Wire
from byok.ground.errors import ProviderDownError, ProviderError, UnreachableError
from tests.certificates import network_client
from tests.wire_tools import SECRET, Respond, call_of, chunk, collect, loopback, sse, text_of

TICKET = "5a1c0e77-0d3c-4a51-9f0e-1f0a7c2d9b11"
PROMISE = f"HTTP/1.1 202 Accepted\r\nnvcf-reqid: {TICKET}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()


def said(status: str, kind: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode() + body


def in_turn(*answers: bytes) -> tuple[Respond, list[bytes]]:
    """Answers each request with the next answer, the last one for ever; and the requests so far."""
    requests: list[bytes] = []

    async def respond(request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(request)
        writer.write(answers[min(len(requests), len(answers)) - 1])
        await writer.drain()

    return respond, requests


def nvidia(base_url: str, *, patience: float = 120.0) -> ChatCall:
    call = call_of("nvidia", base_url=base_url)
    return replace(call, provider=call.provider.model_copy(update={"first_token_timeout": patience}))


def ask_nvidia(respond: Respond, **more: Any) -> str:
    async def run() -> str:
        async with loopback(respond) as base_url, network_client() as http:
            return text_of((await collect(Wire(http), nvidia(base_url, **more)))[0])

    return asyncio.run(run())


WHOLE = b'{"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}'


@pytest.mark.parametrize(
    "answer",
    [said("200 OK", "text/event-stream", sse(chunk("Hel"), chunk("lo"))), said("200 OK", "application/json", WHOLE)],
    ids=["as a stream", "whole"],
)
def test_a_promised_answer_is_fetched_by_its_ticket_with_the_key(answer: bytes) -> None:
    respond, requests = in_turn(PROMISE, PROMISE, answer)
    assert ask_nvidia(respond) == "Hello"
    assert [request.split(b" HTTP")[0] for request in requests] == [
        b"POST /v1/chat/completions",
        *[f"GET /v1/status/{TICKET}".encode()] * 2,
    ]
    assert all(b"Bearer " + SECRET.encode() in request for request in requests)


def test_a_promise_that_is_not_kept_is_given_up_at_the_deadline_of_the_first_token() -> None:
    respond, requests = in_turn(PROMISE)
    with pytest.raises(UnreachableError, match="in time"):
        ask_nvidia(respond, patience=0.7)
    assert len(requests) == 2


def test_a_promise_that_is_broken_says_that_the_question_had_been_taken_on() -> None:
    respond, _ = in_turn(PROMISE, said("503 Service Unavailable", "application/json", b'{"detail": "worker lost"}'))
    with pytest.raises(ProviderDownError, match="worker lost") as caught:
        ask_nvidia(respond)
    assert caught.value.taken_on


def test_an_error_in_the_promised_answer_itself_says_so_too() -> None:
    torn = said("200 OK", "text/event-stream", sse({"error": {"message": "worker lost", "code": 503}}))
    respond, _ = in_turn(PROMISE, torn)
    with pytest.raises(ProviderDownError, match="worker lost") as caught:
        ask_nvidia(respond)
    assert caught.value.taken_on


def test_a_promised_answer_that_may_not_be_streamed_is_not_asked_for_once_more() -> None:
    no = b'{"error": {"message": "verify your organization", "param": "stream"}}'
    respond, requests = in_turn(PROMISE, said("400 Bad Request", "application/json", no))
    with pytest.raises(ProviderError) as caught:
        ask_nvidia(respond)
    assert (caught.value.taken_on, len(requests)) == (True, 2)


def test_a_refusal_at_once_had_not_been_taken_on() -> None:
    respond, _ = in_turn(said("503 Service Unavailable", "application/json", b'{"detail": "busy"}'))
    with pytest.raises(ProviderDownError) as caught:
        ask_nvidia(respond)
    assert not caught.value.taken_on


def test_a_202_without_a_ticket_is_not_fetched() -> None:
    respond, requests = in_turn(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    with pytest.raises(ProviderError) as caught:
        ask_nvidia(respond)
    assert (caught.value.taken_on, len(requests)) == (True, 1)


def test_stop_ends_the_looking() -> None:
    async def run() -> bool:
        looking, gone = asyncio.Event(), asyncio.Event()

        async def respond(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if request.startswith(b"POST"):
                writer.write(PROMISE)
                return
            looking.set()
            with suppress(ConnectionError):
                await reader.read()
            gone.set()

        async with loopback(respond) as base_url, network_client() as http:
            asking = asyncio.ensure_future(collect(Wire(http), nvidia(base_url)))
            await asyncio.wait_for(looking.wait(), 10)
            asking.cancel()
            await asyncio.wait_for(gone.wait(), 10)
            with pytest.raises(asyncio.CancelledError):
                await asking
            return gone.is_set()

    assert asyncio.run(run())
