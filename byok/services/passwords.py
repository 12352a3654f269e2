"""Judges and hashes passwords with bcrypt. Refuses those that bcrypt would cut, instead of cutting them."""

from __future__ import annotations

from pydantic import SecretStr

from byok.ground.errors import InvalidInputError

MIN_CHARACTERS = 8
MAX_BYTES = 72  # bcrypt reads no further: two long passwords with the same beginning would be one
COST = 12


def hash_password(password: SecretStr, *, cost: int = COST) -> str:
    """The bcrypt hash of a password that is good enough to be kept.

    Raises:
        InvalidInputError: shorter than 8 characters, or longer than 72 bytes in UTF-8.
    """
    text = password.get_secret_value()
    if len(text) < MIN_CHARACTERS:
        raise InvalidInputError(f"A password needs at least {MIN_CHARACTERS} characters.", field="password")
    data = text.encode()
    if len(data) > MAX_BYTES:
        raise InvalidInputError(
            f"A password may have at most {MAX_BYTES} bytes; this one has {len(data)}.",
            field="password",
            next_step="Choose a shorter one.",
        )
    import bcrypt

    return bcrypt.hashpw(data, bcrypt.gensalt(cost)).decode("ascii")


def matches(password: SecretStr, password_hash: str) -> bool:
    """Whether the hash is that of the password. Takes as long as hashing does."""
    import bcrypt

    data = password.get_secret_value().encode()
    return len(data) <= MAX_BYTES and bcrypt.checkpw(data, password_hash.encode("ascii"))
