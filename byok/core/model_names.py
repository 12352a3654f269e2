"""A model's full name, `source:provider/model`, e.g. `byok:groq/openai/gpt-oss-20b`. Refuses anything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, cast

from byok.ground.errors import InvalidInputError

Source = Literal["byok", "plan"]


@dataclass(frozen=True, slots=True)
class ModelName:
    """Who pays (`source`), whose service (`provider_id`), and what it serves (`model`, which may hold slashes)."""

    source: Source
    provider_id: str
    model: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `source:provider/model`.

        Raises:
            InvalidInputError: the text has another form.
        """
        source, colon, rest = text.strip().partition(":")
        provider_id, slash, model = rest.partition("/")
        if source not in ("byok", "plan") or not colon or not slash or not provider_id or not model:
            raise InvalidInputError(
                f"{text!r} is not the name of a model.",
                field="model",
                next_step="Write it as byok:provider/model or plan:provider/model.",
            )
        return cls(cast("Source", source), provider_id, model)

    def __str__(self) -> str:
        return f"{self.source}:{self.provider_id}/{self.model}"
