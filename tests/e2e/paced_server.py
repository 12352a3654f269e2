"""The paced provider itself: one asyncio loop in a process that ends when its standard input does.

Run as `python -m tests.e2e.paced_server [MODEL...]`; prints its port. `NAME=MODEL` lists a name that is answered as
that model. Each connection carries one request, so that whatever else can be read on it is the client's going away.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from tests.e2e.paced_models import LISTED, Plan, break_before, error, plan

STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
)
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST

PRICES = {"input": 0.6, "output": 1.8}  # USD for a million tokens

Put = Callable[[str], None]


class _Client:
    """One connection, seen from here."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def request(self) -> tuple[str, str, dict[str, Any]]:
        """Method, path and JSON body."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, path, _version = head.split("\r\n", 1)[0].split(" ")
        fields = [line.partition(":") for line in head.split("\r\n")[1:]]
        length = next((int(value) for name, _, value in fields if name.lower() == "content-length"), 0)
        body = await self._reader.readexactly(length)
        return method, path, json.loads(body) if body else {}

    async def gone(self) -> None:
        """Returns once the client has closed the connection."""
        with suppress(ConnectionError):
            while await self._reader.read(4096):
                pass

    def say(self, status: int, body: object) -> None:
        """A whole answer."""
        data = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n"
        self._writer.write(head.encode() + b"connection: close\r\n\r\n" + data)

    def begin(self) -> None:
        self._writer.write(STREAM)

    def event(self, *bodies: object, last: bool = False) -> None:
        """Events, each a chunk of HTTP of its own; with `last`, the end of the stream too, in the same write."""
        events = [b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n" for body in bodies]
        if last:
            events.append(b"data: [DONE]\n\n")
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in events)
        self._writer.write(chunks + (b"0\r\n\r\n" if last else b""))

    def reset(self) -> None:
        """Breaks the connection off."""
        own: socket.socket = self._writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._writer.transport.abort()

    async def close(self) -> None:
        with suppress(ConnectionError):
            await self._writer.drain()
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


class PacedServer:
    """Answers, and keeps what it saw."""

    def __init__(self, listed: Sequence[str]) -> None:
        named = [one.partition("=") for one in listed]
        self._answered_as = {name: model or name for name, _, model in named}
        self._seen = list[dict[str, Any]]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        client = _Client(reader, writer)
        try:
            method, path, body = await client.request()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            return
        if path == "/seen":
            client.say(200, self._seen)
        elif path == "/v1/models":
            rows = [
                {"id": one, "object": "model", "created": 1, "owned_by": "paced", "pricing": PRICES}
                for one in self._answered_as
            ]
            client.say(200, {"object": "list", "data": rows})
        elif (method, path) == ("POST", "/v1/chat/completions"):
            await self._chat(client, body)
        else:
            client.say(404, error(404))
        await client.close()

    async def _chat(self, client: _Client, body: dict[str, Any]) -> None:
        seen = {"id": len(self._seen) + 1, "model": body.get("model"), "body": body, "began": time.time()}
        seen |= {"ended": None, "aborted": None, "tokens": 0, "latest_ms": 0.0}
        self._seen.append(seen)
        answer = asyncio.create_task(self._answer(client, body, seen))
        gone = asyncio.create_task(client.gone())
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            seen["aborted"] = time.time()
        for task in (answer, gone):
            task.cancel()
        outcomes = await asyncio.gather(answer, gone, return_exceptions=True)
        if isinstance(outcomes[0], Exception):
            raise outcomes[0]

    async def _answer(self, client: _Client, body: dict[str, Any], seen: dict[str, Any]) -> None:
        model = str(body.get("model"))
        found = plan(self._answered_as.get(model, model))
        if found is None or found.refuse is not None:
            status = found.refuse if found and found.refuse else 404
            client.say(status, error(status))
        elif found.end == "never":
            await asyncio.Event().wait()
        elif body.get("stream"):
            await self._stream(client, found, body, seen)
        else:
            text: list[str] = []
            finish = await _spell(found, body, seen, text.append)
            message = {"role": "assistant", "content": "".join(text)}
            choice = {"index": 0, "message": message, "finish_reason": finish}
            client.say(200, {**_head(seen), "object": "chat.completion", "choices": [choice], **_usage(body, seen)})
        seen["ended"] = time.time()

    async def _stream(self, client: _Client, found: Plan, body: dict[str, Any], seen: dict[str, Any]) -> None:
        head = _head(seen)

        def delta(fields: dict[str, str], finish: str | None = None) -> dict[str, Any]:
            return {**head, "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}

        client.begin()
        finish = await _spell(found, body, seen, lambda text: client.event(delta({"content": text})))
        if found.end == "reset":
            client.reset()
            return
        tail = [delta({}, finish)]
        if (body.get("stream_options") or {}).get("include_usage"):
            tail.append({**head, "choices": [], **_usage(body, seen)})
        client.event(*tail, last=True)


async def _spell(found: Plan, body: dict[str, Any], seen: dict[str, Any], put: Put) -> str:
    """Puts the tokens, each at its time; the finish reason.

    Deadlines are counted from the beginning, so a late token makes no later one late. Nothing waits for the client to
    read: a slow one must not look punctual. After the last token of an answer that breaks off, it waits once more, so
    that the token is on its way before the reset.
    """
    most = body.get("max_completion_tokens") or body.get("max_tokens") or found.count
    count = min(found.count, int(most))
    loop = asyncio.get_running_loop()
    began = loop.time() + found.first_after
    written = 0
    for index in range(count):
        due = began + index / found.rate
        await asyncio.sleep(due - loop.time())
        seen["latest_ms"] = max(seen["latest_ms"], round(1000 * (loop.time() - due), 1))
        if found.words is not None:
            put(found.words[index])
        else:
            # Two in one millisecond would be one to a page that tells them apart by it.
            written = max(int(time.time() * 1000), written + 1)
            put((break_before(index) or f"a{seen['id']} ") + f"t{written}")
        seen["tokens"] += 1
    if found.end == "reset":
        await asyncio.sleep(began + count / found.rate - loop.time())
    return "stop" if count == found.count else "length"


def _head(seen: dict[str, Any]) -> dict[str, Any]:
    named = {"id": f"chatcmpl-{seen['id']}", "object": "chat.completion.chunk"}
    return {**named, "created": int(seen["began"]), "model": seen["model"]}


def _usage(body: dict[str, Any], seen: dict[str, Any]) -> dict[str, Any]:
    """Tokens out as streamed; tokens in are the words of the messages."""
    asked = sum(len(str(message.get("content")).split()) for message in body.get("messages", ()))
    counts = {"prompt_tokens": asked, "completion_tokens": seen["tokens"], "total_tokens": asked + seen["tokens"]}
    return {"usage": counts}


async def _run(listed: Sequence[str], until: Callable[[], Awaitable[object]]) -> None:
    server = await asyncio.start_server(PacedServer(listed).serve, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    gc.freeze()
    await until()


if __name__ == "__main__":
    asyncio.run(_run((*LISTED, *sys.argv[1:]), lambda: asyncio.to_thread(sys.stdin.read)))
