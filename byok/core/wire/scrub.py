"""Takes anything key-like out of words that a provider sent, before a person or a log sees them.

Errs on the side of too much: a lost word is a nuisance, a shown key is not mended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

GONE = "[hidden]"
LONGEST = 500

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
    for secret in sorted((s for s in secrets if len(s) >= 4), key=len, reverse=True):
        text = _without(text, secret)
    text = _KEY_LIKE.sub(GONE, text)
    text = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def holds(text: str, secrets: Iterable[str]) -> bool:
    """Whether a secret, or a piece of it, stands in a name or an id that a provider sent: those are not mended."""
    return any(piece in text for secret in secrets if len(secret) >= 4 for piece in (secret, *_pieces(secret)))


def _without(text: str, secret: str) -> str:
    text = text.replace(secret, GONE)
    for piece in _pieces(secret):
        text = re.sub(rf"[\w\-.]{{0,64}}{re.escape(piece)}[\w\-.]*", GONE, text)
    return text


def _pieces(secret: str) -> tuple[str, ...]:
    return (secret[:8], secret[-8:]) if len(secret) >= 12 else ()
