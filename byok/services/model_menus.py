"""Keeps the list of chat models that each saved key opens, and renews it behind whoever looks at one that is due.

Refuses to lose anything: a list that cannot be fetched stays as it was, marked with the time and the reason, and a
model that is no longer in it is remembered with the day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session

from byok.core.loop import LoopThread
from byok.core.run import report
from byok.core.wire import ModelInfo, Wire
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import BadAnswerError, ByokError, KeyUnreadableError
from byok.ground.tables import ApiKey, ModelMenu
from byok.services.key_use import KeyUse

LIFE = timedelta(hours=6)  # of a list that was fetched
REST = timedelta(minutes=10)  # at least, after one that could not be; then as long as it has failed already
CLAIM = timedelta(minutes=1)  # while somebody fetches it: longer than a list may take
FETCHING = "It is being fetched."  # for the first time: no failure yet
MOST_GONE = 200  # remembered for each key, the latest ones


class ModelMenus:
    """The `model_menu` rows. Fetches run on the process's loop; the database is written beside it."""

    def __init__(self, *, db: Database, use: KeyUse, wire: Wire, loop: LoopThread, clock: Clock) -> None:
        self._db, self._use, self._wire, self._loop, self._clock = db, use, wire, loop, clock

    def put(self, session: Session, key: ApiKey, models: Sequence[dict[str, Any]]) -> None:
        """Sets the key's list in the caller's transaction. Each model is as `ModelInfo.to_json` writes it."""
        key.models_open = len(models)
        session.add(key)
        session.flush()  # its row must stand before the list's, which refers to it
        now, before = self._clock(), session.get(ModelMenu, key.id)
        gone = _gone(before, {model["id"] for model in models}, now) if before else []
        session.merge(ModelMenu(key_id=key.id, models=list(models), fetched_at=now, due_at=now + LIFE, gone=gone))

    def due(self, menu: ModelMenu | None) -> bool:
        """Whether the list should be looked at again."""
        return menu is None or menu.due_at is None or menu.due_at <= self._clock()

    def renew(self, keys: Sequence[ApiKey]) -> None:
        """Fetches those lists behind the caller, each unless somebody else has begun to. Failures are noted in rows."""
        if keys:
            self._loop.spawn(self._renew(list(keys)))

    def fetch(self, key: ApiKey) -> int:
        """Fetches the list now; blocks the caller until it is there.

        Returns:
            How many chat models the key opens.

        Raises:
            ProviderError: the provider did not give a list; the old one is kept and marked.
            KeyUnreadableError: the key does not open.
            LocalModelError: the built-in model did not start.
        """
        return len(self._loop.run(self._fetch_now(key)))

    def reserve(self, session: Session, key: ApiKey) -> None:
        """Keeps others from fetching the list, in the caller's transaction: `fetch_later` follows when that is done."""
        session.flush()  # the key's row must stand before the list's
        menu = session.get(ModelMenu, key.id) or self._never(key.id, FETCHING)
        menu.due_at = self._clock() + CLAIM
        session.add(menu)

    def fetch_later(self, key: ApiKey) -> None:
        """Fetches the first list of a secret in the background, as `reserve` announced; a failure stands in the row."""
        self._loop.spawn(self._quietly(self._fetch(key, first=True)))

    async def _renew(self, keys: list[ApiKey]) -> None:
        await asyncio.gather(*(self._quietly(self._fetch_due(key)) for key in keys))

    async def _quietly(self, fetch: Coroutine[Any, Any, object]) -> None:
        try:
            await fetch
        except ByokError:
            return  # it stands in the row
        except Exception as error:  # noqa: BLE001 - nobody waits for this task; the claim runs out by itself
            report(error, "a list of models could not be renewed")

    async def _fetch_due(self, key: ApiKey) -> None:
        if await asyncio.to_thread(self._claim, key):
            await self._fetch(key)

    async def _fetch_now(self, key: ApiKey) -> tuple[ModelInfo, ...]:
        await asyncio.to_thread(self._claim, key, due=False)  # so that nobody who looks meanwhile fetches it as well
        return await self._fetch(key)

    def _claim(self, wanted: ApiKey, *, due: bool = True) -> bool:
        """Takes the fetch of a list upon this process; False where another one was quicker, or the secret is another.

        Args:
            due: only if the list is due.
        """
        with self._db.write() as session:
            key = _same_secret(session, wanted)  # its row is what all wait for: the list may have none yet
            if key is None or (due and not self.due(session.get(ModelMenu, key.id))):
                return False
            self.reserve(session, key)
        return True

    async def _fetch(self, key: ApiKey, *, first: bool = False) -> tuple[ModelInfo, ...]:
        try:
            provider = self._use.provider(key.provider_id)
            if provider is None:
                raise KeyUnreadableError(f"The provider {key.provider_id!r} is not in the catalogue any more.")
            base_url = await asyncio.to_thread(self._use.base_url, provider)
            models = await self._wire.models(provider, base_url=base_url, auth=self._use.auth(key))
            await asyncio.to_thread(self._store, key, models, provider.name, first)
        except ByokError as error:
            await asyncio.to_thread(self._note_failure, key, str(error), getattr(error, "retry_after", None))
            raise
        return models

    def _store(self, fetched_for: ApiKey, models: Sequence[ModelInfo], provider_name: str, first: bool) -> None:
        with self._db.write() as session:
            key = _same_secret(session, fetched_for)
            if key is None:
                return
            # The list before a secret's first one was another secret's.
            doubt = "" if first else self.doubt(session, key.id, models, provider_name)
            if doubt:
                raise BadAnswerError(doubt, provider=provider_name)
            self.put(session, key, [model.to_json() for model in models])

    def doubt(self, session: Session, key_id: UUID, models: Sequence[ModelInfo], provider_name: str) -> str:
        """Why a list is more likely the provider's mistake than the end of so many models; empty where it is believed.

        One that lacks most of the models is believed when it comes again after `REST`; an empty one never is.
        """
        before = session.get(ModelMenu, key_id)
        if before is None or not before.models:
            return ""
        if not models:
            return f"{provider_name} sent a list without any chat model."
        missing = {row["id"] for row in before.models} - {model.id for model in models}
        if len(missing) * 2 <= len(before.models):
            return ""
        doubt = f"{provider_name} sent a list without most of the models that were in it."
        said_at = before.failed_at if (before.failure or "").startswith(doubt) else None
        return "" if said_at is not None and said_at <= self._clock() - REST else doubt

    def _note_failure(self, fetched_for: ApiKey, failure: str, retry_after: float | None) -> None:
        with self._db.write() as session:
            if _same_secret(session, fetched_for) is None:
                return
            menu = session.get(ModelMenu, fetched_for.id) or self._never(fetched_for.id, failure)
            now = self._clock()
            failing = now - menu.fetched_at - (LIFE if menu.models else timedelta(0))
            rest = max(min(max(failing, REST), LIFE), min(timedelta(seconds=retry_after or 0), LIFE))
            menu.due_at = now + rest
            if menu.failure != failure or menu.failed_at is None or menu.failed_at <= now - REST:
                menu.failed_at, menu.failure = now, failure
            session.add(menu)

    def _never(self, key_id: UUID, failure: str) -> ModelMenu:
        """The row of a list that never came."""
        now = self._clock()
        return ModelMenu(key_id=key_id, models=[], fetched_at=now, failed_at=now, failure=failure)


def _gone(before: ModelMenu, present: set[str], now: datetime) -> list[dict[str, Any]]:
    """What is no longer in the list: what was gone already, and what was in it until now."""
    since = now.date().isoformat()
    known = {row["id"]: row for row in before.gone}
    missed = {row["id"]: {"id": row["id"], "name": row["name"], "since": since} for row in before.models}
    gone = [row for model_id, row in {**missed, **known}.items() if model_id not in present]
    return sorted(gone, key=lambda row: str(row["since"]), reverse=True)[:MOST_GONE]


def _same_secret(session: Session, row: ApiKey) -> ApiKey | None:
    """The key as it is now, or None where it was deleted or replaced while the provider was asked."""
    key = session.get(ApiKey, row.id, with_for_update=True)
    return key if key is not None and key.nonce == row.nonce else None
