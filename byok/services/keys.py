"""A company's own keys: add, test, list, replace, delete. For admins on a plan with BYOK; list and delete for any plan.

Refuses to show a key again: what comes back from here are views. Opening and sending are the vault's and the wire's.
"""

from __future__ import annotations

import builtins
from uuid import UUID

import sqlalchemy as sa
from pydantic import SecretStr
from sqlmodel import col, delete, or_, select

from byok.core.audit import Chains
from byok.core.catalogue import Catalogue
from byok.core.local_model import LocalModel
from byok.core.loop import LoopThread
from byok.core.plans import Plans
from byok.core.vault import Vault
from byok.core.wire import Finding, Wire
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.tables import ApiKey, Chatbot, Company, KeyDraft, ModelMenu
from byok.services.access import Actor, admit
from byok.services.company_locks import lock_company
from byok.services.erasure import Erasures
from byok.services.key_drafts import KeyDrafts
from byok.services.key_labels import KeyLabels
from byok.services.key_tests import KeyTester
from byok.services.key_use import KeyUse, own_key
from byok.services.key_views import DeleteResult, DraftView, KeyView, StoredView, key_view, stored_view
from byok.services.model_menus import ModelMenus
from byok.services.recording import Record, in_words


class Keys:
    """Every call admits its actor anew: NotAllowedError for a member, ProPlanNeededError without BYOK in the plan."""

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
        clock: Clock,
    ) -> None:
        self._db, self._plans, self._catalogue, self._clock = db, plans, catalogue, clock
        self._use = KeyUse(catalogue=catalogue, vault=vault, local=local)
        self._tester = KeyTester(db=db, use=self._use, wire=wire, loop=loop, clock=clock)
        self._menus = ModelMenus(db=db, use=self._use, wire=wire, loop=loop, clock=clock)
        self._erasures = Erasures(db=db)
        self._labels = KeyLabels(catalogue=catalogue, vault=vault)
        self._record = Record(chains=Chains(vault=vault), clock=clock)
        self._drafts = KeyDrafts(
            db=db,
            plans=plans,
            catalogue=catalogue,
            vault=vault,
            use=self._use,
            tester=self._tester,
            menus=self._menus,
            erasures=self._erasures,
            record=self._record,
            clock=clock,
        )

    def draft(self, actor: Actor, *, provider_id: str, pasted: SecretStr, replaces: UUID | None = None) -> DraftView:
        """Seals a pasted key at once, under the id that its row will have. Nothing is sent anywhere.

        Args:
            replaces: a saved key whose secret this one is to replace; its id, label, default flag and pins stay.

        Raises:
            InvalidInputError: what was pasted cannot be a key; the message does not repeat it.
            NotFoundError: no such provider, or no such key to replace.
        """
        return self._drafts.draft(actor, provider_id=provider_id, pasted=pasted, replaces=replaces)

    def test_draft(self, actor: Actor, draft_id: UUID) -> Finding:
        """Opens the sealed draft, asks the provider, and stores the verdict on the draft. Blocks until it is there.

        Raises:
            NotFoundError: the draft is gone, or another person's.
        """
        return self._drafts.test(actor, draft_id)

    def save_draft(self, actor: Actor, draft_id: UUID, *, label: str = "", untested: bool = False) -> KeyView:
        """Makes the draft a saved key: the default one if the company has no other of that provider, else a spare.

        Args:
            label: empty for one that is made up; of a replaced key the label stays, whatever is given.
            untested: save although no test proved it (never tested, or the provider could not be reached).

        Raises:
            InvalidInputError: the provider rejected the key; it is unproven and `untested` is not asked for; or
                the label cannot be used.
            NotFoundError: the draft is gone, or another person's.
        """
        return self._drafts.save(actor, draft_id, label=label, untested=untested)

    def discard_draft(self, actor: Actor, draft_id: UUID) -> None:
        """Removes a draft and its bytes. Works on any plan.

        Raises:
            NotFoundError: the draft is gone, or another person's.
        """
        self._drafts.discard(actor, draft_id)

    def list(self, actor: Actor) -> builtins.list[KeyView]:
        """The company's keys by provider, the default one first. Works on any plan; opens no API key."""
        with self._db.read() as session:
            admit(session, actor, self._plans, admin=True)
            keys = session.exec(select(ApiKey).where(ApiKey.company_id == actor.company_id)).all()
            order = {provider.id: place for place, provider in enumerate(self._catalogue.all())}
            by_provider = sorted(keys, key=lambda k: (order.get(k.provider_id, len(order)), not k.is_default, k.id))
            return [self._view(key) for key in by_provider]

    def test(self, actor: Actor, key_id: UUID) -> Finding:
        """Tests a saved key again. Whatever is found, nothing but the stored verdict (and a newer menu) changes.

        Raises:
            NotFoundError: no such key.
        """
        with self._db.read() as session:
            grant = admit(session, actor, self._plans, admin=True, byok=True)
            key = own_key(session, actor, key_id)
        finding, provider = self._tester.check(key), self._use.provider(key.provider_id)
        with self._db.write() as session:
            row = self._tester.note(session, key, finding)
            known = self._catalogue.name_of(key.provider_id)
            if finding.models is not None and row and not self._menus.doubt(session, key_id, finding.models, known):
                self._menus.put(session, row, [model.to_json() for model in finding.models])
            chats = provider is not None and provider.chat and finding.verdict not in ("rejected", "unreadable")
            to_fetch = chats and row is not None and session.get(ModelMenu, key_id) is None
            if to_fetch:
                self._menus.reserve(session, key)
            detail = f"{known}: {in_words(finding.verdict)}"
            self._record.add(session, actor, grant, "key.tested", key=key, detail=detail)
        if to_fetch:
            self._menus.fetch_later(key)
        return finding

    def make_default(self, actor: Actor, key_id: UUID) -> KeyView:
        """Makes it the key that `byok:` means for its provider; the one before becomes a spare.

        Raises:
            NotFoundError: no such key.
        """
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True, byok=True)
            lock_company(session, actor.company_id)
            key = own_key(session, actor, key_id)
            its = (col(ApiKey.company_id) == key.company_id) & (col(ApiKey.provider_id) == key.provider_id)
            before = session.exec(select(ApiKey.label).where(its, ApiKey.is_default)).first()
            session.exec(sa.update(ApiKey).where(its).values(is_default=False))
            key.is_default = True
            session.add(key)
            detail = f"{self._catalogue.name_of(key.provider_id)}; before: {before or 'none'}"
            self._record.add(session, actor, grant, "key.made_default", key=key, detail=detail)
        return self._view(key)

    def rename(self, actor: Actor, key_id: UUID, *, label: str) -> KeyView:
        """Gives the key another label.

        Raises:
            InvalidInputError: the label cannot be used.
            NotFoundError: no such key.
        """
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True, byok=True)
            lock_company(session, actor.company_id)
            company = session.get_one(Company, actor.company_id)
            key = own_key(session, actor, key_id)
            before, key.label = key.label, self._labels.judge(session, company, key, label, key_id=key.id)
            session.add(key)
            detail = f"{self._catalogue.name_of(key.provider_id)}; before: {before}"
            self._record.add(session, actor, grant, "key.renamed", key=key, detail=detail)
        return self._view(key)

    def used_by(self, actor: Actor, key_id: UUID) -> builtins.list[str]:
        """The names of the chatbots that would lose their model with this key. Works on any plan.

        Raises:
            NotFoundError: no such key.
        """
        with self._db.read() as session:
            admit(session, actor, self._plans, admin=True)
            key = own_key(session, actor, key_id)
            uses = col(Chatbot.key_id) == key.id
            if key.is_default:
                by_provider = col(Chatbot.model).startswith(f"byok:{key.provider_id}/", autoescape=True)
                uses = or_(uses, by_provider & col(Chatbot.key_id).is_(None))
            names = select(Chatbot.name).where(Chatbot.company_id == actor.company_id, uses)
            return sorted(session.exec(names).all(), key=str.casefold)

    def delete(self, actor: Actor, key_id: UUID) -> DeleteResult:
        """Removes the key, its drafts and its menu, and the bytes they left in the files. Works on any plan.

        No other key becomes the default by this.

        Raises:
            NotFoundError: no such key.
        """
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True)
            lock_company(session, actor.company_id)
            key = own_key(session, actor, key_id)
            session.exec(delete(KeyDraft).where(col(KeyDraft.key_id) == key.id))
            session.exec(delete(ModelMenu).where(col(ModelMenu.key_id) == key.id))
            session.delete(key)
            self._erasures.mark(session, company_id=actor.company_id, what="key", now=self._clock())
            detail = self._catalogue.name_of(key.provider_id) + (", was the default" if key.is_default else "")
            self._record.add(session, actor, grant, "key.deleted", key=key, detail=detail)
        return DeleteResult(erased=self._erasures.finish())

    def stored(self, actor: Actor, key_id: UUID) -> StoredView:
        """What the database keeps of the key: names and numbers, nothing that helps to open it.

        Raises:
            NotFoundError: no such key.
        """
        with self._db.read() as session:
            admit(session, actor, self._plans, admin=True, byok=True)
            return stored_view(own_key(session, actor, key_id))

    def erasing(self, actor: Actor) -> int:
        """How many of the company's deletions may still stand in SQLite's log. Works on any plan."""
        with self._db.read() as session:
            admit(session, actor, self._plans, admin=True)
            return self._erasures.open(session, company_id=actor.company_id)

    def retry_erasures(self) -> bool:
        """Removes drafts past their hour and finishes erasures, for all companies. The process calls it now and then.

        Returns:
            Whether nothing is left to erase.
        """
        self._drafts.drop_expired()
        return self._erasures.finish()

    def _view(self, key: ApiKey) -> KeyView:
        return key_view(key, provider=self._use.provider(key.provider_id), readable=self._use.opens(key))
