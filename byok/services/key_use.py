"""How a sealed row may be used: for its own provider, at the address it was sealed for, and nowhere else.

Refuses a row whose stored origin is no longer the catalogue's, before anything of it is opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from byok.core.catalogue import Catalogue, Provider
from byok.core.local_model import LocalModel
from byok.core.vault import AUTH_HEADERS, Place, Vault
from byok.ground.errors import KeyUnreadableError, NotFoundError
from byok.ground.prepared import Prepared
from byok.ground.tables import ApiKey, KeyDraft
from byok.ground.tables.types import metadata
from byok.services.access import Actor

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class SavedKey:
    """A saved key as sending needs it: its columns, read without the ORM, which costs more than all the rest."""

    id: UUID
    company_id: UUID
    provider_id: str
    label: str
    hint: str
    is_default: bool
    origin: str
    seal_version: int
    master_key_id: str
    data_key: bytes = field(repr=False)
    data_key_nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)
    nonce: bytes = field(repr=False)


SealedRow = ApiKey | KeyDraft
UsableRow = SealedRow | SavedKey

_k = metadata.tables["api_key"].c
_SAVED = Prepared(
    sa.select(*(_k[one.name] for one in fields(SavedKey))).where(
        _k.company_id == sa.bindparam("whose"), _k.provider_id == sa.bindparam("of")
    )
)


def saved_keys(connection: sa.Connection, *, company_id: UUID, provider_id: str) -> list[SavedKey]:
    """A company's keys of one provider."""
    return [SavedKey(*row) for row in _SAVED.run(connection, {"whose": company_id, "of": provider_id})]


class KeyUse:
    """Turns sealed rows into something that the wire can send with. Holds no key and opens none itself."""

    def __init__(self, *, catalogue: Catalogue, vault: Vault, local: LocalModel) -> None:
        self._catalogue, self._vault, self._local = catalogue, vault, local

    def provider(self, provider_id: str) -> Provider | None:
        """The provider, or None where the catalogue does not know it any more."""
        try:
            return self._catalogue.get(provider_id)
        except NotFoundError:
            return None

    def opens(self, row: UsableRow) -> bool:
        """Whether the row can be used: provider known, address unchanged, data key readable. Never raises."""
        provider = self.provider(row.provider_id)
        return provider is not None and self._vault.readable(row, place=_place_at(row, provider))

    def auth(self, row: UsableRow) -> httpx.Auth:
        """What writes the key into a request's header, at that moment and not before.

        Raises:
            KeyUnreadableError: the provider is gone or has another address than the key was sealed for.
        """
        provider = self.provider(row.provider_id)
        if provider is None:
            raise KeyUnreadableError(f"The provider {row.provider_id!r} is not in the catalogue any more.")
        if row.origin != provider.binding:
            raise KeyUnreadableError(f"The address of {provider.name} has changed since this key was entered.")
        header, prefix = AUTH_HEADERS[provider.auth]
        return self._vault.auth(row, place=_place_at(row, provider), header=header, prefix=prefix)

    def base_url(self, provider: Provider) -> str:
        """Where the provider is reached. Starts the built-in model's server when it is the one asked for.

        Raises:
            LocalModelError: the built-in model is not installed or did not start.
        """
        return provider.base_url if provider.launch == "none" else self._local.base_url()


def own_key(session: Session, actor: Actor, key_id: UUID) -> ApiKey:
    """The saved key of the actor's company.

    Raises:
        NotFoundError: it has no such key.
    """
    key = session.get(ApiKey, key_id)
    if key is None or key.company_id != actor.company_id:
        raise NotFoundError("There is no such key.")
    return key


def _place_at(row: UsableRow, provider: Provider) -> Place:
    """Where a row may be opened for use: at the catalogue's present address, whatever the row says of its own."""
    return replace(place_of(row), origin=provider.binding)


def place_of(row: UsableRow) -> Place:
    """What the row says it is sealed for: to seal it anew, not to use it.

    A draft is sealed under the id that its key has, or will have.
    """
    row_id = row.key_id if isinstance(row, KeyDraft) else row.id
    return Place(company_id=row.company_id, row_id=row_id, provider_id=row.provider_id, origin=row.origin)
