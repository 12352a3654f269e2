"""ASGI middleware: each HTTP request gets an id, in its response and in each log line; a failure is our own answer.

Refuses ids from outside, and to say more to a browser about an unforeseen error than the id.
"""

from __future__ import annotations

import logging

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from byok.ground import request_ids
from byok.ground.errors import ByokError, InvalidInputError, NotAllowedError, NotFoundError, NotSignedInError

HEADER = b"x-request-id"
SORRY = "Something went wrong here. Try again; if it lasts, tell whoever runs this workbench the id."
# What an error of the tree is in HTTP; any other is the server's own.
STATUS: tuple[tuple[type[ByokError], int], ...] = (
    (NotSignedInError, 401),
    (NotAllowedError, 403),
    (NotFoundError, 404),
    (InvalidInputError, 400),
)

log = logging.getLogger(__name__)


class RequestIds:
    """Gives ids, and turns what an application lets through into `{"error": ..., "id": ...}`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request_id = request_ids.begin()
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def send_with_id(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                kept = [pair for pair in message.get("headers", []) if pair[0].lower() != HEADER]
                message["headers"] = [*kept, (HEADER, request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            return  # nobody is there to be told
        except Exception as error:
            foreseen = isinstance(error, ByokError)
            level = logging.WARNING if foreseen else logging.ERROR
            log.log(level, "%s %r failed", scope["method"], scope["path"], exc_info=error)
            if not begun:  # else the server sees that the response has no end, and closes the connection
                words = str(error) if foreseen else SORRY
                answer = JSONResponse({"error": words, "id": request_id}, _status(error))
                await answer(scope, receive, send_with_id)


def _status(error: Exception) -> int:
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)
