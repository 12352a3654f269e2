"""Sessions without a browser, for the benchmark of sessions: what a tab sends and reads, and nothing of what it draws.

Each reads Streamlit's websocket; the workbench's ones its event stream as well, and put the HTML together as the page
does. A token's lag is from the moment it was written to the wire until its text stands in this process.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from array import array
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from paced_server import moment

TOKEN = re.compile(r"\b[0-9A-Z]{4}\b")
TAG = re.compile(r"<[^>]*>")
STREAM_PATH = b"/app/stream?"
DONE = ForwardMsg.ScriptFinishedStatus.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY


class LostSessionError(Exception):
    """The server let the session go."""


@dataclass
class Session:
    """One tab.

    Attributes:
        url: of the server.
        epoch: of the tokens' moments.
        lags: milliseconds, one for each token.
    """

    url: str
    epoch: float
    cookie: str | None = None
    lags: array[float] = field(default_factory=lambda: array("d"))
    socket: ClientConnection | None = None
    page: str = ""
    ran: asyncio.Event = field(default_factory=asyncio.Event)
    reading: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Opens the websocket as Streamlit's page does."""
        headers = {"Cookie": self.cookie} if self.cookie else {}
        self.socket = await connect(
            f"ws://{urlsplit(self.url).netloc}/_stcore/stream",
            origin=self.url,  # type: ignore[arg-type]
            subprotocols=["streamlit"],  # type: ignore[list-item]
            additional_headers=headers,
            compression=None,
            max_size=None,
            ping_interval=None,
            open_timeout=60,
            proxy=None,
        )
        self.reading = asyncio.create_task(self._read(self.socket))

    async def close(self) -> None:
        """Closes the tab."""
        if self.reading is not None:
            self.reading.cancel()
        if self.socket is not None:
            self.socket.transport.abort()

    async def run(self, query: str = "", *, fragment: str = "") -> None:
        """Has the page's script run, and does not wait for it."""
        assert self.socket is not None
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.page_script_hash = self.page
        message.rerun_script.fragment_id = fragment
        message.rerun_script.context_info.url = self.url
        message.rerun_script.context_info.timezone = "UTC"
        message.rerun_script.widget_states.SetInParent()
        self.ran.clear()
        await self.socket.send(message.SerializeToString())

    async def until_ran(self) -> None:
        """Waits for the script's end.

        Raises:
            LostSessionError: the server closed the socket.
        """
        assert self.reading is not None
        ran = asyncio.create_task(self.ran.wait())
        await asyncio.wait({ran, self.reading}, return_when=asyncio.FIRST_COMPLETED)
        if not ran.done():
            ran.cancel()
            raise LostSessionError("closed")

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for data in socket:
                assert isinstance(data, bytes)
                message = ForwardMsg.FromString(data)
                kind = message.WhichOneof("type")
                if kind == "delta":
                    self.saw(message, data)
                elif kind == "new_session":
                    self.page = message.new_session.page_script_hash
                elif kind == "script_finished" and message.script_finished in DONE:
                    self.ran.set()
        except ConnectionClosed:
            return

    def saw(self, message: ForwardMsg, data: bytes) -> None:
        """Takes a change of the page."""

    async def open(self) -> None:
        """Opens the page and asks; returns once nothing but the answers is missing."""
        raise NotImplementedError

    async def finish(self) -> None:
        """Returns once all answers are whole and the page stands still."""
        raise NotImplementedError

    def count(self, tokens: list[str], now: float) -> None:
        """Notes the lag of tokens that were not there before."""
        read = (now - self.epoch) * 1000
        self.lags.extend(read - moment(token) for token in tokens)


@dataclass
class PlainSession(Session):
    """A tab of the plain page: the whole text comes with each change."""

    seen: dict[tuple[int, ...], int] = field(default_factory=dict)

    def saw(self, message: ForwardMsg, data: bytes) -> None:
        body = message.delta.new_element.markdown.body  # empty where the change is another
        place = tuple(message.metadata.delta_path)
        tokens = TOKEN.findall(body, self.seen.get(place, 0))
        if tokens:
            self.seen[place] = len(body)
            self.count(tokens, time.monotonic())

    async def open(self) -> None:
        await self.connect()
        await self.run()
        await self.until_ran()
        await self.run("question=Tell+me+a+story.")

    async def finish(self) -> None:
        await self.until_ran()


@dataclass
class WorkbenchSession(Session):
    """A signed-in tab of the workbench: the page's script has ended long before the answers do."""

    query: str = ""
    fragments: set[str] = field(default_factory=set)
    events: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None
    html: dict[tuple[object, int], str] = field(default_factory=dict)
    newest: dict[object, int] = field(default_factory=dict)

    def saw(self, message: ForwardMsg, data: bytes) -> None:
        if STREAM_PATH in data and message.delta.fragment_id:
            self.fragments.add(message.delta.fragment_id)

    async def open(self) -> None:
        await self.connect()
        await self.run()
        await self.until_ran()
        asked = json.loads(await self._request("POST", "/bench/ask"))
        self.query = asked["query"]
        await self.run(self.query)
        await self.until_ran()
        assert self.fragments, "no running answer is on the page"
        assert json.loads(await self._request("GET", "/app/session"))["person"]  # as watch.js does
        self.events, self.writer = await self._send("GET", asked["stream"])
        head = await self.events.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        assert b"text/event-stream" in head, head
        await self._next_event()

    async def finish(self) -> None:
        while not await self._next_event():
            pass
        for fragment in self.fragments:  # each element that ended has its part of the page drawn anew
            await self.run(fragment=fragment)
        await self.until_ran()
        await self.run(self.query)  # once all have ended, the page with its numbers
        await self.until_ran()

    async def close(self) -> None:
        if self.writer is not None:
            self.writer.transport.abort()
        await super().close()

    async def _next_event(self) -> bool:
        """Reads what the server sent at once; whether it was the last."""
        assert self.events is not None
        try:
            size = int(await self.events.readuntil(b"\r\n"), 16)
            chunk = (await self.events.readexactly(size + 2)).decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            raise LostSessionError("its event stream ended") from None
        last = not size
        for event in chunk.split("\n\n"):
            if event.startswith("event: bye"):
                last = True
            elif event.startswith("data: "):
                for change in json.loads(event[6:]):
                    self._take(change)
        return last

    def _take(self, message: dict[str, Any]) -> None:
        answer = message["a"]
        newest = self.newest.get(answer, -1)
        tokens = []
        for index, keep, rest in message.get("b", ()):
            block = self.html.get((answer, index), "")
            self.html[answer, index] = block[:keep] + rest
            tokens += [one for one in TOKEN.findall(TAG.sub(" ", rest)) if moment(one) > newest]
        if tokens:
            self.newest[answer] = moment(tokens[-1])
            self.count(tokens, time.monotonic())

    async def _send(self, method: str, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(host.hostname, host.port)
        lines = f"{method} {path} HTTP/1.1", f"Host: {host.netloc}", f"Cookie: {self.cookie}", "Content-Length: 0"
        writer.write("\r\n".join((*lines, "", "")).encode())
        return reader, writer

    async def _request(self, method: str, path: str) -> bytes:
        reader, writer = await self._send(method, path)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), head
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None, head
        body = await reader.readexactly(int(length[1]))
        writer.close()
        return body
