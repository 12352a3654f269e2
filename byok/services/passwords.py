"""Judges, hashes and compares passwords with bcrypt. Refuses those that bcrypt would cut, instead of cutting them.

What is asked is length and that no list of common passwords has it; spaces and every script are welcome. The same
letters can be typed as different code points, by another keyboard or system: they are brought into one form (NFC)
before they are hashed. Hashes of before are still matched, as they were typed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from pydantic import SecretStr

from byok.ground.errors import InvalidInputError

# Tries are throttled, so eight would do at the door. Two more are for a hash that was stolen.
MIN_CHARACTERS = 10
MAX_BYTES = 72  # bcrypt reads no further: two long passwords with the same beginning would be one
COST = 12
_NOTHING = "." * 53
_EDGE = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def nobody(*, cost: int = COST) -> str:
    """The hash of nothing that anyone knows: stands where there is no password, and takes as long to compare with."""
    return f"$2b${cost:02}${_NOTHING}"


def is_nobody(password_hash: str) -> bool:
    """Whether this is the hash of no password: its owner has not chosen one yet."""
    return password_hash.endswith(_NOTHING)


def judge(password: SecretStr, *, names: Iterable[str] = ()) -> None:
    """Refuses a password that is not good enough to be kept.

    Args:
        names: what would be guessed first, such as the username and the company's name.

    Raises:
        InvalidInputError: shorter than 10 characters, longer than 72 bytes in UTF-8, common, or one of the names.
    """
    text = _one_form(password.get_secret_value())
    if len(text) < MIN_CHARACTERS:
        raise InvalidInputError(
            f"A password needs at least {MIN_CHARACTERS} characters.",
            field="password",
            next_step="A few words in a row are easy to remember, and spaces are welcome.",
        )
    _fits(text)
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        raise InvalidInputError(
            "The password has a character that cannot be typed.", field="password", next_step="Choose another one."
        )
    plain = text.casefold()
    core = _core(plain)
    for name in names:
        own = _core(name.casefold())
        if own and own in (plain, core):
            raise InvalidInputError(
                "A name with a few characters around it is no password.", field="password", next_step=_OTHER_WORDS
            )
    if len(set(plain)) < 4:
        raise InvalidInputError(
            "The password is the same few characters over and over.", field="password", next_step=_OTHER_WORDS
        )
    common = _common()
    # "password2026!" is guessed right after "password".
    if plain in common or (2 * len(core) >= len(plain) and core in common):
        raise InvalidInputError(
            "This password is on every list of common ones.", field="password", next_step=_OTHER_WORDS
        )


def hash_password(password: SecretStr, *, cost: int = COST) -> str:
    """The bcrypt hash of a password. `judge` says whether it is good enough to be kept.

    Raises:
        InvalidInputError: longer than 72 bytes in UTF-8.
    """
    import bcrypt

    return bcrypt.hashpw(_fits(_one_form(password.get_secret_value())), bcrypt.gensalt(cost)).decode("ascii")


def compared(password: str, password_hash: str, *, by: Callable[[str, str], bool]) -> bool:
    """Whether the hash is that of the password, as `by(password, hash)` says.

    How long it takes depends on what was typed and on the cost of the hash, not on whose hash it is.
    """
    right = False
    for text in _spellings(password):
        try:
            right = by(text, password_hash) or right
        except ValueError:  # longer than bcrypt's 72 bytes, or no text at all: no such password was ever accepted
            continue
    return right


def matches(password: SecretStr, password_hash: str) -> bool:
    """Whether the hash is that of the password. Takes as long as hashing does."""
    import bcrypt

    return compared(
        password.get_secret_value(), password_hash, by=lambda text, kept: bcrypt.checkpw(text.encode(), kept.encode())
    )


_OTHER_WORDS = "Choose another one: a few words that do not belong together are good."


def _one_form(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _spellings(text: str) -> Iterator[str]:
    """The form in which passwords are hashed now, and what was typed where that is another."""
    one_form = _one_form(text)
    yield one_form
    if text != one_form:
        yield text


def _fits(text: str) -> bytes:
    data = text.encode(errors="replace")
    if len(data) > MAX_BYTES:
        raise InvalidInputError(
            f"A password may have at most {MAX_BYTES} bytes; this one has {len(data)}.",
            field="password",
            next_step="Choose a shorter one.",
        )
    return data


def _core(plain: str) -> str:
    """What is left without the figures and signs around it."""
    return _EDGE.sub("", plain)


def _common() -> frozenset[str]:
    """30,000 common passwords; read when one is chosen, since few commands do."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])
