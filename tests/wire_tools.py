"""What tests of the wire share: a made-up key, calls, recorded streams, and a server on loopback that misbehaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

from byok.core.catalogue import Catalogue, Provider
from byok.core.key_auth import AUTH_HEADERS, KeyAuth
from byok.core.wire import ChatCall, Delta, Ended, Wire, make_http_client

SECRET = "-".join(("canary", "Zx9" * 9))
CATALOGUE = Catalogue.load()
Respond = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def key_auth(provider: Provider, secret: str = SECRET) -> httpx.Auth:
    """An auth as the vault makes it for that provider."""
    header, prefix = AUTH_HEADERS[provider.auth]
    return KeyAuth(lambda: secret, header=header, prefix=prefix)


def call_of(provider_id: str = "openai", *, base_url: str | None = None, **more: Any) -> ChatCall:
    """A question to a provider, which may be on loopback."""
    provider = CATALOGUE.get(provider_id).model_copy(update={"private_network": True})
    more.setdefault("messages", [{"role": "user", "content": "Hello"}])
    return ChatCall(
        provider=provider,
        base_url=base_url or provider.base_url,
        model=more.pop("model", "m-1"),
        auth=more.pop("auth", key_auth(provider)),
        **more,
    )


def chunk(content: object = None, *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of a chat completion."""
    delta = {} if content is None else {"content": content}
    return {"model": "m-1-0901", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def sse(*chunks: object, done: bool = True) -> bytes:
    """The chunks as a stream of events."""
    lines = [f"data: {json.dumps(one)}\n\n" for one in chunks]
    return "".join([*lines, *(["data: [DONE]\n\n"] if done else [])]).encode()


def stream_of(body: bytes, *, status: int = 200, **headers: str) -> httpx.Response:
    """An answer that streams `body`."""
    kind = {"content-type": "text/event-stream"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=body, headers=kind)


async def collect(wire: Wire, call: ChatCall) -> tuple[list[Delta], Ended]:
    """Every delta, and the end."""
    events = [event async for event in wire.chat(call)]
    ended = [event for event in events if isinstance(event, Ended)]
    assert len(ended) == 1
    assert events[-1] is ended[0]
    return [event for event in events if isinstance(event, Delta)], ended[0]


def ask(
    answer: httpx.Response | Callable[[httpx.Request], httpx.Response], call: ChatCall
) -> tuple[list[Delta], Ended]:
    """Asks a provider that answers so, through `httpx.MockTransport`."""

    async def run() -> tuple[list[Delta], Ended]:
        handler = answer if callable(answer) else lambda _request: answer
        async with make_http_client(transport=httpx.MockTransport(handler)) as http:
            return await collect(Wire(http), call)

    return asyncio.run(run())


def text_of(deltas: Sequence[Delta]) -> str:
    """The whole text."""
    return "".join(delta.text for delta in deltas)


@asynccontextmanager
async def loopback(respond: Respond) -> AsyncIterator[str]:
    """A server on a loopback port that reads each request and then does what `respond` does; gives its base URL."""
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length")), 0
                )
                await respond(head + await reader.readexactly(length), reader, writer)
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
