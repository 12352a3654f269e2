"""The event stream: running answers, as rendered and sanitised HTML, to whoever may read it.

It sends only what changed: finished blocks once, of the tail what differs. It holds no database session and no
answer back: a slow browser gets fewer, larger events.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from byok.core.live import Live, wait_any
from byok.ground.errors import ByokError
from byok.services.access import Actor
from byok.services.conversation_views import TurnView
from web.house import house, workbench
from web.markdown import Blocks
from web.own_routes import LOOK_AGAIN, from_elsewhere, reader, refused
from web.parts import plain

PATH = "/app/stream"
FRAME = 1 / 20  # seconds between events at the most: more often the eye does not see, and the server pays for it
REMOTE_POLL = 0.5  # seconds between looks at an answer that another process writes
SHARE = 8  # a text that is costly to render is rendered less often: at most an eighth of the loop's time goes into it
MOST_TURNS = 256  # messages on one connection
MOST_ANSWERS = 1024
BEAT = 15.0  # seconds of silence after which a comment keeps the connection open


@dataclass(frozen=True, slots=True)
class Address:
    """Where the answers to some messages are streamed, all over one connection: `url`, and the place of each in it.

    It stays the same while they end one after the other, so that nothing is sent twice.
    """

    url: str
    places: Mapping[UUID, int]


def address(turns: Iterable[TurnView]) -> Address:
    """The address for these messages; their answers in the order in which they were asked for."""
    turns = list(turns)[:MOST_TURNS]
    ids = [answer.id for turn in turns for answer in turn.answers]
    named = ",".join(f"{turn.id}.{len(turn.answers)}" for turn in turns)
    return Address(f"{PATH}?turns={named}", {answer_id: place for place, answer_id in enumerate(ids)})


def _named(query: str) -> list[tuple[UUID, int]]:
    """The messages of an address, each with how many answers it has a place for.

    Raises:
        ValueError: it names none.
    """
    pairs = [one.partition(".") for one in query.split(",")]
    return [(UUID(turn), int(count)) for turn, _, count in pairs][:MOST_TURNS]


class _Watched:
    """One answer as this connection has shown it so far."""

    def __init__(self, place: int, answer_id: UUID, live: Live | None) -> None:
        self.place, self.answer_id, self.live = place, answer_id, live
        self.version = -1
        self.ended = False
        self.cost = 0.0  # seconds that the last rendering took
        self._blocks = Blocks()
        self._html: dict[int, str] = {}

    def change(self, text: str, *, running: bool, first: bool) -> dict[str, Any] | None:
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
        return message if len(message) > 1 else None

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
    low, high = 0, min(len(before), len(after))
    while low < high:  # slices are compared many times faster than letters
        middle = (low + high + 1) // 2
        if before[low:middle] == after[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _kept(actor: Actor, answer_id: UUID) -> tuple[str, bool]:
    """The text that the database has of an answer which another process writes, and whether it still grows."""
    try:
        answer = workbench().conversations.answer(actor, answer_id)
    except ByokError:  # deleted meanwhile, or its reader was shut out
        return "", False
    return answer.text, answer.running


def _running(actor: Actor, answer_ids: Sequence[UUID]) -> set[UUID]:
    """Those that another process still writes."""
    try:
        answers = workbench().conversations.answers(actor, answer_ids) if answer_ids else []
    except ByokError:
        return set()
    return {answer.id for answer in answers if answer.running}


def _may_go_on(token: str, actor: Actor, answer_ids: Sequence[UUID]) -> bool:
    """Whether the session lasts, and all of these answers are still the reader's to read."""
    bench = workbench()
    if not bench.sessions.lasts(token):
        return False
    try:
        if answer_ids:
            bench.conversations.check(actor, answer_ids)
    except ByokError:
        return False
    return True


async def events(
    token: str, actor: Actor, answer_ids: Sequence[UUID], *, look_again: float = LOOK_AGAIN
) -> AsyncIterator[str]:
    """The events of these answers, until all have ended, or the session behind `token`, or the right to read them."""
    bench = workbench()
    looked = told = time.monotonic()
    watched = [_Watched(place, one, bench.runner.live(one)) for place, one in enumerate(answer_ids)]
    first = True
    open_elsewhere = await run_in_threadpool(_running, actor, [w.answer_id for w in watched if w.live is None])
    while True:
        if time.monotonic() > looked + look_again:
            here = [w.answer_id for w in watched if w.live is not None and not w.ended]
            if not await run_in_threadpool(_may_go_on, token, actor, here):
                return
            looked = time.monotonic()
        changed: list[dict[str, Any]] = []
        for one in (w for w in watched if not w.ended):
            if one.live is not None:
                if one.live.version == one.version:
                    continue
                now = one.live.snapshot()
                one.version = now.version
                text, running = now.text or _noted(now.note), now.state == "running"
            elif first and one.answer_id not in open_elsewhere:
                text, running = "", False  # ended before: whoever shows it has it from the database
            else:
                text, running = await run_in_threadpool(_kept, actor, one.answer_id)
            change = one.change(text, running=running, first=first)
            if change is not None:
                changed.append(change)
        first = False
        if changed:
            told = time.monotonic()
            yield f"data: {json.dumps(changed, separators=(',', ':'), ensure_ascii=False)}\n\n"
        if house().leaving:
            return
        if all(one.ended for one in watched):
            yield "event: bye\ndata: {}\n\n"
            return
        if not changed and time.monotonic() > told + BEAT:
            told = time.monotonic()
            yield ": still here\n\n"
        await asyncio.sleep(max(FRAME, SHARE * sum(one.cost for one in watched if not one.ended)))
        open_lives = {w.live: w.version for w in watched if w.live is not None and not w.ended}
        remote = any(w.live is None and not w.ended for w in watched)
        if remote:
            await asyncio.sleep(REMOTE_POLL)
        elif open_lives:
            await wait_any(open_lives, timeout=min(BEAT, look_again))


async def stream(request: Request) -> Response:
    """`GET ?turns=ID.COUNT,ID.COUNT`: an event stream of so many answers to each message, for the signed-in reader.

    400 for ids that are none, 401 without a session, 403 for another site, 404 for an answer that is not the reader's
    to read.
    """
    if from_elsewhere(request):
        return refused()
    found = await reader(request)
    if found is None:
        return JSONResponse({"error": "signed out"}, 401)
    token, who = found
    try:
        wanted = _named(request.query_params.get("turns", ""))
    except ValueError:
        return JSONResponse({"error": "no such answer"}, 400)
    try:
        places = await run_in_threadpool(workbench().conversations.places, who.actor, {turn for turn, _ in wanted})
    except ByokError:
        return JSONResponse({"error": "no such answer"}, 404)
    answers = [answer for turn, count in wanted for answer in places[turn][:count]][:MOST_ANSWERS]
    # X-Accel-Buffering: a reverse proxy must hand events on at once.
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events(token, who.actor, answers), media_type="text/event-stream", headers=headers)


ROUTES = [Route(PATH, stream, methods=["GET"])]
