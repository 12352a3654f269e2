"""A provider that sends the product elsewhere: nobody there is asked, so nobody there is shown a key."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from byok.core.catalogue import Catalogue, Provider
from byok.core.key_auth import AUTH_HEADERS, KeyAuth
from byok.core.wire import ChatCall, Wire
from byok.ground.errors import ProviderError
from tests.security.conftest import Tally
from tests.security.network_world import Dialer, client, listening
from tests.security.processes import byok

pytestmark = pytest.mark.threat(15)

STATUSES = (300, 301, 302, 303, 305, 307, 308)
METADATA = (
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://2852039166/",
)
PROVIDERS = [one.id for one in Catalogue.load().all()]


class Sender:
    """Answers every request by sending it to `target`. `heads` are the requests."""

    def __init__(self, status: int, target: str) -> None:
        self.status, self.target = status, target
        self.heads: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
        head = f"HTTP/1.1 {self.status} Elsewhere\r\nlocation: {self.target}\r\nrefresh: 0; url={self.target}\r\n"
        writer.write(f"{head}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        writer.close()


@asynccontextmanager
async def sending(sender: Sender) -> AsyncIterator[str]:
    server = await asyncio.start_server(sender.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


async def every_call(http: httpx.AsyncClient, provider: Provider, key: str) -> int:
    """Tests a key, lists models and asks; how many of these calls there are."""
    header, prefix = AUTH_HEADERS[provider.auth]
    auth, wire = KeyAuth(lambda: key, header=header, prefix=prefix), Wire(http)
    finding = await wire.check(provider, base_url=provider.base_url, auth=auth)
    assert finding.verdict == "unreachable"
    with pytest.raises(ProviderError):
        await wire.models(provider, base_url=provider.base_url, auth=auth)
    if not provider.chat:
        return 2
    call = ChatCall(provider, provider.base_url, "m", [{"role": "user", "content": "Hello"}], auth)
    with pytest.raises(ProviderError):
        _ = [event async for event in wire.chat(call)]
    return 3


def moved(provider_id: str, base_url: str) -> Provider:
    return Catalogue.load().get(provider_id).model_copy(update={"base_url": base_url, "private_network": True})


@pytest.mark.parametrize("provider_id", PROVIDERS)
def test_another_origin_is_never_asked(provider_id: str, tally: Tally) -> None:
    key = f"made-up-{secrets.token_hex(20)}"

    async def run() -> None:
        async with listening() as other, client() as http:
            for status in STATUSES:
                sender = Sender(status, f"http://127.0.0.1:{other.port}/v1/models")
                async with sending(sender) as base_url:
                    tally.tried(await every_call(http, moved(provider_id, base_url), key))
                assert sender.heads
                assert all(key in head for head in sender.heads)  # it was there to be sent on
            if other.connections:
                tally.leaked(f"{other.connections} requests to the second origin")

    asyncio.run(run())


@pytest.mark.parametrize("target", METADATA)
def test_nobody_is_led_to_a_clouds_metadata(target: str, tally: Tally) -> None:
    async def run() -> None:
        for provider_id in ("openai", "gemini", "anthropic"):  # one for each header that carries a key
            sender = Sender(307, target)
            async with sending(sender) as base_url:
                dialer = Dialer(int(base_url.split(":")[2].removesuffix("/v1")))
                async with client(dialer=dialer) as http:
                    tally.tried(await every_call(http, moved(provider_id, base_url), "made-up-key"))
                if set(dialer.called) != {"127.0.0.1"}:
                    tally.leaked(str(set(dialer.called)))

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.parametrize("provider_id", ["gemini"])  # its header is one that httpx would carry to another origin
def test_the_command_does_not_go_elsewhere_either(provider_id: str, tmp_path: Path, tally: Tally) -> None:
    async def run() -> None:
        async with listening() as other:
            sender = Sender(307, f"http://127.0.0.1:{other.port}/v1/models")
            async with sending(sender) as base_url:
                overlay = tmp_path / "providers.toml"
                overlay.write_text(f'[{provider_id}]\nbase_url = "{base_url}"\nprivate_network = true\n')
                env = {"BYOK_HOME": str(tmp_path / "home"), "BYOK_PROVIDERS": str(overlay)}
                arguments = ("key", "test", "--provider", provider_id, "--json")
                done = await asyncio.to_thread(byok, *arguments, env=env, stdin="made-up-key-12345")
            tally.tried()
            assert json.loads(done.stdout)["verdict"] == "unreachable"
            assert len(sender.heads) == 1
            if other.connections:
                tally.leaked("a request of the command")

    asyncio.run(run())
