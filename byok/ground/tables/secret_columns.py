"""The register of columns that are secret, or look it: which are sealed, which are hashes, which are harmless and why.

A test holds it against the tables: no column of bytes, and none whose name sounds secret, goes unlisted, and rotation
covers each table of `SEALED`. Whoever adds a column finds out here what it owes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_API_KEY = ("data_key", "data_key_nonce", "ciphertext", "nonce")

SEALED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "api_key": _API_KEY,
        "key_draft": _API_KEY,
        "company": ("fingerprint_key",),
        "audit_head": ("audit_key",),
        "master_key_check": ("sealed",),
    }
)
"""What only a master key opens, by table."""

HASHED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "person.password_hash": "bcrypt, with a salt of its own",
        "browser_session.token_hash": "SHA-256 of a random token",
        "ticket.ticket_hash": "SHA-256 of a random token",
        "invitation.token_hash": "SHA-256 of a random token",
        "throttle.whose": "a hash of the username or address that a counter is about",
    }
)
"""What can be compared and not turned back."""

_FINGERPRINT = "a keyed hash, whose key is the company's own and sealed"
_MASTER_KEY_ID = "the name of a master key, not the key"
_LABEL = "what a person called the key"

HARMLESS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "api_key.fingerprint": _FINGERPRINT,
        "key_draft.fingerprint": _FINGERPRINT,
        "audit_event.fingerprint": _FINGERPRINT,
        "api_key.master_key_id": _MASTER_KEY_ID,
        "key_draft.master_key_id": _MASTER_KEY_ID,
        "audit_head.mac": "a keyed hash of a row that can be read anyway",
        "audit_head.signature": "a keyed hash of a row that can be read anyway",
        "audit_event.mac": "a keyed hash of a row that can be read anyway",
    }
)
"""What stands open on purpose."""
