"""The providers, read from `data/providers.toml` and whatever `BYOK_PROVIDERS` merges over it.

Refuses a file with a mistake, naming file, row and field. Knows nothing of the network.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr, ValidationError

from byok.core.provider import Provider
from byok.ground.errors import CatalogueError, NotFoundError
from byok.ground.settings import ROOT

__all__ = ["PROVIDERS_FILE", "Catalogue", "Provider"]

PROVIDERS_FILE = ROOT / "data" / "providers.toml"


class Catalogue:
    """All providers by id, in the order of the file."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = dict(providers)

    @classmethod
    def load(cls, path: Path = PROVIDERS_FILE, overlay: Path | None = None) -> Self:
        """Reads and checks the catalogue.

        Args:
            path: the shipped file.
            overlay: a second file, merged over the first by id: it overrides fields and adds providers.

        Raises:
            CatalogueError: a file cannot be read, or a row does not validate.
        """
        rows = _read(path)
        own = {} if overlay is None else _read(overlay, variable="BYOK_PROVIDERS")
        merged = {**rows, **{row_id: _merge(rows.get(row_id, {}), row) for row_id, row in own.items()}}
        return cls(
            {
                row_id: _validate(row_id, row, file=overlay if overlay is not None and row_id in own else path)
                for row_id, row in merged.items()
            }
        )

    def get(self, provider_id: str) -> Provider:
        """The provider of that id.

        Raises:
            NotFoundError: there is none.
        """
        if provider_id not in self._providers:
            raise NotFoundError(
                f"There is no provider {provider_id!r}.", next_step=f"There are: {', '.join(self._providers)}."
            )
        return self._providers[provider_id]

    def name_of(self, provider_id: str) -> str:
        """The provider's full name; its id where the catalogue does not know it any more."""
        return self._providers[provider_id].name if provider_id in self._providers else provider_id

    def all(self) -> list[Provider]:
        """Every provider: the eight, the built-in one, then what the operator added."""
        return list(self._providers.values())

    def guess(self, key: SecretStr) -> Provider | None:
        """Whose key this looks like, as a hint for the person; None where the shape tells nothing.

        The longest prefix that fits wins; without one, a pattern that fits a single provider.
        """
        return self._guess(key, by_pattern=True)

    def mistaken_for(self, provider: Provider, key: SecretStr) -> Provider | None:
        """Whose key this looks like rather than one of `provider`; None where the shape tells nothing.

        Of a provider whose own keys have no known shape, only a prefix of another's tells: patterns fit by chance.
        """
        found = self._guess(key, by_pattern=bool(provider.key_pattern or provider.key_prefixes))
        return None if found is not None and found.id == provider.id else found

    def _guess(self, key: SecretStr, *, by_pattern: bool) -> Provider | None:
        text = key.get_secret_value().strip()
        ranked: dict[int, list[Provider]] = {}
        for provider in self._providers.values():
            prefix = max((len(p) for p in provider.key_prefixes if text.startswith(p)), default=0)
            if prefix or (by_pattern and provider.key_pattern and re.fullmatch(provider.key_pattern, text)):
                ranked.setdefault(prefix, []).append(provider)
        best = ranked[max(ranked)] if ranked else []
        return best[0] if len(best) == 1 else None


def _read(path: Path, *, variable: str = "") -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CatalogueError(
            f"{variable or 'The catalogue'}: {path} cannot be read: {error.strerror}.",
            next_step=f"Correct {variable}, or give this process the right to read it." if variable else "",
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(f"{path.name}: {error}") from None


def _merge(row: object, own: object) -> object:
    if not isinstance(row, dict) or not isinstance(own, dict):
        return own
    return {**row, **{name: _merge(row.get(name), value) for name, value in own.items()}}


def _validate(row_id: str, row: object, *, file: Path) -> Provider:
    if not isinstance(row, dict):
        raise CatalogueError(f"{file.name}: [{row_id}] is not a table.")
    try:
        return Provider.model_validate({**row, "id": row_id})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CatalogueError(f"{file.name}: [{row_id}] {where}: {first['msg']}.".replace(" : ", " ")) from None
