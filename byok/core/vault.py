"""The one room that sees keys in plain text: it takes them in, seals them, and writes them into request headers.

Refuses to give a key back to anyone: what leaves it is sealed, a fingerprint, a hint, or an `httpx.Auth`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from uuid import UUID

import httpx
from nacl.utils import random
from pydantic import SecretStr

from byok.core import sealing
from byok.core.key_auth import AUTH_HEADERS, KeyAuth
from byok.core.master_keys import MasterKeys
from byok.core.sealing import Place, Sealed, SealedLike
from byok.ground.errors import InvalidInputError, KeyUnreadableError, SettingsError
from byok.ground.settings import PLATFORM_KEY

__all__ = ["AUTH_HEADERS", "Place", "Sealed", "SealedLike", "Vault", "check_platform_keys", "clean_key", "hint"]

SHORTEST, LONGEST = 8, 512
# What a copy from a web page brings along and `str.strip` leaves: zero-width characters and a byte order mark.
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
FINGERPRINT_SIZE = 16
FINGERPRINTS, AUDIT = "fingerprint-key", "audit-key"  # what a company's, and a chain's, own key is for
CHECK, CHECKED = "master-key-check", b"byok: this master key is the one"  # of a key's length, as all that is packed


def clean_key(pasted: str) -> SecretStr:
    """A pasted key without the blanks around it.

    Raises:
        InvalidInputError: it is not 8 to 512 printable ASCII characters without a space. The key is not echoed.
    """
    key = pasted.strip().strip(INVISIBLE).strip()
    problem = ""
    if not key:
        problem = "No key was entered."
    elif not all("!" <= character <= "~" for character in key):
        problem = "The key has a space, a line break or another character inside that no key has."
    elif len(key) < SHORTEST:
        problem = f"The key is too short: it has fewer than {SHORTEST} characters."
    elif len(key) > LONGEST:
        problem = f"The key is too long: it has more than {LONGEST} characters."
    if problem:
        raise InvalidInputError(problem, field="key", next_step="Copy it again from the provider's page.")
    return SecretStr(key)


def check_platform_keys(keys: Mapping[str, SecretStr]) -> None:
    """Looks at the platform's own keys, by provider as their variables name them.

    Raises:
        SettingsError: one could not be sent in a header; the message names its variable.
    """
    for provider_id, secret in keys.items():
        try:
            clean_key(secret.get_secret_value())
        except InvalidInputError as error:
            name = f"{PLATFORM_KEY}{provider_id.upper()}"
            raise SettingsError(
                f"{name} cannot be used. {error.message}", next_step=f"Correct {name} and start again."
            ) from None


def hint(secret: SecretStr) -> str:
    """The last four characters, by which a person recognises a key."""
    return secret.get_secret_value()[-4:]


class Vault:
    """Seals keys to their place, and opens them for the length of a request."""

    def __init__(self, master_keys: MasterKeys) -> None:
        self._master_keys = master_keys

    @property
    def master_key_ids(self) -> tuple[str, ...]:
        """The ids of the master keys that are here, the sealing one first."""
        return self._master_keys.ids()

    def new_check(self, master_key_id: str) -> bytes:
        """A known text, sealed under that master key: whoever opens it has the same key.

        Raises:
            KeyUnreadableError: there is no master key of that id here.
        """
        subkey = self._master_keys.subkey(master_key_id, sealing.context(CHECK, master_key_id))
        return sealing.pack(master_key_id, *sealing.lock(subkey, CHECKED))

    def passes(self, master_key_id: str, sealed: bytes) -> bool:
        """Whether the check of that master key opens with the one that is here."""
        try:
            named, *_ = sealing.unpack(sealed)
            return named == master_key_id and self._unpacked(sealed, sealing.context(CHECK, named)) == CHECKED
        except KeyUnreadableError:
            return False

    def seal(self, secret: SecretStr, *, place: Place) -> Sealed:
        """Seals a key under a data key of its own, and that under the first master key, bound to `place`.

        Raises:
            InvalidInputError: it is not a key that could be sent in a header.
        """
        plain = clean_key(secret.get_secret_value()).get_secret_value().encode("ascii")
        data_key = random(sealing.KEY_SIZE)
        ciphertext, nonce = sealing.lock(data_key, plain)
        return self._sealed(data_key, ciphertext, nonce, place)

    def reseal(self, sealed: SealedLike, *, place: Place) -> Sealed:
        """The same key with its data key under the first master key. The API key itself is not opened.

        Raises:
            KeyUnreadableError: it does not open here.
        """
        data_key = self._data_key(Sealed.copy(sealed), place, _stored_origin(sealed, place))
        return self._sealed(data_key, sealed.ciphertext, sealed.nonce, place)

    def rebind(self, sealed: SealedLike, *, place: Place, origin: str) -> Sealed:
        """The same key bound to another origin of its provider. The API key itself is not opened.

        Raises:
            KeyUnreadableError: it does not open at `place`.
        """
        data_key = self._data_key(Sealed.copy(sealed), place, _stored_origin(sealed, place))
        return self._sealed(data_key, sealed.ciphertext, sealed.nonce, replace(place, origin=origin))

    def auth(self, sealed: SealedLike, *, place: Place, header: str, prefix: str = "") -> httpx.Auth:
        """Writes the key into `header` behind `prefix` when a request is sent; only then is it opened.

        A key that does not open raises `KeyUnreadableError` out of that request, before anything is sent.
        """
        # Copied now: by the time of the request the row's session is long closed.
        open_key = partial(self._open, Sealed.copy(sealed), place, _stored_origin(sealed, place))
        return KeyAuth(open_key, header=header, prefix=prefix)

    def platform_auth(self, secret: SecretStr, *, header: str, prefix: str = "") -> httpx.Auth:
        """The same for a key of the platform's own, which comes from the settings and is not sealed.

        Raises:
            SettingsError: it is not a key that could be sent in a header.
        """
        try:
            key = clean_key(secret.get_secret_value())
        except InvalidInputError as error:
            raise SettingsError(
                f"A platform key cannot be used. {error.message}", next_step="Correct BYOK_PLATFORM_KEY_<PROVIDER>."
            ) from None
        return KeyAuth(key.get_secret_value, header=header, prefix=prefix)

    def readable(self, sealed: SealedLike, *, place: Place) -> bool:
        """Whether the key would open, or must be entered again. Opens the data key alone."""
        try:
            self._data_key(Sealed.copy(sealed), place, _stored_origin(sealed, place))
        except KeyUnreadableError:
            return False
        return True

    def new_fingerprint_key(self, *, company_id: UUID) -> bytes:
        """A fresh random key for a company's fingerprints, sealed, as one blob that says how to open it."""
        return self._packed(random(sealing.KEY_SIZE), sealing.context(FINGERPRINTS, company_id))

    def reseal_fingerprint_key(self, sealed_key: bytes, *, company_id: UUID) -> bytes:
        """The same fingerprint key under the first master key: fingerprints stay what they were.

        Raises:
            KeyUnreadableError: it does not open here.
        """
        return self._repacked(sealed_key, sealing.context(FINGERPRINTS, company_id))

    def fingerprint(self, secret: SecretStr, *, company_id: UUID, sealed_key: bytes) -> bytes:
        """16 bytes by which a company recognises the same key again; they mean nothing to any other company.

        Raises:
            KeyUnreadableError: the company's fingerprint key does not open here.
        """
        key = self._unpacked(sealed_key, sealing.context(FINGERPRINTS, company_id))
        plain = secret.get_secret_value().encode()
        return hashlib.blake2b(plain, key=key, digest_size=FINGERPRINT_SIZE).digest()

    def new_audit_key(self, *, chain_id: UUID) -> bytes:
        """A fresh random key for a chain of the audit log, sealed in the same way."""
        return self._packed(random(sealing.KEY_SIZE), sealing.context(AUDIT, chain_id))

    def reseal_audit_key(self, sealed_key: bytes, *, chain_id: UUID) -> bytes:
        """The same key under the first master key: the chain goes on.

        Raises:
            KeyUnreadableError: it does not open here.
        """
        return self._repacked(sealed_key, sealing.context(AUDIT, chain_id))

    def audit_mac(self, *parts: bytes, chain_id: UUID, sealed_key: bytes) -> bytes:
        """32 bytes that only this chain's key and these very parts give.

        Raises:
            KeyUnreadableError: the chain's key does not open here.
        """
        key = self._unpacked(sealed_key, sealing.context(AUDIT, chain_id))
        return hashlib.blake2b(sealing.context(AUDIT, *parts), key=key, digest_size=32).digest()

    def _sealed(self, data_key: bytes, ciphertext: bytes, nonce: bytes, place: Place) -> Sealed:
        master_key_id, subkey = self._master_keys.sealing(sealing.place_context(place))
        locked, locked_nonce = sealing.lock(subkey, data_key)
        return Sealed(sealing.VERSION, master_key_id, locked, locked_nonce, ciphertext, nonce)

    def _data_key(self, sealed: Sealed, place: Place, stored_origin: str) -> bytes:
        # The context would refuse it too. Said first, so that a key never opens for an address it was not saved for.
        if stored_origin != place.origin:
            raise KeyUnreadableError
        return sealing.unlock_data_key(self._master_keys, sealed, sealing.place_context(place))

    def _open(self, sealed: Sealed, place: Place, stored_origin: str) -> str:
        plain = sealing.unlock(self._data_key(sealed, place, stored_origin), sealed.ciphertext, sealed.nonce)
        # Not `decode`: its error would carry what it could not read, and that is a key.
        if not plain.isascii():
            raise KeyUnreadableError
        return plain.decode("ascii")

    def _packed(self, key: bytes, bound_to: bytes) -> bytes:
        master_key_id, subkey = self._master_keys.sealing(bound_to)
        return sealing.pack(master_key_id, *sealing.lock(subkey, key))

    def _unpacked(self, sealed_key: bytes, bound_to: bytes) -> bytes:
        master_key_id, ciphertext, nonce = sealing.unpack(sealed_key)
        return sealing.unlock(self._master_keys.subkey(master_key_id, bound_to), ciphertext, nonce)

    def _repacked(self, sealed_key: bytes, bound_to: bytes) -> bytes:
        return self._packed(self._unpacked(sealed_key, bound_to), bound_to)


def _stored_origin(sealed: SealedLike, place: Place) -> str:
    """The origin that a row was sealed for; a bare `Sealed` has none of its own."""
    return str(getattr(sealed, "origin", place.origin))
