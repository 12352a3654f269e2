"""Everything that a vault seals, one of each kind, as tests against its threats try to open it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import httpx
from pydantic import SecretStr

from byok.core.master_keys import MasterKeys, new_entry
from byok.core.vault import Place, Sealed, Vault
from byok.ground.errors import KeyUnreadableError
from byok.ground.ids import new_id

Open = Callable[[bytes], object]
SECRET = SecretStr("sealed-thing-" + "z9" * 12)


def new_vault(*entries: str) -> Vault:
    """A vault with those master keys, or with a fresh one."""
    return Vault(MasterKeys.parse(",".join(entries or (new_entry(),))))


def opened(vault: Vault, sealed: object, place: Place) -> str:
    """What goes into the header: the whole way of a key, without a client around it."""
    request = httpx.Request("GET", "https://api.example.com")
    next(vault.auth(sealed, place=place, header="x-api-key").auth_flow(request))  # type: ignore[arg-type]
    return request.headers["x-api-key"]


def refused(call: Callable[[], object]) -> bool:
    """Whether it fails with the one error, in its one form: anything else is a crash, and passes through."""
    try:
        call()
    except KeyUnreadableError as error:
        return type(error) is KeyUnreadableError and str(error) == str(KeyUnreadableError()) and error.__cause__ is None
    return False


@dataclass(frozen=True)
class Column:
    """One sealed column: its bytes, and what opens them."""

    name: str
    whole: bytes
    open: Open


def sealed_columns(vault: Vault) -> Iterator[Column]:
    """Each sealed column of the register once, with the way by which the product opens it."""
    place = Place(new_id(), new_id(), "openai", "https://api.openai.com")
    sealed = vault.seal(SECRET, place=place)
    for column in ("data_key", "data_key_nonce", "ciphertext", "nonce"):

        def open_key(changed: bytes, column: str = column) -> object:
            return opened(vault, dataclasses.replace(sealed, **{column: changed}), place)  # type: ignore[arg-type]

        yield Column(f"api_key.{column}", getattr(sealed, column), open_key)
    yield from packed_columns(vault, company_id=new_id())


def packed_columns(vault: Vault, *, company_id: UUID) -> Iterator[Column]:
    """A company's fingerprint key, a chain's key, and the check of the first master key."""
    yield Column(
        "company.fingerprint_key",
        vault.new_fingerprint_key(company_id=company_id),
        lambda changed: vault.fingerprint(SECRET, company_id=company_id, sealed_key=changed),
    )
    yield Column(
        "audit_head.audit_key",
        vault.new_audit_key(chain_id=company_id),
        lambda changed: vault.audit_mac(b"row", chain_id=company_id, sealed_key=changed),
    )
    first = vault.master_key_ids[0]
    yield Column("master_key_check.sealed", vault.new_check(first), lambda changed: _passes(vault, first, changed))


def _passes(vault: Vault, master_key_id: str, changed: bytes) -> object:
    """A check answers yes or no; no is its way to refuse."""
    if not vault.passes(master_key_id, changed):
        raise KeyUnreadableError
    return True


def garbage(random: Callable[[int], bytes], vault: Vault) -> Sealed:
    """A row of nothing but random bytes, of lengths around the right ones, that names a master key which is here."""
    lengths = random(4)
    return Sealed(
        1,
        vault.master_key_ids[0],
        random(48 if lengths[0] < 200 else lengths[0] % 80),
        random(24 if lengths[1] < 200 else lengths[1] % 40),
        random(lengths[2] % 120),
        random(24 if lengths[3] < 200 else lengths[3] % 40),
    )
