"""The product in front of a provider's server: the shipped catalogue, moved to loopback, and nothing replaced."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import httpx

from byok.core.catalogue import Catalogue, Provider
from byok.core.key_auth import AUTH_HEADERS, KeyAuth
from byok.core.wire import ChatCall, Delta, Ended, Finding, ModelInfo, Wire
from tests.certificates import network_client
from tests.providers.anthropic import Anthropic
from tests.providers.behaviour import MODEL, Behaviour
from tests.providers.gemini import Gemini
from tests.providers.groq import Groq
from tests.providers.mistral import Mistral
from tests.providers.nvidia import Nvidia
from tests.providers.openai import OpenAI
from tests.providers.openrouter import OpenRouter
from tests.providers.server import ProviderServer, serving
from tests.providers.together import Together

BEHAVIOURS: Mapping[str, type[Behaviour]] = MappingProxyType(
    {one.id: one for one in (OpenAI, Gemini, Mistral, Groq, Together, OpenRouter, Anthropic, Nvidia)}
)
CATALOGUE = Catalogue.load()
PATIENCE = 20.0  # seconds; where a provider is silent on purpose, HASTE
HASTE = 0.2


def made_up_key() -> str:
    """A key of no provider's shape, so that no scanner takes it for one."""
    return f"made-up-{secrets.token_hex(20)}"


class World:
    """One provider's server, and the wire to it.

    Args:
        provider: the row of the catalogue, with the server's address.
        key: what the person has; the right one, unless a test says otherwise.

    `heard` are the deltas of the last answer, also of one that broke.
    """

    def __init__(self, server: ProviderServer, provider: Provider, key: str) -> None:
        self.server, self.provider, self.key = server, provider, key
        self.heard: list[Delta] = []

    def in_situation(self, situation: str) -> None:
        """Sets what is the matter, there and with the key here."""
        self.server.behaviour.situation = situation
        if situation == "wrong key":
            self.key = made_up_key()
        if situation == "silence":
            hasty = {"check_timeout": HASTE, "first_token_timeout": HASTE}
            self.provider = self.provider.model_copy(update=hasty)

    def check(self) -> Finding:
        """Tests the key."""

        async def run() -> Finding:
            async with network_client() as http:
                return await Wire(http).check(self.provider, base_url=self.provider.base_url, auth=self._auth())

        return asyncio.run(run())

    def models(self) -> tuple[ModelInfo, ...]:
        """Lists the models."""

        async def run() -> tuple[ModelInfo, ...]:
            async with network_client() as http:
                return await Wire(http).models(self.provider, base_url=self.provider.base_url, auth=self._auth())

        return asyncio.run(run())

    def chat(self, **more: Any) -> tuple[list[Delta], Ended]:
        """Asks; the deltas and the end."""
        question = [{"role": "user", "content": "Hello"}]
        call = ChatCall(
            provider=self.provider,
            base_url=self.provider.base_url,
            model=more.pop("model", MODEL),
            messages=question,
            auth=self._auth(),
            **more,
        )

        async def run() -> tuple[list[Delta], Ended]:
            ends: list[Ended] = []
            self.heard = []
            async with network_client() as http:
                async for event in Wire(http).chat(call):
                    if isinstance(event, Ended):
                        ends.append(event)
                    else:
                        self.heard.append(event)
            (end,) = ends
            return self.heard, end

        return asyncio.run(run())

    def _auth(self) -> httpx.Auth:
        header, prefix = AUTH_HEADERS[self.provider.auth]
        return KeyAuth(lambda: self.key, header=header, prefix=prefix)


@contextmanager
def world(provider_id: str, situation: str = "right key") -> Iterator[World]:
    """A provider in a situation."""
    key = made_up_key()
    with serving(BEHAVIOURS[provider_id](key)) as server:
        moved = {
            "base_url": server.base_url,
            "private_network": True,
            "check_timeout": PATIENCE,
            "first_token_timeout": PATIENCE,
        }
        here = World(server, CATALOGUE.get(provider_id).model_copy(update=moved), key)
        here.in_situation(situation)
        yield here
