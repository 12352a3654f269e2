"""Time to the first token: the product's whole way of a message beside bare httpx, interleaved, in one run.

    uv run python bench/first_token.py

The product: `Conversations.send` (session's actor admitted, route, plan check, reservation, all in one transaction),
the key opened, the request on the process's loop, until the text stands in the buffer that pages read. Bare httpx: an
`AsyncClient` with a kept connection, one request, `aiter_lines` until the first text. Both ask the same local server,
which answers at once. A message that begins a conversation and one that goes on are measured apart.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

import httpx

from byok.process import Workbench
from byok.services.access import Actor
from byok.services.columns import ColumnSetup
from byok.services.messages import Ask, Message
from local_server import MODEL, local_server
from report import Report
from workplace import NAME, furnish, settings

REQUESTS = 300
TURNS = 6  # messages of a conversation before the next one begins
MOST_MS = 2.0
QUESTION = "Say hello in one short sentence."
HTTPX, BEGINS, GOES_ON = "bare httpx", "product, first message", "product, next message"


async def bare(client: httpx.AsyncClient, base_url: str) -> float:
    """Milliseconds to the first text."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    first = 0.0
    began = time.perf_counter()
    headers = {"Authorization": "Bearer a-made-up-key"}
    async with client.stream("POST", f"{base_url}/chat/completions", json=body, headers=headers) as answer:
        async for line in answer.aiter_lines():
            if not first and line.startswith("data: {"):
                choices = json.loads(line[6:])["choices"]
                if choices and choices[0]["delta"].get("content"):
                    first = time.perf_counter()
    return (first - began) * 1000


def product(bench: Workbench, actor: Actor, conversation_id: UUID | None, column: ColumnSetup) -> tuple[float, UUID]:
    """Milliseconds to the first text, and the conversation; returns once the answer is settled."""
    began = time.perf_counter()
    asked = bench.conversations.send(actor, Message([Ask(QUESTION)], [column], conversation_id))
    live = bench.runner.live(asked.answer_ids[0])
    assert live is not None, "the answer ended before it could be looked at"
    seen = live.version
    while not live.text:
        seen = live.wait(seen, timeout=5)
    first = time.perf_counter()
    assert live.wait_end(timeout=5)
    assert live.state == "complete", live.snapshot()
    return (first - began) * 1000, asked.conversation_id


def measure(base_url: str) -> dict[str, list[float]]:
    """Milliseconds by way, as many as asked for."""
    found: dict[str, list[float]] = {HTTPX: [], BEGINS: [], GOES_ON: []}
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as loop:
        client = httpx.AsyncClient(trust_env=False)
        bench = Workbench.open(settings(Path(folder), base_url))
        try:
            actor = furnish(bench)
            gc.collect()
            gc.freeze()  # as the app does at its start
            conversation: UUID | None = None
            column = ColumnSetup(NAME)
            for turn in range(-20, REQUESTS):
                plain = loop.run(bare(client, base_url))
                if turn % TURNS == 0:
                    conversation, column = None, ColumnSetup(NAME)
                kind = BEGINS if conversation is None else GOES_ON
                ours, conversation = product(bench, actor, conversation, column)
                if turn >= 0:  # the first ones warm up
                    found[HTTPX].append(plain)
                    found[kind].append(ours)
            # As many of each kind: only a sixth of the messages above began a conversation.
            for _ in range(REQUESTS - len(found[BEGINS])):
                found[HTTPX].append(loop.run(bare(client, base_url)))
                found[BEGINS].append(product(bench, actor, None, ColumnSetup(NAME))[0])
        finally:
            loop.run(client.aclose())
            bench.close()
    return found


def main() -> int:
    """Runs the benchmark; 1 where a bar is missed."""
    with local_server() as base_url:
        found = measure(base_url)
    report = Report("first_token", "Time to the first token, a local server that answers at once")
    report.add(f"httpx {httpx.__version__}, SQLite, conversations of up to {TURNS} messages\n")
    report.add(f"{'way':<26}{'requests':>10}{'median ms':>12}{'p90 ms':>10}{'adds ms':>10}")
    base = statistics.median(found[HTTPX])
    for name, times in found.items():
        p90 = statistics.quantiles(times, n=10)[-1]
        median = statistics.median(times)
        report.add(f"{name:<26}{len(times):>10}{median:>12.2f}{p90:>10.2f}{median - base:>10.2f}")
    report.add()
    for name in (BEGINS, GOES_ON):
        report.bar(f"{name} adds", measured=statistics.median(found[name]) - base, most=MOST_MS, unit="ms")
    return report.keep()


if __name__ == "__main__":
    sys.exit(main())
