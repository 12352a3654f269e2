"""What a question can be sent with besides its words. Only what is set is sent; refuses what no provider could take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from byok.ground.errors import InvalidInputError

HOTTEST = 2.0
MOST_TOKENS = 200_000
SEEDS = 2**31 - 1  # what the most narrow of the providers takes
MOST_STOPS = 4
LONGEST_STOP = 100  # characters


@dataclass(frozen=True, slots=True)
class Parameters:
    """Each is None, or empty, where it is not set: then the provider's own default holds.

    Attributes:
        temperature: 0 to 2. top_p: above 0, up to 1.
        max_tokens: the answer's length at most.
        seed: 0 to 2^31 - 1; most providers promise little for it.
        stop: up to four texts at which the answer ends.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """From a table's JSON or a run file; fields that are not known are refused.

        Raises:
            InvalidInputError: a value is none that could be sent; the message names its field.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise InvalidInputError(f"There is no parameter {unknown[0]!r}.", field=unknown[0])
        stop = () if values.get("stop") is None else values["stop"]
        if not isinstance(stop, list | tuple):
            raise InvalidInputError("stop must be a list of texts.", field="stop")
        found = cls(**{**values, "stop": tuple(stop)}).checked()
        return replace(found, temperature=_as_float(found.temperature), top_p=_as_float(found.top_p))

    def checked(self) -> Self:
        """Itself.

        Raises:
            InvalidInputError: a value is none that could be sent; the message names its field.
        """
        _number("temperature", self.temperature, 0, HOTTEST)
        _number("top_p", self.top_p, 0, 1)
        if self.top_p == 0:
            raise InvalidInputError("top_p must be above 0.", field="top_p")
        _whole("max_tokens", self.max_tokens, 1, MOST_TOKENS)
        _whole("seed", self.seed, 0, SEEDS)
        if len(self.stop) > MOST_STOPS:
            raise InvalidInputError(f"At most {MOST_STOPS} stop texts can be sent.", field="stop")
        stops: tuple[object, ...] = self.stop  # a file may hold anything
        if any(not isinstance(one, str) or not 0 < len(one) <= LONGEST_STOP for one in stops):
            raise InvalidInputError(f"A stop text has 1 to {LONGEST_STOP} characters.", field="stop")
        if any("\0" in one or any("\ud800" <= letter <= "\udfff" for letter in one) for one in self.stop):
            raise InvalidInputError("A stop text holds a character that cannot be sent.", field="stop")
        return self

    def to_json(self) -> dict[str, Any]:
        """Those that are set, for a table or a run file."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: list(value) if name == "stop" else value for name, value in found.items() if value not in (None, ())
        }


def _number(name: str, value: object, least: float, most: float) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInputError(f"{name} must be a number.", field=name)
    if not least <= value <= most:
        raise InvalidInputError(f"{name} must be between {least:g} and {most:g}.", field=name)


def _as_float(value: float | None) -> float | None:
    """A file may say 1 for 1.0, which is another type to whoever draws or hashes it."""
    return None if value is None else float(value)


def _whole(name: str, value: object, least: int, most: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInputError(f"{name} must be a whole number.", field=name)
    if not least <= value <= most:
        raise InvalidInputError(f"{name} must be between {least:,} and {most:,}.", field=name)
