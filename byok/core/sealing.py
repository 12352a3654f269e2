"""How a secret is sealed to its place: the boxes, the subkeys, and what they are bound to. No HTTP, no rows.

Anything that does not open is a `KeyUnreadableError`, and all of them look alike: nobody learns from it why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from nacl.bindings import crypto_secretbox_MACBYTES as MAC_SIZE
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from nacl.utils import random

from byok.core.master_keys import MasterKeys
from byok.ground.errors import KeyUnreadableError

VERSION = 1
KEY_SIZE = SecretBox.KEY_SIZE
NONCE_SIZE = SecretBox.NONCE_SIZE
HEAD_SIZE = 34  # bytes that hold a packed blob's version and its master key id, which has 32 letters at most


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed key belongs; it opens nowhere else. `origin` is the catalogue's `binding` of the provider."""

    company_id: UUID
    row_id: UUID
    provider_id: str
    origin: str


class SealedLike(Protocol):
    """Anything with the columns of a sealed key: a row, or a `Sealed`."""

    @property
    def seal_version(self) -> int: ...
    @property
    def master_key_id(self) -> str: ...
    @property
    def data_key(self) -> bytes: ...
    @property
    def data_key_nonce(self) -> bytes: ...
    @property
    def ciphertext(self) -> bytes: ...
    @property
    def nonce(self) -> bytes: ...


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """A sealed key, under the names of the tables' columns. `data_key` is sealed as well."""

    seal_version: int
    master_key_id: str
    data_key: bytes
    data_key_nonce: bytes
    ciphertext: bytes
    nonce: bytes

    def __repr__(self) -> str:
        return f"Sealed(seal_version={self.seal_version}, master_key_id={self.master_key_id!r})"

    @classmethod
    def copy(cls, row: SealedLike) -> Sealed:
        """The same, apart from any database session."""
        return cls(row.seal_version, row.master_key_id, row.data_key, row.data_key_nonce, row.ciphertext, row.nonce)


def context(purpose: str, *parts: str | bytes | UUID) -> bytes:
    """What a subkey is bound to, canonically: each part behind its length, so that none runs into the next."""
    raw = [purpose.encode(), VERSION.to_bytes(2, "big")]
    for part in parts:
        raw.append(part.bytes if isinstance(part, UUID) else part.encode() if isinstance(part, str) else part)
    return b"".join(len(part).to_bytes(4, "big") + part for part in raw)


def place_context(place: Place) -> bytes:
    """The context of an API key's data key."""
    return context("api-key", place.company_id, place.row_id, place.provider_id, place.origin)


def lock(key: bytes, plain: bytes) -> tuple[bytes, bytes]:
    """Locks bytes under a key.

    Returns:
        The ciphertext (16 bytes longer) and its nonce, 24 random bytes.
    """
    nonce = random(NONCE_SIZE)
    return SecretBox(key).encrypt(plain, nonce).ciphertext, nonce


def unlock(key: bytes, ciphertext: bytes, nonce: bytes) -> bytes:
    """What `lock` locked.

    Raises:
        KeyUnreadableError: another key, or any bit differs.
    """
    try:
        return SecretBox(key).decrypt(ciphertext, nonce)
    except (CryptoError, ValueError, TypeError):
        raise KeyUnreadableError from None


def unlock_data_key(master_keys: MasterKeys, sealed: SealedLike, bound_to: bytes) -> bytes:
    """The row's data key.

    Raises:
        KeyUnreadableError: another place, version or master key, or any bit differs.
    """
    if sealed.seal_version != VERSION:
        raise KeyUnreadableError
    subkey = master_keys.subkey(sealed.master_key_id, bound_to)
    data_key = unlock(subkey, sealed.data_key, sealed.data_key_nonce)
    if len(data_key) != KEY_SIZE:
        raise KeyUnreadableError
    return data_key


def pack(master_key_id: str, ciphertext: bytes, nonce: bytes) -> bytes:
    """One blob that says by itself how to open it: version, id behind its length, nonce, ciphertext."""
    return packed_head(master_key_id) + nonce + ciphertext


def packed_head(master_key_id: str) -> bytes:
    """What every blob under that master key begins with; no two ids share one, nor does one begin with another."""
    name = master_key_id.encode()
    return bytes([VERSION, len(name)]) + name


def packed_under(head: bytes) -> str | None:
    """The master key id of a packed blob, or of its first `HEAD_SIZE` bytes; None where it has another form."""
    name = head[2 : 2 + head[1]] if len(head) > 2 and head[0] == VERSION else b""
    return name.decode("ascii") if name and len(name) == head[1] and name.isascii() else None


def unpack(blob: bytes) -> tuple[str, bytes, bytes]:
    """Master key id, ciphertext and nonce of a packed blob.

    Raises:
        KeyUnreadableError: the blob has another form.
    """
    if len(blob) < 2 or blob[0] != VERSION:
        raise KeyUnreadableError
    end = 2 + blob[1]
    name, nonce, ciphertext = blob[2:end], blob[end : end + NONCE_SIZE], blob[end + NONCE_SIZE :]
    if len(ciphertext) != KEY_SIZE + MAC_SIZE or not name.isascii():
        raise KeyUnreadableError
    return name.decode("ascii"), ciphertext, nonce
