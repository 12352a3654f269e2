"""Keeps the list of chat models that each saved key opens; fetches it again when asked.

Refuses to lose a list: one that cannot be fetched stays as it was, marked with the time and the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from sqlmodel import Session

from byok.core.loop import LoopThread
from byok.core.wire import ModelInfo, Wire
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import ByokError, KeyUnreadableError
from byok.ground.tables import ApiKey, ModelMenu
from byok.services.key_use import KeyUse


class ModelMenus:
    """The `model_menu` rows. Fetches run on the process's loop; the database is written beside it."""

    def __init__(self, *, db: Database, use: KeyUse, wire: Wire, loop: LoopThread, clock: Clock) -> None:
        self._db, self._use, self._wire, self._loop, self._clock = db, use, wire, loop, clock

    def put(self, session: Session, key: ApiKey, models: Sequence[dict[str, Any]]) -> None:
        """Sets the key's list in the caller's transaction. Each model is as `ModelInfo.to_json` writes it."""
        key.models_open = len(models)
        session.add(key)
        session.flush()  # its row must stand before the list's, which refers to it
        session.merge(ModelMenu(key_id=key.id, models=list(models), fetched_at=self._clock()))

    def fetch(self, key: ApiKey) -> int:
        """Fetches the list now; blocks the caller until it is there.

        Returns:
            How many chat models the key opens.

        Raises:
            ProviderError: the provider did not give a list; the old one is kept and marked.
            KeyUnreadableError: the key does not open.
            LocalModelError: the built-in model did not start.
        """
        return len(self._loop.run(self._fetch(key)))

    def fetch_later(self, key: ApiKey) -> None:
        """Fetches the list in the background; a failure is noted in the row."""
        self._loop.spawn(self._fetch_quietly(key))

    async def _fetch_quietly(self, key: ApiKey) -> None:
        with contextlib.suppress(ByokError):
            await self._fetch(key)

    async def _fetch(self, key: ApiKey) -> tuple[ModelInfo, ...]:
        try:
            provider = self._use.provider(key.provider_id)
            if provider is None:
                raise KeyUnreadableError(f"The provider {key.provider_id!r} is not in the catalogue any more.")
            base_url = await asyncio.to_thread(self._use.base_url, provider)
            models = await self._wire.models(provider, base_url=base_url, auth=self._use.auth(key))
        except ByokError as error:
            await asyncio.to_thread(self._note_failure, key, str(error))
            raise
        await asyncio.to_thread(self._store, key, models)
        return models

    def _store(self, fetched_for: ApiKey, models: Sequence[ModelInfo]) -> None:
        with self._db.write() as session:
            key = _same_secret(session, fetched_for)
            if key is not None:
                self.put(session, key, [model.to_json() for model in models])

    def _note_failure(self, fetched_for: ApiKey, failure: str) -> None:
        with self._db.write() as session:
            if _same_secret(session, fetched_for) is None:
                return
            now = self._clock()
            menu = session.get(ModelMenu, fetched_for.id) or ModelMenu(key_id=fetched_for.id, models=[], fetched_at=now)
            menu.failed_at, menu.failure = now, failure
            session.add(menu)


def _same_secret(session: Session, row: ApiKey) -> ApiKey | None:
    """The key as it is now, or None where it was deleted or replaced while the provider was asked."""
    key = session.get(ApiKey, row.id, with_for_update=True)
    return key if key is not None and key.nonce == row.nonce else None
