"""CPU for each streamed chunk: the product's client beside bare httpx, the openai SDK and litellm, in one run.

    uv run --group bench python bench/stream_chunks.py

A server in a process of its own streams 10,000 chunks of a chat completion over loopback, as fast as they are taken.
Each client reads them all; what is measured is its process's CPU time (user and system). Rounds are interleaved, so
that a slow moment of the machine hits all alike, and medians are taken. `bare httpx` is `aiter_lines`, `json.loads`
and the delta picked out: the least that a client of the same kind does.
"""

from __future__ import annotations

import asyncio
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import httpx

from byok.core.catalogue import Catalogue
from byok.core.key_auth import KeyAuth
from byok.core.wire import ChatCall, Delta, Wire, make_http_client
from local_server import local_server, whole_stream
from report import Report

CHUNKS = 10_000
ROUNDS = 9
KEY = "a made-up key"
QUESTION = [{"role": "user", "content": "Hello"}]
MOST_OF_HTTPX, LEAST_OF_OPENAI, LEAST_OF_LITELLM = 1.5, 5.0, 30.0
LITELLM, NEWEST = "1.106.2", "2026-11-23"


def rows() -> Iterator[dict[str, object]]:
    """10,000 chunks in OpenAI's shape, the finish, and the usage."""
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    for n in range(CHUNKS):
        choice = {"index": 0, "delta": {"content": f" word{n}"}, "logprobs": None, "finish_reason": None}
        yield {**head, "system_fingerprint": "f", "choices": [choice]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]}
    usage = {"prompt_tokens": 9, "completion_tokens": CHUNKS, "total_tokens": CHUNKS + 9}
    yield {**head, "choices": [], "usage": usage}


@contextmanager
def litellm(base_url: str) -> Iterator[Callable[[], Awaitable[float]]]:
    """One round at a time by litellm, in a process and packages of its own: it wants another openai than this run."""
    own = ["--isolated", "--no-project", "--python", platform.python_version(), "--exclude-newer", NEWEST]
    program = str(Path(__file__).with_name("litellm_chunks.py"))
    command = ["uv", "run", *own, "--with", f"litellm=={LITELLM}", "python", program, base_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asks, answers = process.stdin, process.stdout

        async def one_round() -> float:
            asks.write("go\n")
            asks.flush()
            found = json.loads(await asyncio.to_thread(answers.readline))
            assert found["chunks"] == CHUNKS, found
            return float(found["cpu_seconds"])

        try:
            yield one_round
        finally:
            asks.close()


async def measure(base_url: str, by_litellm: Callable[[], Awaitable[float]]) -> dict[str, list[float]]:
    """Microseconds of CPU for a chunk, by client, one figure for each round."""
    import openai

    bare = httpx.AsyncClient(trust_env=False)
    shared = make_http_client()
    wire = Wire(shared)
    sdk = openai.AsyncOpenAI(api_key=KEY, base_url=base_url, max_retries=0)
    provider = Catalogue.load().get("openai").model_copy(update={"private_network": True})
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
    figures: dict[str, list[float]] = {name: [] for name in (*clients, f"litellm {LITELLM}")}
    try:
        for turn in range(ROUNDS + 1):
            for name, read in clients.items():
                began = time.process_time()
                texts = await read()
                spent = time.process_time() - began
                assert len(texts) == CHUNKS, f"{name} read {len(texts)} chunks"
                if turn:  # the first round warms up
                    figures[name].append(spent / CHUNKS * 1e6)
            spent = await by_litellm()
            if turn:
                figures[f"litellm {LITELLM}"].append(spent / CHUNKS * 1e6)
    finally:
        await bare.aclose()
        await shared.aclose()
        await sdk.close()
    return figures


def report(figures: dict[str, list[float]]) -> int:
    """Prints the table and keeps it; 1 where a bar is missed."""
    medians = {name: statistics.median(values) for name, values in figures.items()}
    base, ours, sdk, lite = medians.values()
    told = Report("stream_chunks", f"CPU for each of {CHUNKS:,} streamed chunks, median of {ROUNDS} rounds in turns")
    told.add(f"httpx {version('httpx')}\n")
    told.add(f"{'client':<16}{'us a chunk':>12}{'lowest':>10}{'highest':>10}{'x httpx':>10}{'x ours':>10}")
    for name, median in medians.items():
        low, high = min(figures[name]), max(figures[name])
        told.add(f"{name:<16}{median:>12.2f}{low:>10.2f}{high:>10.2f}{median / base:>10.2f}{median / ours:>10.2f}")
    told.add()
    told.bar("compared with bare httpx", measured=ours / base, most=MOST_OF_HTTPX, unit="x")
    told.bar("compared with openai", measured=ours / sdk, most=1 / LEAST_OF_OPENAI, unit="x")
    told.bar("compared with litellm", measured=ours / lite, most=1 / LEAST_OF_LITELLM, unit="x")
    return told.keep()


def main() -> int:
    """Runs the benchmark; 1 where a bar is missed."""
    with local_server(whole_stream(rows())) as base_url, litellm(base_url) as by_litellm:
        figures = asyncio.run(measure(base_url, by_litellm))
    return report(figures)


if __name__ == "__main__":
    sys.exit(main())
