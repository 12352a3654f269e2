"""CPU for each streamed chunk: the product's client beside bare httpx and the openai SDK, in one run.

    uv run --group bench python bench/stream_chunks.py

A server in a process of its own streams 10,000 chunks of a chat completion over loopback, as fast as they are taken.
Each client reads them all in this process; what is measured is this process's CPU time (user and system). Rounds are
interleaved, so that a slow moment of the machine hits all alike, and medians are taken. `bare httpx` is
`aiter_lines`, `json.loads` and the delta picked out: the least that a client of the same kind does.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import platform
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path

import httpx

from byok.core.catalogue import Catalogue
from byok.core.key_auth import KeyAuth
from byok.core.wire import ChatCall, Delta, Wire, make_http_client

CHUNKS = 10_000
ROUNDS = 9
RESULTS = Path(__file__).parent / "results" / "stream_chunks.json"
KEY = "a made-up key"
QUESTION = [{"role": "user", "content": "Hello"}]
MOST_OF_HTTPX, LEAST_OF_OPENAI = 1.5, 4.0


def body() -> bytes:
    """10,000 chunks in OpenAI's shape, the finish, the usage, and `[DONE]`."""
    head = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "system_fingerprint": "f",
    }
    rows: list[dict[str, object]] = [
        {**head, "choices": [{"index": 0, "delta": {"content": f" word{n}"}, "logprobs": None, "finish_reason": None}]}
        for n in range(CHUNKS)
    ]
    rows.append({**head, "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 9, "completion_tokens": CHUNKS, "total_tokens": CHUNKS + 9}
    rows.append({**head, "choices": [], "usage": usage})
    return b"".join(b"data: " + json.dumps(row).encode() + b"\n\n" for row in rows) + b"data: [DONE]\n\n"


def serve(pipe: Connection) -> None:
    """Answers every request with the whole stream, each event as a chunk of HTTP of its own."""
    frames = [event + b"\n\n" for event in body().split(b"\n\n") if event]
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    answer += b"".join(b"%x\r\n%b\r\n" % (len(frame), frame) for frame in frames) + b"0\r\n\r\n"

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                return
            lengths = [h.split(b":")[1] for h in head.split(b"\r\n") if h.lower().startswith(b"content-length")]
            await reader.readexactly(int(lengths[0]) if lengths else 0)
            writer.write(answer)
            await writer.drain()

    async def run() -> None:
        server = await asyncio.start_server(respond, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def server() -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/v1"
    finally:
        process.terminate()
        process.join()


async def measure(base_url: str) -> dict[str, list[float]]:
    """Microseconds of CPU for a chunk, by client, one figure for each round."""
    import openai

    bare = httpx.AsyncClient(trust_env=False)
    shared = make_http_client()
    wire = Wire(shared)
    sdk = openai.AsyncOpenAI(api_key=KEY, base_url=base_url, max_retries=0)
    provider = Catalogue.load().get("openai")
    auth = KeyAuth(lambda: KEY, header="Authorization", prefix="Bearer ")
    call = ChatCall(provider=provider, base_url=base_url, model="m", messages=QUESTION, auth=auth)

    async def by_httpx() -> list[str]:
        texts = []
        request = {"model": "m", "messages": QUESTION, "stream": True}
        headers = {"Authorization": f"Bearer {KEY}"}
        async with bare.stream("POST", f"{base_url}/chat/completions", json=request, headers=headers) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    choices = json.loads(line[6:])["choices"]
                    if choices and (text := choices[0]["delta"].get("content")):
                        texts.append(text)
        return texts

    async def by_wire() -> list[str]:
        return [event.text async for event in wire.chat(call) if isinstance(event, Delta)]

    async def by_openai() -> list[str]:
        texts = []
        stream = await sdk.chat.completions.create(model="m", messages=QUESTION, stream=True)  # type: ignore[call-overload]
        async for chunk in stream:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                texts.append(text)
        return texts

    clients: dict[str, Callable[[], Awaitable[list[str]]]] = {
        "bare httpx": by_httpx,
        "Wire.chat": by_wire,
        f"openai {version('openai')}": by_openai,
    }
    figures: dict[str, list[float]] = {name: [] for name in clients}
    try:
        for turn in range(ROUNDS + 1):
            for name, read in clients.items():
                began = time.process_time()
                texts = await read()
                spent = time.process_time() - began
                assert len(texts) == CHUNKS, f"{name} read {len(texts)} chunks"
                if turn:  # the first round warms up
                    figures[name].append(spent / CHUNKS * 1e6)
    finally:
        await bare.aclose()
        await shared.aclose()
        await sdk.close()
    return figures


def report(figures: dict[str, list[float]]) -> bool:
    """Prints the table, keeps it beside this file, and says whether the bars are met."""
    medians = {name: statistics.median(values) for name, values in figures.items()}
    base, ours, sdk = medians.values()
    print(f"CPU for each of {CHUNKS:,} chunks, median of {ROUNDS} rounds, {platform.system()} {platform.machine()}")
    print(f"Python {platform.python_version()}, httpx {version('httpx')}\n")
    print(f"{'client':<16}{'us a chunk':>12}{'lowest':>10}{'highest':>10}{'x httpx':>10}{'x ours':>10}")
    for name, median in medians.items():
        low, high = min(figures[name]), max(figures[name])
        print(f"{name:<16}{median:>12.2f}{low:>10.2f}{high:>10.2f}{median / base:>10.2f}{median / ours:>10.2f}")
    met = ours <= MOST_OF_HTTPX * base and sdk >= LEAST_OF_OPENAI * ours
    print(f"\nat most {MOST_OF_HTTPX}x bare httpx: {ours / base:.2f}x")
    print(f"at least {LEAST_OF_OPENAI}x below openai: {sdk / ours:.1f}x")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps(
            {
                "chunks": CHUNKS,
                "rounds": ROUNDS,
                "python": platform.python_version(),
                "platform": f"{platform.system()} {platform.machine()}",
                "httpx": version("httpx"),
                "cpu_us_per_chunk": {name: [round(v, 2) for v in values] for name, values in figures.items()},
                "median_us_per_chunk": {name: round(median, 2) for name, median in medians.items()},
                "times_httpx": round(ours / base, 3),
                "times_below_openai": round(sdk / ours, 2),
                "met": met,
            },
            indent=2,
        )
        + "\n",
        "utf-8",
    )
    return met


def main() -> int:
    """Runs the benchmark; 1 where a bar is missed."""
    with server() as base_url:
        figures = asyncio.run(measure(base_url))
    return 0 if report(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
