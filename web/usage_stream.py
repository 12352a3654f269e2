"""Tells a Usage page that there is something new: an event for each change, whichever process made it.

It says that, not what: the page asks the services, as it did when it was drawn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from byok.ground.errors import ByokError
from byok.services.access import Actor
from web.house import house, workbench
from web.own_routes import LOOK_AGAIN, from_elsewhere, reader, refused
from web.stream import BEAT

PATH = "/app/usage/changes"
POLL = 0.7  # seconds: an answer is on the page within two of its end


def address(version: int) -> str:
    """Where a page that shows this version hears of the next."""
    return f"{PATH}?since={version}"


async def events(
    token: str, actor: Actor, since: int, *, look_again: float = LOOK_AGAIN, poll: float = POLL, beat: float = BEAT
) -> AsyncGenerator[str]:
    """An event with the new version at each change, until the session behind `token` has ended."""
    bench = workbench()
    looked = told = time.monotonic()
    while not house().leaving:
        if time.monotonic() > looked + look_again:
            if not await run_in_threadpool(bench.sessions.lasts, token):
                return
            looked = time.monotonic()
        try:
            version = await run_in_threadpool(bench.usage.version, actor)
        except ByokError:  # shut out meanwhile
            return
        if version != since:
            yield f"data: {version}\n\n"
            since, told = version, time.monotonic()
        elif time.monotonic() > told + beat:
            yield ": still here\n\n"
            told = time.monotonic()
        await asyncio.sleep(poll)


async def changes(request: Request) -> Response:
    """`GET ?since=VERSION`: an event stream for whoever is signed in.

    400 for a version that is none, 401 without a session, 403 for another site.
    """
    if from_elsewhere(request):
        return refused()
    found = await reader(request)
    if found is None:
        return JSONResponse({"error": "signed out"}, 401)
    since = request.query_params.get("since", "")
    if not (since.isascii() and since.isdecimal()) or len(since) > 18:
        return JSONResponse({"error": "no such version"}, 400)
    # X-Accel-Buffering: a reverse proxy must hand events on at once.
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    token, who = found
    return StreamingResponse(events(token, who.actor, int(since)), media_type="text/event-stream", headers=headers)


ROUTES = [Route(PATH, changes, methods=["GET"])]
