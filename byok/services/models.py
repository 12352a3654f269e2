"""The models that a person may choose from: standard ones first, then those of the company's own keys.

Waits for no provider: lists come from the database, and those that are due are renewed behind the caller. Shows
members the label and hint of a key, and nothing else of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC
from uuid import UUID

from sqlmodel import Session, select

from byok.core.allowances import plan_used
from byok.core.catalogue import Catalogue, Provider
from byok.core.local_model import LABEL, LocalModel
from byok.core.loop import LoopThread
from byok.core.model_names import ModelName
from byok.core.plans import Plans
from byok.core.vault import Vault
from byok.core.wire import ModelInfo, Wire
from byok.ground.clock import Clock, month_of, utc_now
from byok.ground.db import Database
from byok.ground.errors import NotFoundError
from byok.ground.settings import Settings
from byok.ground.tables import ApiKey, ModelMenu
from byok.services.access import Actor, Grant, admit
from byok.services.fallbacks import how_to_go_on
from byok.services.key_use import KeyUse
from byok.services.model_choices import Menu, MenuKey, ModelChoice
from byok.services.model_menus import FETCHING, ModelMenus
from byok.services.routes import Routes


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
            if any(choice.state == "used up" for choice in choices):
                notes.append(f"Standard models: this month's plan messages are used up. {how_to_go_on(grant)}")
            usable: list[MenuKey] = []
            due: list[ApiKey] = []
            keys = self._keys(session, grant)
            if keys and not grant.plan.byok:
                notes.append(_why_none(grant))
            for provider, key, menu in keys if grant.plan.byok else ():
                opens = self._use.opens(key)
                note = _note(provider, key, menu, opens=opens)
                if note:
                    notes.append(note)
                if not provider.chat or not opens or (provider.launch != "none" and not self._local.installed):
                    continue
                own = _menu_key(provider, key, menu)
                usable.append(own)
                if menu is not None:
                    choices.extend(self._own(provider, key, menu))
                    choices.extend(_gone(own, menu))
                # A model of this machine is started by asking for its list: nobody who only looks wants that again.
                if self._menus.due(menu) and (provider.launch == "none" or not own.listed):
                    due.append(key)
        self._menus.renew(due)
        return Menu(choices, notes, usable)

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
        used = plan_used(session.connection(), company_id=grant.company.id, month=month_of(self._clock()))
        for text in grant.plan.models:
            name = ModelName.parse(f"plan:{text}")
            if self._routes.reason_gone(session, grant, name) is None:
                provider = self._catalogue.get(name.provider_id)
                choice = self._choice(name, provider, ModelInfo(name.model, name.model), key=None, stale=False)
                yield choice if used < grant.plan.messages else replace(choice, state="used up")

    def _keys(self, session: Session, grant: Grant) -> list[tuple[Provider, ApiKey, ModelMenu | None]]:
        """The company's keys with their lists: by provider, the default one first."""
        query = select(ApiKey, ModelMenu).join(ModelMenu, isouter=True).where(ApiKey.company_id == grant.company.id)
        rows: Sequence[tuple[ApiKey, ModelMenu | None]] = session.exec(query).all()
        rows = sorted(rows, key=lambda row: (not row[0].is_default, row[0].id))
        return [(p, key, menu) for p in self._catalogue.all() for key, menu in rows if key.provider_id == p.id]

    def _own(self, provider: Provider, key: ApiKey, menu: ModelMenu) -> Iterator[ModelChoice]:
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
            price_request=info.price_request,
            retires=info.retires,
            state="retired" if retired else "stale" if stale else "ok",
            group=f"Your key · {provider.name}" if key else "Plan",
        )


def _why_none(grant: Grant) -> str:
    """Why the models of keys that are there cannot be chosen."""
    kept = f"own keys are not part of the {grant.plan.name} plan. Yours are kept, sealed, and come back with Pro."
    return f"Models of your own keys: {kept}"


def _menu_key(provider: Provider, key: ApiKey, menu: ModelMenu | None) -> MenuKey:
    return MenuKey(
        provider_id=provider.id,
        provider_name=provider.name,
        key_id=None if key.is_default else key.id,
        own_key=key.id,
        label=key.label,
        hint=key.hint,
        listed=menu is not None and (bool(menu.models) or menu.failed_at is None),
    )


def _gone(key: MenuKey, menu: ModelMenu) -> Iterator[ModelChoice]:
    """Models that were in the list once: found where they are used, not offered anew."""
    for row in menu.gone:
        about = f"no longer in {key.provider_name}'s list since {row['since']}"
        yield key.choice(row["id"], label=row["name"], about=about, retired=True)


def _note(provider: Provider, key: ApiKey, menu: ModelMenu | None, *, opens: bool) -> str:
    """What a person should know about the models of a key; empty where all is well."""
    which = f"{provider.name} key “{key.label}”"
    if not provider.chat:
        return f"{which}: kept and tested, but models of {provider.name} cannot be chatted with here."
    if not opens:
        return f"{which}: needs to be entered again."
    if menu is None or (menu.failure == FETCHING and not menu.models):
        return f"{which}: its models are not listed yet."
    if menu.failed_at is not None and menu.models:
        since = f"{menu.fetched_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return f"{which}: its models could not be listed again; the list is of {since}. {menu.failure or ''}".strip()
    if menu.failed_at is not None:
        typed = "Choose “type a model's id” to use it all the same."
        return f"{which}: its models could not be listed. {menu.failure or ''} {typed}".replace("  ", " ")
    return "" if menu.models else f"{which}: it opens no chat models."
