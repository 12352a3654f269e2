"""A provider for the benchmark of sessions: holds every stream back until told, then writes at a fixed pace.

OpenAI-compatible, on loopback, in a process of its own. Each token is four characters long, like most real ones, and
tells the moment at which it was written: milliseconds after an epoch that both sides know, in base 36.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from local_server import MODEL, MODELS, ONE_TOKEN, STREAM

PACE = 50  # tokens a second, of each stream
PHASES = 20  # streams write in turns, a millisecond apart, so that they do not all come at once
PARAGRAPH = 60  # tokens
HEAD = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def moment(token: str) -> int:
    """Milliseconds after the epoch at which this token was written."""
    return int(token, 36)


def _token(milliseconds: int) -> bytes:
    high, low = divmod(milliseconds, 36 * 36)
    return bytes((DIGITS[high // 36], DIGITS[high % 36], DIGITS[low // 36], DIGITS[low % 36]))


def _event(choices: list[dict[str, object]], **more: object) -> bytes:
    data = b"data: " + json.dumps({**HEAD, "choices": choices, **more}).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def _delta(content: str) -> bytes:
    return _event([{"index": 0, "delta": {"content": content}, "logprobs": None, "finish_reason": None}])


WORD, NEW_PARAGRAPH = (_delta(before + "....").split(b"....") for before in (" ", "\n\n"))
BEGIN = STREAM + _event([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])


def _end(tokens: int) -> bytes:
    usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": tokens + 9}
    finish = _event([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}])
    return finish + _event([], usage=usage) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


@dataclass
class _Streams:
    """All streams of the process."""

    epoch: float
    held: list[asyncio.StreamWriter] = field(default_factory=list)

    async def respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                return
            lines = (line.lower() for line in head.split(b"\r\n"))
            lengths = [line.split(b":")[1] for line in lines if line.startswith(b"content-length")]
            body = await reader.readexactly(int(lengths[0]) if lengths else 0)
            if head.startswith(b"GET"):
                writer.write(MODELS)
            elif not json.loads(body).get("stream"):
                writer.write(ONE_TOKEN)
            else:
                writer.write(BEGIN)
                self.held.append(writer)

    async def write_all(self, tokens: int) -> float:
        """Streams to everybody who waits; milliseconds that the writing was late, 95th percentile."""
        streams, self.held = self.held, []
        phases = [streams[phase::PHASES] for phase in range(PHASES)]
        began, late = time.monotonic() + 0.1, []
        last = 0
        for n in range(tokens):
            before, after = NEW_PARAGRAPH if n and n % PARAGRAPH == 0 else WORD
            for phase, writers in enumerate(phases):
                due = began + (n + phase / PHASES) / PACE
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                late.append(time.monotonic() - due)
                for writer in writers:
                    # A later token of the same stream never has the same moment, by which a reader knows it is new.
                    last = max(last, int((time.monotonic() - self.epoch) * 1000))
                    writer.write(before + _token(last) + after)
            last += 1
        for writer in streams:
            writer.write(_end(tokens))
        return statistics.quantiles(late, n=20)[-1] * 1000


def _serve(pipe: Connection, epoch: float) -> None:
    async def run() -> None:
        streams = _Streams(epoch)
        server = await asyncio.start_server(streams.respond, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        gc.freeze()
        gc.disable()  # it lives for a minute
        while True:
            what, tokens = await asyncio.to_thread(pipe.recv)
            pipe.send(len(streams.held) if what == "held" else await streams.write_all(tokens))

    asyncio.run(run())


@dataclass
class PacedServer:
    """The running provider.

    Attributes:
        epoch: by `time.monotonic`, from which the tokens' moments count.
    """

    base_url: str
    epoch: float
    pipe: Connection

    def held(self) -> int:
        """How many streams wait for the first token."""
        self.pipe.send(("held", 0))
        return int(self.pipe.recv())

    def go(self, tokens: int) -> None:
        """Begins to write to all of them, that many tokens each."""
        self.pipe.send(("go", tokens))

    def late(self) -> float:
        """To be called after `go`, once: milliseconds that the provider itself was late, 95th percentile."""
        return float(self.pipe.recv())


@contextmanager
def paced_server() -> Iterator[PacedServer]:
    """The provider, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    epoch = time.monotonic()
    here, there = context.Pipe()
    process = context.Process(target=functools.partial(_serve, there, epoch), daemon=True)
    process.start()
    try:
        yield PacedServer(f"http://127.0.0.1:{here.recv()}/v1", epoch, here)
    finally:
        process.terminate()
        process.join()
