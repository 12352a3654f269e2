"""What may be seen of a key. No view has a field that could carry a secret or a sealed byte of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from byok.core.catalogue import Provider
from byok.ground.tables import ApiKey

ALGORITHM = (
    "XSalsa20-Poly1305 (NaCl secretbox) under a data key of this row's own; "
    "the data key is sealed under a subkey (keyed BLAKE2b) of the master key"
)


@dataclass(frozen=True, slots=True)
class DraftView:
    """A pasted key that waits to be tested and saved.

    Attributes:
        warning: why a key of this shape cannot work with the provider (an admin key, say), else None.
        looks_like: the full name of another provider whose keys have this shape, else None. A hint, never a gate.
        duplicate_of: the label of a saved key of this company with the same secret, else None.
    """

    id: UUID
    provider_id: str
    provider_name: str
    hint: str
    warning: str | None
    looks_like: str | None
    duplicate_of: str | None
    replaces: UUID | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class KeyView:
    """A saved key in the list.

    Attributes:
        verdict: what the last test found, or None where it was saved untested; `detail` says it in a sentence.
        readable: False where the key needs to be entered again.
        chat: whether its provider can be chatted with here; else the key is only kept and tested.
        added_by: the name of the person; empty for the operator.
        models_open: chat models the key opens, as last listed; None where no list was had.
    """

    id: UUID
    provider_id: str
    provider_name: str
    label: str
    hint: str
    is_default: bool
    verdict: str | None
    detail: str | None
    proof: str | None
    not_proven: str | None
    request_id: str | None
    test_ms: int | None
    models_open: int | None
    readable: bool
    chat: bool
    added_by: str
    created_at: datetime
    tested_at: datetime | None
    last_used_at: datetime | None

    @property
    def status(self) -> str:
        """One word or two for the list."""
        if not self.readable:
            return "needs to be entered again"
        return "untested" if self.verdict is None else self.verdict.replace("_", " ")


@dataclass(frozen=True, slots=True)
class StoredView:
    """What the database keeps of a key, without anything that helps to open it. Sizes in bytes."""

    algorithm: str
    seal_version: int
    master_key_id: str
    nonce: str
    fingerprint: str
    ciphertext_size: int
    data_key_size: int
    bound_to: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """`erased` is False while the deleted bytes may still stand in SQLite's log: they are "being erased"."""

    erased: bool


def key_view(key: ApiKey, *, provider: Provider | None, readable: bool) -> KeyView:
    """The view of a row; a provider that left the catalogue is named by its id."""
    return KeyView(
        id=key.id,
        provider_id=key.provider_id,
        provider_name=provider.name if provider else key.provider_id,
        label=key.label,
        hint=key.hint,
        is_default=key.is_default,
        verdict=key.verdict,
        detail=key.detail,
        proof=key.proof,
        not_proven=key.not_proven,
        request_id=key.request_id,
        test_ms=key.test_ms,
        models_open=key.models_open,
        readable=readable,
        chat=provider is not None and provider.chat,
        added_by=key.added_by_name,
        created_at=key.created_at,
        tested_at=key.tested_at,
        last_used_at=key.last_used_at,
    )


def stored_view(key: ApiKey) -> StoredView:
    """What "What we store" shows."""
    return StoredView(
        algorithm=ALGORITHM,
        seal_version=key.seal_version,
        master_key_id=key.master_key_id,
        nonce=key.nonce.hex(),
        fingerprint=key.fingerprint.hex(),
        ciphertext_size=len(key.ciphertext),
        data_key_size=len(key.data_key),
        bound_to=key.origin,
        created_at=key.created_at,
    )
