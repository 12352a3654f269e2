"""The models that a person may choose from: standard ones first, then those of the company's own keys.

Reads the database only, never a provider. Shows members the label and hint of a key, and nothing else of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlmodel import Session, select

from byok.core.catalogue import Catalogue, Provider
from byok.core.local_model import LABEL, LocalModel
from byok.core.loop import LoopThread
from byok.core.model_names import ModelName, Source
from byok.core.plans import Plans
from byok.core.vault import Vault
from byok.core.wire import ModelInfo, Wire
from byok.ground.clock import Clock, utc_now
from byok.ground.db import Database
from byok.ground.errors import NotFoundError
from byok.ground.settings import Settings
from byok.ground.tables import ApiKey, ModelMenu
from byok.services.access import Actor, Grant, admit
from byok.services.key_use import KeyUse
from byok.services.model_menus import ModelMenus
from byok.services.routes import Routes


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One line of the picker.

    Attributes:
        key_id: pins a spare key; None for the default key and for standard models.
        own_key: the company's key that it uses, pinned or default; None for standard models.
        label: what the model is called; `about` is one remark on it, mostly empty.
        context: in tokens; prices in USD for a million tokens. None where unknown.
        state: `retired`: its day has passed; `stale`: the list could not be fetched again lately.
        group: the heading it stands under.
    """

    name: ModelName
    key_id: UUID | None
    own_key: UUID | None
    label: str
    about: str
    provider_name: str
    source: Source
    key_label: str | None
    key_hint: str | None
    context: int | None
    price_in: Decimal | None
    price_out: Decimal | None
    retires: date | None
    state: Literal["ok", "retired", "stale"]
    group: str


@dataclass(frozen=True, slots=True)
class Menu:
    """The choices, in the order to show them, and what a person should know about those that are missing."""

    choices: list[ModelChoice]
    notes: list[str]

    def find(self, name: ModelName, *, key_id: UUID | None = None) -> ModelChoice | None:
        """That choice, or None where the menu does not have it. A pin also finds a key that became the default."""
        return next((c for c in self.choices if c.name == name and key_id in (c.key_id, c.own_key)), None)


class Models:
    """Makes menus. What is not in one can still be named, if a route leads to it."""

    def __init__(
        self,
        *,
        db: Database,
        plans: Plans,
        catalogue: Catalogue,
        vault: Vault,
        wire: Wire,
        loop: LoopThread,
        local: LocalModel,
        settings: Settings,
        clock: Clock = utc_now,
    ) -> None:
        self._db, self._plans, self._catalogue, self._local, self._clock = db, plans, catalogue, local, clock
        self._use = KeyUse(catalogue=catalogue, vault=vault, local=local)
        self._menus = ModelMenus(db=db, use=self._use, wire=wire, loop=loop, clock=clock)
        self._routes = Routes(catalogue=catalogue, plans=plans, vault=vault, local=local, settings=settings)

    def menu(self, actor: Actor) -> Menu:
        """What the actor can choose, member or admin. On a plan without BYOK: the standard models alone."""
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
            choices = list(self._standard(session, grant))
            notes = [] if self._local.installed else [self._local.missing]
            if grant.plan.byok:
                for provider, key, menu in self._keys(session, grant):
                    opens = self._use.opens(key)
                    note = _note(provider, key, menu, opens=opens)
                    if note:
                        notes.append(note)
                    if menu is not None and provider.chat and opens:
                        choices.extend(self._own(provider, key, menu))
        return Menu(choices, notes)

    def refresh(self, actor: Actor, key_id: UUID) -> int:
        """Fetches the list of a key's models again, now. Admins, on a plan with BYOK.

        Returns:
            How many chat models the key opens.

        Raises:
            NotFoundError: no such key.
            ProviderError: the provider gave no list; the old one stays, marked stale.
            KeyUnreadableError: the key needs to be entered again.
        """
        with self._db.read() as session:
            admit(session, actor, self._plans, admin=True, byok=True)
            key = session.get(ApiKey, key_id)
            if key is None or key.company_id != actor.company_id:
                raise NotFoundError("There is no such key.")
        return self._menus.fetch(key)

    def _standard(self, session: Session, grant: Grant) -> Iterator[ModelChoice]:
        for text in grant.plan.models:
            name = ModelName.parse(f"plan:{text}")
            if self._routes.reason_gone(session, grant, name) is None:
                provider = self._catalogue.get(name.provider_id)
                yield self._choice(name, provider, ModelInfo(name.model, name.model), key=None, stale=False)

    def _keys(self, session: Session, grant: Grant) -> list[tuple[Provider, ApiKey, ModelMenu | None]]:
        """The company's keys with their lists: by provider, the default one first."""
        query = select(ApiKey, ModelMenu).join(ModelMenu, isouter=True).where(ApiKey.company_id == grant.company.id)
        rows: Sequence[tuple[ApiKey, ModelMenu | None]] = session.exec(query).all()
        rows = sorted(rows, key=lambda row: (not row[0].is_default, row[0].id))
        return [(p, key, menu) for p in self._catalogue.all() for key, menu in rows if key.provider_id == p.id]

    def _own(self, provider: Provider, key: ApiKey, menu: ModelMenu) -> Iterator[ModelChoice]:
        if provider.launch != "none" and not self._local.installed:
            return
        for row in menu.models:
            info = ModelInfo.from_json(row)
            name = ModelName("byok", provider.id, info.id)
            yield self._choice(name, provider, info, key=key, stale=menu.failed_at is not None)

    def _choice(
        self, name: ModelName, provider: Provider, info: ModelInfo, *, key: ApiKey | None, stale: bool
    ) -> ModelChoice:
        retired = info.retires is not None and info.retires <= self._clock().date()
        return ModelChoice(
            name=name,
            key_id=None if key is None or key.is_default else key.id,
            own_key=key.id if key else None,
            label=info.name,
            about=LABEL if provider.launch != "none" else "",
            provider_name=provider.name,
            source=name.source,
            key_label=key.label if key else None,
            key_hint=key.hint if key else None,
            context=info.context,
            price_in=info.price_in,
            price_out=info.price_out,
            retires=info.retires,
            state="retired" if retired else "stale" if stale else "ok",
            group=f"Your key · {provider.name}" if key else "Plan",
        )


def _note(provider: Provider, key: ApiKey, menu: ModelMenu | None, *, opens: bool) -> str:
    """What a person should know about the models of a key; empty where all is well."""
    which = f"{provider.name} key “{key.label}”"
    if not provider.chat:
        return f"{which}: kept and tested, but models of {provider.name} cannot be chatted with here."
    if not opens:
        return f"{which}: needs to be entered again."
    if menu is None:
        return f"{which}: its models are not listed yet."
    if menu.failed_at is not None:
        had = "its models could not be listed again" if menu.models else "its models could not be listed"
        return f"{which}: {had}. {menu.failure or ''}".strip()
    return "" if menu.models else f"{which}: it opens no chat models."
