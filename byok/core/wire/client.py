"""The one client for all providers: chat as it streams, key checks, lists of models.

Refuses to know whose key it is: an `httpx.Auth` writes the header as the request leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from byok.core.provider import Provider
from byok.core.wire.answer import AnswerReader
from byok.core.wire.http import Upstream, address, open_upstream, too_late
from byok.core.wire.pending import POLL_SECONDS, status_path
from byok.core.wire.refusals import parse_json, read_refusal, to_error
from byok.core.wire.request import chat_body
from byok.core.wire.shapes import ChatCall, Delta, Ended, Finding, ModelInfo
from byok.core.wire.sse import BOM, EventReader, TooLongError
from byok.core.wire.waits import Times, Waits
from byok.ground.errors import (
    BadAnswerError,
    ProviderDownError,
    ProviderError,
    RefusedRequestError,
    UnreachableError,
)

if TYPE_CHECKING:
    import httpx

LONGEST_ANSWER = 64 * 1024 * 1024  # bytes as they came: a body that never ends must not fill the memory first


class Wire:
    """Speaks to providers through one shared HTTP client, which belongs to one event loop."""

    def __init__(self, http: httpx.AsyncClient, *, times: Times | None = None) -> None:
        self._http, self._times = http, times or Times()

    async def check(self, provider: Provider, *, base_url: str, auth: httpx.Auth) -> Finding:
        """Tests a key; never raises for what a provider does. `auth` is made for `provider.auth`."""
        from byok.core.wire.check import check_key  # late: a question needs none of it

        return await check_key(self._http, provider, base_url=base_url, auth=auth)

    async def models(self, provider: Provider, *, base_url: str, auth: httpx.Auth) -> tuple[ModelInfo, ...]:
        """The chat models that the key opens, in the provider's order.

        Raises:
            ProviderError: the provider said no, or nothing that can be read.
            KeyUnreadableError: the sealed key does not open.
        """
        from byok.core.wire.lists import fetch_models  # late, as above

        return await fetch_models(self._http, provider, base_url=base_url, auth=auth)

    async def chat(self, call: ChatCall) -> AsyncGenerator[Delta | Ended, None]:
        """Streams one answer: deltas, then exactly one `Ended`. `aclose()` closes the connection to the provider.

        Raises:
            ProviderError: the provider said no, before or in the middle of the answer.
            KeyUnreadableError: the sealed key does not open; nothing was sent.
        """
        if not call.provider.chat:
            raise RefusedRequestError(
                f"{call.provider.name} does not speak the OpenAI-compatible protocol.", provider=call.provider.name
            )
        waits = Waits(call.provider, self._times)
        upstream = await self._open(call, waits, stream=True)
        try:
            answer = AnswerReader(call.provider, headers=upstream.headers, secrets=upstream.secrets)
            first = await _first_bytes(upstream, waits)
            start = first.removeprefix(BOM).lstrip()[:1]
            if start in (b"{", b"["):  # whatever its content type: no event begins like this
                reply = await upstream.whole(until=waits.total, idle=self._times.between_chunks, start=first)
                delta = answer.take_whole(parse_json(reply.body))
                if delta is not None:
                    yield delta
            else:
                if start == b"<":
                    raise ProviderDownError(
                        f"A gateway's page came instead of an answer of {call.provider.name}.",
                        provider=call.provider.name,
                    )
                reader = EventReader()
                chunk: bytes | None = first
                size = 0
                while chunk is not None:
                    size += len(chunk)
                    if size > LONGEST_ANSWER:
                        raise _too_long(call.provider)
                    for data in _feed(reader, chunk, call.provider):
                        delta = answer.take(data)
                        if delta is not None:
                            waits.heard()
                            yield delta
                        elif answer.over():
                            break
                    if answer.over():
                        break
                    try:
                        chunk = upstream.ready() or await upstream.read(until=waits.next(finished=answer.finished))
                    except UnreachableError:
                        # The answer was whole: what is missing is at most its usage.
                        if not answer.finished:
                            raise
                        break
                delta = None if answer.over() else _last_words(reader, answer, call.provider)
                if delta is not None:
                    yield delta
            yield answer.end()
            await upstream.linger()
        except ProviderError as error:
            error.taken_on = error.taken_on or upstream.promised
            raise
        finally:
            await upstream.aclose()

    async def _open(self, call: ChatCall, waits: Waits, *, stream: bool) -> Upstream:
        """Asks, and asks once more unstreamed where the provider refuses streaming to this account.

        Raises:
            ProviderError: any status but 200.
        """
        provider = call.provider
        upstream = await open_upstream(
            self._http,
            provider,
            method="POST",
            url=address(call.base_url, "chat/completions"),
            auth=call.auth,
            until=waits.first,
            connect=self._times.connect,
            body=chat_body(call, stream=stream),
        )
        promised = upstream.status == 202 and status_path(provider, upstream.headers) is not None
        if promised:
            upstream = await self._fetch_pending(call, upstream, waits)
        if upstream.status == 200:
            return upstream
        try:
            refusal = read_refusal(await upstream.refusal(until=waits.refusal()))
        finally:
            await upstream.aclose()
        if stream and not promised and refusal.status == 400 and refusal.param == "stream":
            waits.unstreamed()
            return await self._open(call, waits, stream=False)
        error = to_error(provider, refusal)
        error.taken_on = promised or 200 < upstream.status < 300  # a yes, though nothing of an answer can be fetched
        raise error

    async def _fetch_pending(self, call: ChatCall, upstream: Upstream, waits: Waits) -> Upstream:
        """Looks again and again for an answer that was promised, until the first token's deadline."""
        looks = 0
        path = status_path(call.provider, upstream.headers)
        while path is not None and upstream.status == 202:
            await upstream.aclose()
            pause = POLL_SECONDS[min(looks, len(POLL_SECONDS) - 1)]
            if asyncio.get_running_loop().time() + pause > waits.first:
                raise too_late(call.provider)
            await asyncio.sleep(pause)
            try:
                upstream = await open_upstream(
                    self._http,
                    call.provider,
                    method="GET",
                    url=address(call.base_url, path),
                    auth=call.auth,
                    until=waits.first,
                    connect=self._times.connect,
                )
            except ProviderError as error:
                error.taken_on = True
                raise
            upstream.promised = True
            path, looks = status_path(call.provider, upstream.headers) or path, looks + 1
        return upstream


async def _first_bytes(upstream: Upstream, waits: Waits) -> bytes:
    """The first that is not blank: blanks keep a connection open."""
    first = await upstream.read(until=waits.first)
    while first is not None and not first.strip():
        first = await upstream.read(until=waits.first)
    return first or b""


def _feed(reader: EventReader, chunk: bytes | None, provider: Provider) -> list[bytes]:
    """The events that a piece completes, or that the end does where it is None."""
    try:
        return reader.close() if chunk is None else reader.feed(chunk)
    except TooLongError:
        pass
    raise BadAnswerError(f"{provider.name} sent a line that is too long to read.", provider=provider.name)


def _too_long(provider: Provider) -> BadAnswerError:
    return BadAnswerError(f"{provider.name} sent more than an answer can be.", provider=provider.name)


def _last_words(reader: EventReader, answer: AnswerReader, provider: Provider) -> Delta | None:
    """What stood at the end without a blank line; torn words after a finish reason are no loss."""
    try:
        delta = None
        for data in _feed(reader, None, provider):
            delta = answer.take(data)
    except BadAnswerError:
        if not answer.finished:
            raise
        return None
    return delta
