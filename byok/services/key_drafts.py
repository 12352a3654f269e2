"""A key between paste and save: sealed at once under its future row id, tested as it is sealed, then moved.

Refuses to save what the provider definitely rejected; what could not be proven is saved only when that is asked for.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from pydantic import SecretStr
from sqlmodel import Session, col, func, select

from byok.core.catalogue import Catalogue, Provider
from byok.core.key_days import short
from byok.core.plans import Plans
from byok.core.vault import Place, Vault, clean_key, hint
from byok.core.wire import UNDECIDED, Finding
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, KeyUnreadableError, NotFoundError
from byok.ground.ids import new_id
from byok.ground.tables import ApiKey, Company, KeyDraft, SealedColumns
from byok.ground.tables.keys import VerdictColumns
from byok.services.access import Actor, Grant, admit
from byok.services.company_locks import lock_company
from byok.services.erasure import Erasures
from byok.services.key_labels import KeyLabels
from byok.services.key_tests import KeyTester
from byok.services.key_use import KeyUse
from byok.services.key_views import DraftView, KeyView, key_view
from byok.services.model_menus import ModelMenus
from byok.services.recording import Record, in_words

LIFE = timedelta(hours=1)
SEALED = ("seal_version", "master_key_id", "data_key", "data_key_nonce", "ciphertext", "nonce")
MOVED = (*SealedColumns.model_fields, *VerdictColumns.model_fields)


class KeyDrafts:
    """Drafts belong to the person who pasted them; nobody else can test or save one."""

    def __init__(
        self,
        *,
        db: Database,
        plans: Plans,
        catalogue: Catalogue,
        vault: Vault,
        use: KeyUse,
        tester: KeyTester,
        menus: ModelMenus,
        erasures: Erasures,
        record: Record,
        clock: Clock,
    ) -> None:
        self._db, self._plans, self._catalogue, self._vault = db, plans, catalogue, vault
        self._use, self._tester, self._menus, self._erasures, self._clock = use, tester, menus, erasures, clock
        self._record = record
        self._labels = KeyLabels(catalogue=catalogue, vault=vault)

    def draft(self, actor: Actor, *, provider_id: str, pasted: SecretStr, replaces: UUID | None) -> DraftView:
        """See `Keys.draft`."""
        secret = clean_key(pasted.get_secret_value())
        now = self._clock()
        with self._db.write() as session:
            admit(session, actor, self._plans, admin=True, byok=True)
            company = session.get_one(Company, actor.company_id)
            provider = self._catalogue.get(provider_id)
            if replaces is not None:
                self._replaced(session, actor, replaces, provider)
            fingerprint = self._fingerprint(session, company, secret)
            place = Place(
                company_id=company.id, row_id=replaces or new_id(), provider_id=provider.id, origin=provider.binding
            )
            sealed = self._vault.seal(secret, place=place)
            draft = KeyDraft(
                **{name: getattr(sealed, name) for name in SEALED},
                key_id=place.row_id,
                replaces=replaces is not None,
                company_id=company.id,
                provider_id=provider.id,
                person_id=actor.person_id,
                fingerprint=fingerprint,
                hint=hint(secret),
                origin=place.origin,
                expires_at=now + LIFE,
            )
            session.add(draft)
            same = select(ApiKey.label).where(ApiKey.company_id == company.id, ApiKey.fingerprint == fingerprint)
            duplicate_of = session.exec(same).first()
        mistaken_for = self._catalogue.mistaken_for(provider, secret)
        return DraftView(
            id=draft.id,
            provider_id=provider.id,
            provider_name=provider.name,
            hint=draft.hint,
            warning=provider.key_warning(secret),
            looks_like=mistaken_for.name if mistaken_for is not None else None,
            duplicate_of=duplicate_of,
            replaces=replaces,
            expires_at=draft.expires_at,
        )

    def test(self, actor: Actor, draft_id: UUID) -> Finding:
        """See `Keys.test_draft`."""
        with self._db.read() as session:
            admit(session, actor, self._plans, admin=True, byok=True)
            draft = self._own(session, actor, draft_id)
        finding = self._tester.check(draft)
        with self._db.write() as session:
            row = self._tester.note(session, draft, finding)
            if row is not None and finding.models is not None:
                row.models = [model.to_json() for model in finding.models]
        return finding

    def save(self, actor: Actor, draft_id: UUID, *, label: str, untested: bool) -> KeyView:
        """See `Keys.save_draft`."""
        with self._db.write() as session:
            grant = admit(session, actor, self._plans, admin=True, byok=True)
            lock_company(session, grant.company.id)
            draft = self._own(session, actor, draft_id)
            provider = self._catalogue.get(draft.provider_id)
            _refuse_unproven(draft, provider, untested=untested)
            done = f"{provider.name}, {in_words(draft.verdict)}"
            if draft.replaces:
                before = short(self._replaced(session, actor, draft.key_id, provider).fingerprint)
                key, action = self._replace(session, actor, draft, provider), "key.replaced"
                done += f"; fingerprint before: {before}"
            else:
                key, action = self._add(session, grant, draft, label), "key.added"
            session.delete(draft)
            if draft.models is not None:
                self._menus.put(session, key, draft.models)
            readable = self._use.opens(key)
            to_fetch = draft.models is None and provider.chat and readable
            if to_fetch:
                self._menus.reserve(session, key)
            self._record.add(session, actor, grant, action, key=key, detail=done)
        self._erasures.finish()
        if to_fetch:
            self._menus.fetch_later(key)
        return key_view(key, provider=provider, readable=readable)

    def discard(self, actor: Actor, draft_id: UUID) -> None:
        """See `Keys.discard_draft`."""
        with self._db.write() as session:
            admit(session, actor, self._plans, admin=True)
            self._drop(session, self._own(session, actor, draft_id))
        self._erasures.finish()

    def drop_expired(self) -> int:
        """Removes drafts past their hour, and marks their bytes for erasure. Returns how many."""
        expired = select(KeyDraft).where(col(KeyDraft.expires_at) <= self._clock())
        with self._db.read() as session:
            if session.exec(expired).first() is None:
                return 0  # mostly: and then no writer is kept waiting
        with self._db.write() as session:
            drafts = session.exec(expired).all()
            for draft in drafts:
                self._drop(session, draft)
            return len(drafts)

    def _drop(self, session: Session, draft: KeyDraft) -> None:
        session.delete(draft)
        self._erasures.mark(session, company_id=draft.company_id, what="draft", now=self._clock())

    def _own(self, session: Session, actor: Actor, draft_id: UUID) -> KeyDraft:
        draft = session.get(KeyDraft, draft_id)
        if (
            draft is None
            or (draft.company_id, draft.person_id) != (actor.company_id, actor.person_id)
            or draft.expires_at <= self._clock()
        ):
            raise NotFoundError("This pasted key is gone: it was saved, discarded, or waited longer than an hour.")
        return draft

    @staticmethod
    def _replaced(session: Session, actor: Actor, key_id: UUID, provider: Provider) -> ApiKey:
        key = session.get(ApiKey, key_id, with_for_update=True)
        if key is None or key.company_id != actor.company_id:
            raise NotFoundError("There is no such key.")
        if key.provider_id != provider.id:
            raise InvalidInputError(f"That key is not one of {provider.name}.", field="provider")
        return key

    def _fingerprint(self, session: Session, company: Company, secret: SecretStr) -> bytes:
        try:
            return self._vault.fingerprint(secret, company_id=company.id, sealed_key=company.fingerprint_key)
        except KeyUnreadableError:
            # Without this, a company whose master key was lost could never enter its keys again.
            company.fingerprint_key = self._vault.new_fingerprint_key(company_id=company.id)
            session.add(company)
            return self._vault.fingerprint(secret, company_id=company.id, sealed_key=company.fingerprint_key)

    def _add(self, session: Session, grant: Grant, draft: KeyDraft, label: str) -> ApiKey:
        company_id, provider_id = grant.company.id, draft.provider_id
        held = session.exec(
            select(func.count()).where(ApiKey.company_id == company_id, ApiKey.provider_id == provider_id)
        ).one()
        key = ApiKey(
            **{name: getattr(draft, name) for name in MOVED},
            id=draft.key_id,
            company_id=company_id,
            provider_id=provider_id,
            label=self._labels.judge(session, session.get_one(Company, company_id), draft, label, key_id=draft.key_id),
            is_default=held == 0,
            added_by=draft.person_id,
            added_by_name=grant.person.name if grant.person else "",
            created_at=self._clock(),
        )
        session.add(key)
        return key

    def _replace(self, session: Session, actor: Actor, draft: KeyDraft, provider: Provider) -> ApiKey:
        """Puts the new secret into the old row: its id, label, default flag and everything pinned to it stay."""
        key = self._replaced(session, actor, draft.key_id, provider)
        for name in MOVED:
            setattr(key, name, getattr(draft, name))
        session.add(key)
        self._erasures.mark(session, company_id=key.company_id, what="replaced key", now=self._clock())
        return key


def _refuse_unproven(draft: KeyDraft, provider: Provider, *, untested: bool) -> None:
    if draft.verdict == "rejected":
        raise InvalidInputError(
            f"{provider.name} rejected this key, so it cannot be saved.", field="key", next_step="Paste another one."
        )
    if draft.verdict == "unreadable":
        raise KeyUnreadableError
    if (draft.verdict is None or draft.verdict in UNDECIDED) and not untested:
        raise InvalidInputError(
            "This key has not been proven yet.", field="key", next_step="Test it, or save it untested."
        )
