"""Amounts as people type them, and as whole numbers of their smallest parts. Refuses what would be kept otherwise."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from byok.ground.errors import InvalidInputError

PICO: Final = 12  # decimal places of a pico-dollar
MILLIONTH: Final = 6


def scaled(value: Decimal | int | str, *, places: int, most: int, what: str, field: str) -> int:
    """A number that is not negative, as a whole number of its smallest parts.

    Args:
        places: decimal places that are kept; more are refused, since they would be lost without a word.
        most: the largest number.
        what: the number's name, to begin a sentence with.

    Raises:
        InvalidInputError: it is no such number; the message names `field`.
    """
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        number = Decimal("NaN")
    if not number.is_finite() or not 0 <= number <= most:
        raise InvalidInputError(f"{what} must be a number from 0 to {most:,}.", field=field)
    # By its digits: arithmetic on decimals keeps 28 of them and drops the rest.
    digits = "".join(map(str, number.as_tuple().digits))
    kept = digits.rstrip("0")
    beyond = int(number.as_tuple().exponent) + len(digits) - len(kept) + places
    if kept and beyond < 0:
        raise InvalidInputError(f"{what} can have at most {places} decimal places.", field=field)
    return int(kept) * 10**beyond if kept else 0


def written(pico: int) -> str:
    """Pico-dollars as US dollars, to the cent at least and without a rounded place: `50.00`, `0.000123`."""
    whole, _, places = f"{Decimal(pico).scaleb(-PICO):.{PICO}f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"
