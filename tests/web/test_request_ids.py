"""Each response has an id of ours, and a failed request's is the one in the log; its words stay there, too."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from byok.core.logs import Line
from byok.core.redaction import Redaction
from byok.ground import request_ids
from byok.ground.errors import ByokError, NotAllowedError, NotFoundError, NotSignedInError, PlanUsedUpError
from web.headers import SecurityHeaders
from web.request_ids import RequestIds

WORDS = "what nobody should read"


class Failing:
    """Routes that fail with `error`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def whole(self, _: Request) -> Response:
        if self.error:
            raise self.error
        return PlainTextResponse(request_ids.current(), headers={"X-Request-Id": "from-inside"})

    async def streamed(self, _: Request) -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield b"begun"
            raise self.error or AssertionError

        return StreamingResponse(body())

    @property
    def app(self) -> Starlette:
        routes = [Route("/whole", self.whole), Route("/streamed", self.streamed)]
        return Starlette(routes=routes, middleware=[Middleware(SecurityHeaders), Middleware(RequestIds)])


class Log(logging.Handler):
    """The lines of the middleware's logger, as ours."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(Redaction())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(Line("json").format(record))


@pytest.fixture
def log() -> Iterator[Log]:
    handler, logger = Log(), logging.getLogger("web.request_ids")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def get(failing: Failing, path: str = "/whole", **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(failing.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


def test_each_response_has_an_id_of_its_own_that_the_code_sees_too() -> None:
    answers = [get(Failing()) for _ in range(3)]
    assert [answer.text for answer in answers] == [answer.headers["x-request-id"] for answer in answers]
    assert len({answer.text for answer in answers}) == 3
    assert all(len(answer.headers.get_list("x-request-id")) == 1 for answer in answers)


def test_an_id_from_outside_is_not_taken() -> None:
    assert get(Failing(), **{"X-Request-Id": "mine", "X-Correlation-Id": "mine"}).headers["x-request-id"] != "mine"


def test_what_is_not_there_has_one_too() -> None:
    answer = get(Failing(), "/nowhere")
    assert (answer.status_code, len(answer.headers["x-request-id"])) == (404, 12)


def test_a_failure_is_answered_with_an_id_that_the_log_knows_and_no_word_more(log: Log) -> None:
    answer = get(Failing(RuntimeError(WORDS)))
    (line,) = [json.loads(one) for one in log.lines]
    assert answer.status_code == 500
    assert answer.json().keys() == {"error", "id"}
    assert answer.json()["id"] == answer.headers["x-request-id"] == line["request"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (line["error"], line["message"]) == ("RuntimeError", "GET '/whole' failed")
    assert WORDS not in answer.text + "".join(log.lines)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotSignedInError("You are signed out."), 401),
        (NotAllowedError("Members cannot do that."), 403),
        (NotFoundError("There is no such answer."), 404),
        (PlanUsedUpError("The month's messages are used up."), 500),
    ],
)
def test_an_error_of_the_tree_says_what_to_do_next(log: Log, error: ByokError, status: int) -> None:
    answer = get(Failing(error))
    assert (answer.status_code, answer.json()["error"]) == (status, str(error))
    assert json.loads(log.lines[0])["level"] == "warning"


def test_an_answer_that_breaks_off_is_not_continued_with_words(log: Log) -> None:
    sent: list[Any] = []

    async def run() -> None:
        async def receive() -> Any:
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/streamed", "headers": [], "query_string": b""}
        await Failing(RuntimeError(WORDS)).app(scope, receive, send)

    asyncio.run(run())
    start, body = sent  # without an end: the server closes the connection
    assert (body["body"], body["more_body"]) == (b"begun", True)
    assert json.loads(log.lines[0])["request"] == dict(start["headers"])[b"x-request-id"].decode()
    assert WORDS not in "".join(log.lines)


def test_a_browser_that_left_is_no_failure(log: Log) -> None:
    async def run() -> None:
        async def gone(*_: object) -> None:
            raise ClientDisconnect

        async def unused(*_: object) -> None:
            raise AssertionError

        await RequestIds(gone)({"type": "http", "method": "POST", "path": "/"}, unused, unused)  # type: ignore[arg-type]

    asyncio.run(run())
    assert log.lines == []
