"""Says why a master key must not be used: malformed, typed by hand, a placeholder, a pattern. Never shows it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Container
from itertools import pairwise

SIZE = 32
# Each is looked for in the text, and (hashed, as shell one-liners do it) among the bytes.
PLACEHOLDERS = (
    "changeme",
    "change-me",
    "change_me",
    "default",
    "example",
    "insecure",
    "masterkey",
    "master-key",
    "master_key",
    "password",
    "placeholder",
    "replace",
    "supersecret",
)
HASHED_PLACEHOLDERS = (*PLACEHOLDERS, "", "admin", "aimy", "byok", "secret", "test")


def decode(encoded: str) -> bytes | None:
    """The bytes of standard or URL-safe base64, with or without padding; None where it is neither."""
    standard = encoded.translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def weakness(encoded: str, *, known: Container[bytes] = ()) -> str:
    """What is wrong with a master key, as the end of a sentence; empty where nothing is.

    Args:
        encoded: the key in base64.
        known: keys that it must differ from.
    """
    # In a random key a given word of seven letters turns up about once in a thousand million.
    if any(word in encoded.lower() for word in PLACEHOLDERS):
        return "is a placeholder, not a key"
    key = decode(encoded)
    if key is None:
        return "is not base64"
    if len(key) != SIZE:
        return f"is {len(key)} bytes long; it must be {SIZE}"
    if any(key == hashlib.sha256(word.encode()).digest() for word in HASHED_PLACEHOLDERS):
        return "is made of a well-known word"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in key):
        return "is a typed text, which can be guessed"
    # Few different bytes (zeros, a repeated word), or each as far from the one before (0, 1, 2, ...).
    if len(set(key)) < SIZE // 2 or len({(after - before) % 256 for before, after in pairwise(key)}) == 1:
        return "is a pattern, which can be guessed"
    if key in known:
        return "is the same key as one before it"
    return ""
