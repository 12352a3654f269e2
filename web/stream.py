"""The event stream: running answers, as rendered and sanitised HTML, to whoever may read it.

It sends only what changed: finished blocks once, of the tail what differs. It holds no database session and no
answer back: a slow browser gets fewer, larger events.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from byok.core.live import Live, wait_any
from byok.ground.errors import ByokError
from byok.services.access import Actor
from web.house import COOKIE, workbench
from web.markdown import Blocks
from web.parts import plain

PATH = "/app/stream"
FRAME = 1 / 30  # seconds between events at the most; the eye wants no more
REMOTE_POLL = 0.5  # seconds between looks at an answer that another process writes
SHARE = 8  # a text that is costly to render is rendered less often: at most an eighth of the loop's time goes into it
MOST = 64  # answers on one connection: more than eight columns in a race of five
LOOK_AGAIN = 5.0  # seconds after which the session is asked for again: signing out ends its streams too
BEAT = 15.0  # seconds of silence after which a comment keeps the connection open


def url(answer_ids: Sequence[UUID]) -> str:
    """The address at which these answers are streamed, all over one connection."""
    return f"{PATH}?answers={','.join(str(one) for one in answer_ids)}"


class _Watched:
    """One answer as this connection has shown it so far."""

    def __init__(self, place: int, answer_id: UUID, live: Live | None) -> None:
        self.place, self.answer_id, self.live = place, answer_id, live
        self.version = -1
        self.ended = False
        self.cost = 0.0  # seconds that the last rendering took
        self._blocks = Blocks()
        self._html: dict[int, str] = {}

    def event(self, text: str, *, running: bool, first: bool) -> str | None:
        """What the browser must change to show `text`; None where nothing did. `a` is the answer's place in the URL."""
        began = time.perf_counter()
        changes = [[index, *self._difference(index, html)] for index, html in self._blocks.feed(text)]
        self.cost = time.perf_counter() - began
        message: dict[str, Any] = {"a": self.place}
        if first:
            message["reset"] = 1
        if changes:
            message["b"] = changes
        if not running:
            self.ended = True
            message["end"] = 1
        if len(message) == 1:
            return None
        return f"data: {json.dumps(message, separators=(',', ':'), ensure_ascii=False)}\n\n"

    def _difference(self, index: int, html: str) -> tuple[int, str]:
        before = self._html.get(index, "")
        self._html[index] = html
        keep = _same(before, html)
        # The browser counts in UTF-16 units: count as it does.
        return len(html[:keep].encode("utf-16-le")) // 2, html[keep:]


def _noted(note: str | None) -> str:
    """A note, where the text will be."""
    return f"*{plain(note)}*" if note else ""


def _same(before: str, after: str) -> int:
    """How many characters both begin with."""
    if after.startswith(before):
        return len(before)
    return next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(after))


def _kept(actor: Actor, answer_id: UUID) -> tuple[str, bool]:
    """The text that the database has of an answer which another process writes, and whether it still grows."""
    try:
        answer = workbench().conversations.answer(actor, answer_id)
    except ByokError:  # deleted meanwhile, or its reader was shut out
        return "", False
    return answer.text, answer.running


async def events(
    token: str, actor: Actor, answer_ids: Sequence[UUID], *, look_again: float = LOOK_AGAIN
) -> AsyncIterator[str]:
    """The events of these answers, until all have ended or the session behind `token` has."""
    bench = workbench()
    looked = time.monotonic()
    watched = [_Watched(place, one, bench.runner.live(one)) for place, one in enumerate(answer_ids)]
    first = True
    while True:
        if time.monotonic() > looked + look_again:
            if await run_in_threadpool(bench.sessions.whois, token) is None:
                return
            looked = time.monotonic()
        sent = False
        for one in (w for w in watched if not w.ended):
            if one.live is not None:
                if one.live.version == one.version:
                    continue
                now = one.live.snapshot()
                one.version = now.version
                text, running = now.text or _noted(now.note), now.state == "running"
            else:
                text, running = await run_in_threadpool(_kept, actor, one.answer_id)
            event = one.event(text, running=running, first=first)
            if event is not None:
                sent = True
                yield event
        first = False
        if all(one.ended for one in watched):
            yield "event: bye\ndata: {}\n\n"
            return
        if not sent:
            yield ": still here\n\n"
        await asyncio.sleep(max(FRAME, SHARE * sum(one.cost for one in watched if not one.ended)))
        open_lives = {w.live: w.version for w in watched if w.live is not None and not w.ended}
        remote = any(w.live is None and not w.ended for w in watched)
        if remote:
            await asyncio.sleep(REMOTE_POLL)
        elif open_lives:
            await wait_any(open_lives, timeout=BEAT)


async def stream(request: Request) -> Response:
    """`GET ?answers=ID,ID`: an event stream for the signed-in reader.

    400 for ids that are none, 401 without a session, 404 for an answer that is not the reader's to read.
    """
    token = request.cookies.get(COOKIE)
    who = await run_in_threadpool(workbench().sessions.whois, token) if token else None
    if not token or who is None:
        return JSONResponse({"error": "signed out"}, 401)
    try:
        wanted = [UUID(one) for one in request.query_params.get("answers", "").split(",")]
    except ValueError:
        return JSONResponse({"error": "no such answer"}, 400)
    try:
        await run_in_threadpool(workbench().conversations.check, who.actor, wanted[:MOST])
    except ByokError:
        return JSONResponse({"error": "no such answer"}, 404)
    # X-Accel-Buffering: a reverse proxy must hand events on at once.
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events(token, who.actor, wanted[:MOST]), media_type="text/event-stream", headers=headers)


ROUTES = [Route(PATH, stream, methods=["GET"])]
