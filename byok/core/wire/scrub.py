"""Takes anything key-like out of words that a provider sent, before a person or a log sees them.

Errs on the side of too much: a lost word is a nuisance, a shown key is not mended.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

GONE = "[hidden]"
LONGEST = 500
RUN = 12

_KEY_LIKE = re.compile(
    r"""
      \b(?:bearer|basic)\s+[\w\-.~+/=*]{6,}              # a whole header
    | (?<![A-Za-z0-9])(?:sk|gsk|nvapi|tgp|pk|rk|xai|hf|pplx)[-_][\w\-.*•…]{6,}
    | (?<![A-Za-z0-9])(?:AIza|AQ\.|ya29\.|eyJ)[\w\-.*•…]{6,}
    | [\w\-]{0,64}(?:\*{3,}|•{3,}|x{6,})[\w\-*•]*        # masked, as OpenAI echoes it
    | \b(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{24,}\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def scrub(words: str, *, secrets: Iterable[str] = ()) -> str:
    """The words on one line, at most 500 characters, without anything key-like.

    Args:
        words: what the provider sent.
        secrets: what must not be in it whatever its form; pieces of 8 or more characters from either end go too.
    """
    text = words[: LONGEST * 8]
    for form in sorted((form for secret in secrets for form in _forms(secret)), key=len, reverse=True):
        text = _without(text, form)
    text = _KEY_LIKE.sub(GONE, text)
    text = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def holds(text: str, secrets: Iterable[str]) -> bool:
    """Whether a secret, or a piece of it, stands in a name or an id that a provider sent: those are not mended."""
    forms = [form for secret in secrets for form in _forms(secret)]
    if any(piece in text for form in forms for piece in (form, *_pieces(form))):
        return True
    all_of_them = "\n".join(forms)  # no name shares so long a piece with a key by chance
    return any(text[at : at + RUN] in all_of_them for at in range(len(text) - RUN + 1))


def _without(text: str, secret: str) -> str:
    text = text.replace(secret, GONE)
    for piece in _pieces(secret):
        text = re.sub(rf"[\w\-.]{{0,64}}{re.escape(piece)}[\w\-.]*", GONE, text)
    return text


def _pieces(secret: str) -> tuple[str, ...]:
    return (secret[:8], secret[-8:]) if len(secret) >= RUN else ()


def _forms(secret: str) -> set[str]:
    """A secret as it stands, in hexadecimal and, wherever it may begin there, in Base64. Short ones are no keys."""
    if len(secret) < RUN:
        return {secret} if len(secret) >= 4 else set()
    raw = secret.encode(errors="replace")
    coded = {base64.b64encode(b"\0" * n + raw)[n + 1 : -4].decode() for n in range(3)}
    for_urls = {form.replace("+", "-").replace("/", "_") for form in coded}
    return {secret, raw.hex(), raw.hex().upper(), *coded, *for_urls}
