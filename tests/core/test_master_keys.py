"""Master keys: what is accepted, what is refused and how it is said, and the file of the first start."""

from __future__ import annotations

import base64
import hashlib
import os
import pickle
import secrets
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from byok.core.master_keys import FILE, HOW_TO_MAKE, MasterKeys, load_master_keys, new_entry
from byok.ground import schema
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.errors import KeyUnreadableError, SettingsError
from byok.ground.settings import Settings
from byok.ground.tables import Company

GOOD = bytes((7 * i * i + 31 * i + 11) % 251 for i in range(32))


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def configured(home: Path, **values: Any) -> Settings:
    return Settings(home=home, **values)


def test_the_first_master_key_seals_and_all_of_them_open() -> None:
    first, second = new_entry(), new_entry()
    keys = MasterKeys.parse(f" {first} ,\n{second},")
    assert keys.ids() == (first.split(":")[0], second.split(":")[0])
    assert keys.first_id == first.split(":")[0]
    assert all(len(keys.subkey(key_id, b"context")) == 32 for key_id in keys.ids())


def test_a_subkey_depends_on_master_key_and_context() -> None:
    keys = MasterKeys.parse(f"{new_entry()},{new_entry()}")
    one, two = keys.ids()
    assert keys.subkey(one, b"a") == keys.subkey(one, b"a")
    assert len({keys.subkey(one, b"a"), keys.subkey(one, b"b"), keys.subkey(two, b"a")}) == 3


def test_an_unknown_master_key_makes_a_key_unreadable() -> None:
    with pytest.raises(KeyUnreadableError):
        MasterKeys.parse(new_entry()).subkey("gone", b"context")


@pytest.mark.parametrize(
    "text",
    [encoded(GOOD), encoded(GOOD).rstrip("="), base64.urlsafe_b64encode(GOOD).decode()],
    ids=["standard", "without padding", "url-safe"],
)
def test_each_common_form_of_base64_gives_the_same_key(text: str) -> None:
    assert MasterKeys.parse(f"m1:{text}").subkey("m1", b"c") == MasterKeys({"m1": GOOD}).subkey("m1", b"c")


