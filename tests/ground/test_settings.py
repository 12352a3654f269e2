"""Settings: where each value comes from, what is refused, and that no secret shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from byok.ground.errors import SettingsError
from byok.ground.settings import ROOT, Settings

SECRET = "hush-" + "z9" * 8


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("BYOK_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_any_setting_the_database_is_a_file_of_the_checkout_and_the_demo_is_on() -> None:
    settings = Settings.load()
    assert settings.home == ROOT / "data" / "local"
    assert settings.url == f"sqlite:///{settings.home / 'byok.sqlite3'}"
    assert settings.embedded
    assert settings.demo_on


def test_a_home_of_ones_own_moves_the_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BYOK_HOME", str(tmp_path))
    assert Settings.load().url == f"sqlite:///{tmp_path / 'byok.sqlite3'}"


def test_a_database_of_ones_own_switches_the_demo_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYOK_DATABASE_URL", "postgresql+psycopg://db/byok")
    settings = Settings.load()
    assert settings.url == "postgresql+psycopg://db/byok"
    assert not settings.embedded
    assert not settings.demo_on


@pytest.mark.parametrize(("value", "on"), [("0", False), ("1", True), ("", True)])
def test_the_demo_can_be_set(monkeypatch: pytest.MonkeyPatch, value: str, on: bool) -> None:
    monkeypatch.setenv("BYOK_DEMO", value)
    assert Settings.load().demo_on is on


@pytest.mark.parametrize(
    ("demo", "log", "form"), [("1", "", "text"), ("0", "", "json"), ("1", "json", "json"), ("0", "text", "text")]
)
def test_logs_are_for_a_person_in_the_demo_and_for_a_machine_else(
    monkeypatch: pytest.MonkeyPatch, demo: str, log: str, form: str
) -> None:
    monkeypatch.setenv("BYOK_DEMO", demo)
    monkeypatch.setenv("BYOK_LOG", log)
    assert Settings.load().log_form == form


def test_another_form_of_logs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYOK_LOG", "xml")
    with pytest.raises(SettingsError, match="BYOK_LOG"):
        Settings.load()


def test_a_blank_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "DATABASE_URL", "MASTER_KEYS", "PROVIDERS", "DEMO_PASSWORD", "UPGRADE_URL"):
        monkeypatch.setenv(f"BYOK_{name}", "")
    settings = Settings.load()
    assert settings.home == ROOT / "data" / "local"
    assert settings.embedded
    assert (settings.master_keys, settings.providers, settings.demo_password, settings.upgrade_url) == (None,) * 4


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = "BYOK_UPGRADE_URL=https://file.example\nBYOK_DEMO=0\nBYOK_PLATFORM_KEY_GROQ=from-the-file\n"
    (tmp_path / ".env").write_text(lines, "utf-8")
    monkeypatch.setenv("BYOK_UPGRADE_URL", "https://environment.example")
    settings = Settings.load()
    assert settings.upgrade_url == "https://environment.example"
    assert not settings.demo_on
    assert settings.platform_keys["groq"].get_secret_value() == "from-the-file"


def test_platform_keys_are_found_by_provider_and_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYOK_PLATFORM_KEY_OPENAI", f" {SECRET}\n")
    monkeypatch.setenv("BYOK_PLATFORM_KEY_MISTRAL", " ")
    keys = Settings.load().platform_keys
    assert {provider: key.get_secret_value() for provider, key in keys.items()} == {"openai": SECRET}


def test_a_hyphen_of_a_providers_id_is_an_underscore_in_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYOK_PLATFORM_KEY_ACME_AI", SECRET)
    settings = Settings.load()
    assert settings.platform_key("acme-ai") == SecretStr(SECRET)
    assert settings.platform_key("acme_ai") == SecretStr(SECRET)
    assert settings.platform_key("acme") is None


def test_a_value_that_cannot_be_used_is_named_but_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYOK_DEMO", SECRET)
    with pytest.raises(SettingsError, match="BYOK_DEMO cannot be used") as caught:
        Settings.load()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://acme.example/pro", "acme.example/pro", "https:///pro"])
def test_an_address_of_the_upgrade_that_no_browser_could_open_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("BYOK_UPGRADE_URL", url)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert str(caught.value) == (
        "BYOK_UPGRADE_URL cannot be used: it must be an address that begins with https:// or http://. "
        "Correct BYOK_UPGRADE_URL and start again."
    )


@pytest.mark.parametrize("url", ["https://acme.example/pro?from=byok", "http://intranet:8080"])
def test_an_address_of_the_upgrade_is_kept_as_it_was_set(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("BYOK_UPGRADE_URL", url)
    assert Settings.load().upgrade_url == url


def test_no_secret_shows_in_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "MASTER_KEYS", "DEMO_PASSWORD", "PLATFORM_KEY_GROQ"):
        monkeypatch.setenv(f"BYOK_{name}", SECRET)
    settings = Settings.load()
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()


def test_a_dotenv_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("BYOK_DEMO=0\n".encode("utf-16"))
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert str(caught.value) == (
        f"{tmp_path / '.env'} cannot be read: it is not UTF-8. "
        "Save it as UTF-8, where this process may read it, or move it away."
    )
