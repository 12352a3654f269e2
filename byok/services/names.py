"""Judges what somebody calls a person, a company or a chatbot. Refuses characters that no page and no terminal shows.

Such a name could move a terminal's cursor or hide what stands beside it, and PostgreSQL keeps no NUL.
"""

from __future__ import annotations

from byok.ground.errors import InvalidInputError

_JOINERS = str.maketrans("", "", "\u200c\u200d")  # not shown either, but scripts and emoji need them inside a word


def clean_name(typed: str) -> str:
    """The name in one line, without spaces around it; empty where nothing was typed.

    Raises:
        InvalidInputError: a character of it cannot be shown. The message does not repeat it.
    """
    name = " ".join(typed.split())
    if not name.translate(_JOINERS).isprintable():
        raise InvalidInputError(
            "A name has printable characters only.", field="name", next_step="Type it anew instead of pasting it."
        )
    return name
