"""Reads what the operator sets in the environment or a `.env` file; refuses values that cannot work.

Master keys are only carried here as text: `core.master_keys` parses and judges them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from byok.ground.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "BYOK_"
PLATFORM_KEY = "BYOK_PLATFORM_KEY_"
DOTENV = Path(".env")


class Settings(BaseModel):
    """The settings of one process. Names, meanings and defaults stand in `docs/settings.md`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    home: Path = ROOT / "data" / "local"
    database_url: SecretStr | None = None
    master_keys: SecretStr | None = None
    providers: Path | None = None
    demo: bool | None = None
    demo_password: SecretStr | None = None
    upgrade_url: str | None = None
    log: Literal["json", "text"] | None = None
    platform_keys: dict[str, SecretStr] = Field(default_factory=dict)

    @field_validator("upgrade_url")
    @classmethod
    def _leads_to_a_page(cls, url: str | None) -> str | None:
        if url is not None and not is_web_address(url):
            raise ValueError("it must be an address that begins with https:// or http://")
        return url

    @classmethod
    def load(cls) -> Self:
        """Settings from the environment and `.env`; a blank variable counts as unset.

        Raises:
            SettingsError: a value cannot be used; the message names the variable.
        """
        env = {name: value.strip() for name, value in _environment().items() if value.strip()}
        fields = [name for name in cls.model_fields if name != "platform_keys"]
        given: dict[str, object] = {name: env[PREFIX + name.upper()] for name in fields if PREFIX + name.upper() in env}
        platform = {
            name.removeprefix(PLATFORM_KEY).lower(): v for name, v in env.items() if name.startswith(PLATFORM_KEY)
        }
        try:
            return cls.model_validate({**given, "platform_keys": platform})
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
            reason = first["msg"].removeprefix("Value error, ")
            raise SettingsError(
                f"{name} cannot be used: {reason}.", next_step=f"Correct {name} and start again."
            ) from None

    def platform_key(self, provider_id: str) -> SecretStr | None:
        """The platform's own key for a provider; a hyphen of its id is `_` in a variable's name."""
        return self.platform_keys.get(provider_id) or self.platform_keys.get(provider_id.replace("-", "_"))

    @property
    def embedded(self) -> bool:
        """Whether the database is the built-in SQLite file in `home`."""
        return self.database_url is None

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database. May hold a password: never show it."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.home / 'byok.sqlite3'}"

    @property
    def demo_on(self) -> bool:
        """Whether the demo is seeded and its one-click sign-in shown."""
        return self.embedded if self.demo is None else self.demo

    @property
    def log_form(self) -> Literal["json", "text"]:
        """How log lines are written: for a person in the demo, else for a machine, unless it is said."""
        return self.log or ("text" if self.demo_on else "json")


def _environment() -> Mapping[str, str]:
    """What is set, the environment's before that of a `.env` file in the present folder."""
    if not DOTENV.is_file():
        return os.environ
    from dotenv import dotenv_values  # most starts have no such file

    try:
        named = dotenv_values(DOTENV)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(
            f"{DOTENV.absolute()} cannot be read: {reason}.",
            next_step="Save it as UTF-8, where this process may read it, or move it away.",
        ) from None
    return {**{name: value for name, value in named.items() if value is not None}, **os.environ}


def is_web_address(url: str) -> bool:
    """Whether a browser opens it: it begins with https:// or http://, and names a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("https", "http") and bool(parts.hostname)
    except ValueError:
        return False


def unwritable(what: str, error: OSError, *, instead: str = "BYOK_HOME") -> SettingsError:
    """What is said where something of the settings cannot be written; `instead` names what leads elsewhere."""
    reason = "it is no folder" if isinstance(error, FileExistsError) else error.strerror
    return SettingsError(
        f"{what} cannot be written: {reason}.",
        next_step=f"Give this process the right to write there, or set {instead}.",
    )
