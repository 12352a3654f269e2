"""Reads what the operator sets in the environment or a `.env` file; refuses values that cannot work.

Master keys are only carried here as text: `core.master_keys` parses and judges them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from byok.ground.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]
PLATFORM_KEY = "BYOK_PLATFORM_KEY_"


class Settings(BaseSettings):
    """The settings of one process. Names, meanings and defaults stand in `docs/settings.md`."""

    model_config = SettingsConfigDict(
        env_prefix="BYOK_", env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    home: Path = ROOT / "data" / "local"
    database_url: SecretStr | None = None
    master_keys: SecretStr | None = None
    providers: Path | None = None
    demo: bool | None = None
    demo_password: SecretStr | None = None
    upgrade_url: str | None = None
    platform_keys: dict[str, SecretStr] = Field(default_factory=dict)

    @field_validator("database_url", "master_keys", "providers", "demo", "demo_password", "upgrade_url", mode="before")
    @classmethod
    def _blank_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("home", mode="before")
    @classmethod
    def _blank_home_is_unset(cls, value: object) -> object:
        return cls.model_fields["home"].default if value == "" else value

    @classmethod
    def load(cls) -> Self:
        """Settings from the environment and `.env`.

        Raises:
            SettingsError: a value cannot be used; the message names the variable.
        """
        env = {**{k: v for k, v in dotenv_values(".env").items() if v is not None}, **os.environ}
        platform = {
            name.removeprefix(PLATFORM_KEY).lower(): SecretStr(value.strip())
            for name, value in env.items()
            if name.startswith(PLATFORM_KEY) and value.strip()
        }
        try:
            return cls(platform_keys=platform)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = "BYOK_" + "_".join(str(part) for part in first["loc"]).upper()
            raise SettingsError(
                f"{name} cannot be used: {first['msg']}.", next_step=f"Correct {name} and start again."
            ) from None

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