REFUSED = {
    "nothing": ("", "holds no master key"),
    "only a comma": (" , ", "holds no master key"),
    "no id": (encoded(GOOD), "is not written as id:base64"),
    "an empty id": (f":{encoded(GOOD)}", "is not written as id:base64"),
    "id and key swapped": (f"{encoded(GOOD)}:m1", "id that is not"),
    "a colon too many": (f"a:b:{encoded(GOOD)}", "id that is not"),
    "not base64": ("m1:" + "*" * 44, "is not base64"),
    "too short": (f"m1:{encoded(GOOD[:31])}", "31 bytes long; it must be 32"),
    "too long": (f"m1:{encoded(GOOD + GOOD)}", "64 bytes long"),
    "no key": ("m1:", "0 bytes long"),
    "zeros": (f"m1:{encoded(bytes(32))}", "pattern"),
    "ones": (f"m1:{encoded(bytes([255]) * 32)}", "pattern"),
    "counting up": (f"m1:{encoded(bytes(range(128, 160)))}", "pattern"),
    "counting down": (f"m1:{encoded(bytes(range(250, 218, -1)))}", "pattern"),
    "in steps": (f"m1:{encoded(bytes(i * 7 % 256 for i in range(32)))}", "pattern"),
    "a repeated part": (f"m1:{encoded(GOOD[:8] * 4)}", "pattern"),
    "a passphrase": (f"m1:{encoded(b'correct horse battery staple 123')}", "typed text"),
    "hexadecimal digits": (f"m1:{encoded(GOOD[:16].hex().encode())}", "typed text"),
    "a placeholder": ("m1:change-me", "placeholder"),
    "a placeholder that is base64": ("m1:" + ("CHANGEME" * 6)[:43] + "=", "placeholder"),
    "a hashed word": (f"m1:{encoded(hashlib.sha256(b'secret').digest())}", "well-known word"),
    "a hash of nothing": (f"m1:{encoded(hashlib.sha256(b'').digest())}", "well-known word"),
    "an id twice": (f"m1:{encoded(GOOD)},m1:{encoded(GOOD[::-1])}", "Master key 2 of 2 .* same id"),
    "a key twice": (f"m1:{encoded(GOOD)},m2:{encoded(GOOD)}", "Master key 2 of 2 .* same key"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_a_bad_master_key_is_refused_with_the_reason_and_the_way_out(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        MasterKeys.parse(text)
    assert HOW_TO_MAKE in str(caught.value)


@pytest.mark.parametrize("text", [text for text, _ in REFUSED.values() if len(text) > 8], ids=repr)
def test_no_refusal_echoes_a_value(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        MasterKeys.parse(text)
    said = str(caught.value).replace(HOW_TO_MAKE, "")
    assert not [part for entry in text.split(",") for part in entry.split(":") if len(part) > 2 and part in said]


def test_random_master_keys_are_never_called_weak() -> None:
    for _ in range(2000):
        MasterKeys.parse(f"m1:{encoded(secrets.token_bytes(32))}")


def test_the_command_in_the_message_makes_a_master_key() -> None:
    program = HOW_TO_MAKE.split('"')[1]
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert MasterKeys.parse(made).ids() == ("m1",)


def test_master_keys_show_only_their_ids_and_cannot_be_pickled() -> None:
    entry = new_entry()
    keys = MasterKeys.parse(entry)
    assert repr(keys) == f"MasterKeys(ids={(entry.split(':')[0],)})"
    with pytest.raises(TypeError):
        pickle.dumps(keys)


def test_master_keys_come_from_the_environment_where_they_are_set(tmp_path: Path) -> None:
    entry = new_entry()
    keys = load_master_keys(configured(tmp_path, master_keys=SecretStr(entry)))
    assert keys.ids() == (entry.split(":")[0],)
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_ones_own_needs_master_keys_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="BYOK_MASTER_KEYS is not set") as caught:
        load_master_keys(configured(tmp_path, database_url=SecretStr("postgresql+psycopg://db/byok")))
    assert HOW_TO_MAKE in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_first_start_makes_a_file_that_the_next_start_reads(tmp_path: Path) -> None:
    settings = configured(tmp_path / "deep" / "home")
    first, second = load_master_keys(settings), load_master_keys(settings)
    assert first.ids() == second.ids()
    assert first.subkey(first.first_id, b"c") == second.subkey(second.first_id, b"c")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    load_master_keys(configured(tmp_path))
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_the_folder_that_is_made_for_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    load_master_keys(configured(tmp_path / "home"))
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_a_file_that_everybody_can_read_is_closed_before_it_is_used(tmp_path: Path) -> None:
    before = load_master_keys(configured(tmp_path)).ids()
    (tmp_path / FILE).chmod(0o644)
    assert load_master_keys(configured(tmp_path)).ids() == before
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_a_file_of_another_user_keeps_its_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_master_keys(configured(tmp_path))
    (tmp_path / FILE).chmod(0o644)
    monkeypatch.setattr(os, "geteuid", lambda: (tmp_path / FILE).stat().st_uid + 1)
    load_master_keys(configured(tmp_path))
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o644


def test_many_first_starts_at_once_make_one_file(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: load_master_keys(settings), range(16)))
    assert len({keys.subkey(keys.first_id, b"c") for keys in found}) == 1
    assert not list(tmp_path.glob(f".{FILE}.*"))


def test_a_lost_file_is_not_replaced_where_the_database_holds_what_it_sealed(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    database = Database(settings.url)
    schema.upgrade(database)
    with database.write() as session:
        session.add(Company(slug="a", name="A", plan="pro", fingerprint_key=b"sealed", created_at=utc_now()))
    database.close()
    with pytest.raises(SettingsError, match="is gone"):
        load_master_keys(settings)
    assert not (tmp_path / FILE).exists()


def test_a_file_is_made_beside_a_database_that_is_still_empty(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    database = Database(settings.url)
    schema.upgrade(database)
    database.close()
    load_master_keys(settings)
    assert (tmp_path / FILE).exists()


def test_a_file_is_not_made_beside_something_that_is_no_database(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    Path(settings.url.removeprefix("sqlite:///")).write_bytes(b"no database, whatever it is" * 100)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_master_keys(settings)
    assert not (tmp_path / FILE).exists()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(SettingsError, match=FILE):
        load_master_keys(configured(tmp_path))


def test_a_file_with_a_mistake_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("# a comment\nm1:" + encoded(GOOD[:5]), "ascii")
    with pytest.raises(SettingsError, match=rf"{FILE} is 5 bytes long"):
        load_master_keys(configured(tmp_path))
