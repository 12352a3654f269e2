"""A provider for the benchmarks: OpenAI-compatible, on loopback, in a process of its own, and as fast as it can be.

The first chunk, with text, comes at once; the rest a moment later, so that it is not part of what is measured.
"""

from __future__ import annotations

import asyncio
import functools
import json
import multiprocessing
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

MODEL = "bench-1"
PAUSE = 0.05  # seconds between the first chunk and the rest


def _event(fields: dict[str, object]) -> bytes:
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    data = b"data: " + json.dumps({**head, **fields}).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def _delta(delta: dict[str, str], finish: str | None = None) -> bytes:
    return _event({"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FIRST = STREAM + _delta({"role": "assistant", "content": "Hello"})
REST = (
    b"".join(_delta({"content": f" word{n}"}) for n in range(8))
    + _delta({}, "stop")
    + _event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}})
    + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)


def _whole(body: dict[str, object]) -> bytes:
    text = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(text), text)


MODELS = _whole({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
REPLY = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "length"}
ONE_TOKEN = _whole({"id": "c", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [REPLY]})


def whole_stream(rows: Iterable[dict[str, object]]) -> bytes:
    """A streamed answer as it goes over the wire, each row an event and a chunk of HTTP of its own, then `[DONE]`."""
    events = [b"data: " + json.dumps(row).encode() + b"\n\n" for row in rows] + [b"data: [DONE]\n\n"]
    return STREAM + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in events) + b"0\r\n\r\n"


async def _respond(stream: bytes | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            return
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
        body = await reader.readexactly(int(lengths[0]) if lengths else 0)
        if head.startswith(b"GET"):
            writer.write(MODELS)
        elif not json.loads(body).get("stream"):
            writer.write(ONE_TOKEN)
        elif stream is not None:
            writer.write(stream)
        else:
            writer.write(FIRST)
            await asyncio.sleep(PAUSE)
            writer.write(REST)
        await writer.drain()


def _serve(pipe: Connection, stream: bytes | None) -> None:
    async def run() -> None:
        server = await asyncio.start_server(functools.partial(_respond, stream), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def local_server(stream: bytes | None = None) -> Iterator[str]:
    """The base URL of a server in a process of its own.

    Args:
        stream: what every streamed question is answered, at once; without it, a first word and the rest a moment later.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, stream), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/v1"
    finally:
        process.terminate()
        process.join()
