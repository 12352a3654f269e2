"""Names that somebody gives: what is kept of them, and what is refused."""

from __future__ import annotations

import pytest

from byok.ground.errors import InvalidInputError
from byok.services.names import clean_name


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ada \t Lovelace\n", "Ada Lovelace"),
        ("\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"),
        ("", ""),
        (" \r\n", ""),
    ],
)
def test_a_name_is_kept_in_one_line_as_it_was_typed(typed: str, kept: str) -> None:
    assert clean_name(typed) == kept


@pytest.mark.parametrize("odd", ["\0", "\x1b[2J", "\x07", "\x7f", "\x9b", "\u202e", "\u2066", "\ud800", "\U000e0041"])
def test_a_name_that_no_terminal_shows_as_it_is_is_refused_without_repeating_it(odd: str) -> None:
    with pytest.raises(InvalidInputError, match="printable characters only") as refused:
        clean_name(f"Ada{odd}Lovelace")
    assert refused.value.field == "name"
    assert "Ada" not in str(refused.value)
