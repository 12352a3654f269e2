"""A running process and its file of master keys: what it notices by itself, and what it does not let itself be told."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from byok.core.master_key_file import MasterKeyFile
from byok.core.master_keys import FILE, MasterKeys, load_master_keys, new_entry
from byok.ground.errors import InvalidInputError, KeyUnreadableError, SettingsError
from byok.ground.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def running(settings: Settings) -> MasterKeys:
    """The keys of a process that started on a fresh file."""
    return load_master_keys(settings)


def test_a_key_that_was_added_opens_in_a_process_that_runs(settings: Settings, running: MasterKeys) -> None:
    added = MasterKeyFile(settings).add()
    assert running.subkey(added, b"c") == load_master_keys(settings).subkey(added, b"c")


def test_a_key_that_was_promoted_seals_in_a_process_that_runs(settings: Settings, running: MasterKeys) -> None:
    (old,) = running.ids()
    new = MasterKeyFile(settings).add()
    assert running.sealing(b"c") == (old, running.subkey(old, b"c"))
    MasterKeyFile(settings).promote(new)
    assert running.sealing(b"c") == (new, running.subkey(new, b"c"))
    assert running.ids() == (new, old)


def test_a_key_that_was_dropped_opens_until_the_process_ends_and_not_in_the_next(
    settings: Settings, running: MasterKeys
) -> None:
    (old,) = running.ids()
    before, file = running.subkey(old, b"c"), MasterKeyFile(settings)
    file.promote(file.add())
    file.drop(old)
    assert (running.subkey(old, b"c"), old in running.ids()) == (before, False)
    with pytest.raises(KeyUnreadableError):
        load_master_keys(settings).subkey(old, b"c")


def test_an_id_that_is_nowhere_stays_unreadable(running: MasterKeys) -> None:
    with pytest.raises(KeyUnreadableError):
        running.subkey("nowhere", b"c")


SPOILT: dict[str, Callable[[str], str]] = {
    "emptied": lambda _: "",
    "cut": lambda text: text[:-10],
    "no text": lambda text: text + "\u00e9",
    "a placeholder added": lambda text: text + "m9:changeme\n",
    "another key under the id": lambda text: text.partition(":")[0].splitlines()[-1] + ":" + _random() + "\n",
}


def _random() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_file_with_a_mistake_changes_nothing_until_it_is_corrected(
    settings: Settings, running: MasterKeys, spoil: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    (old,) = running.ids()
    before, file = running.sealing(b"c"), settings.home / FILE
    right = file.read_text()
    file.write_text(spoil(right), "utf-8")
    assert running.sealing(b"c") == before
    assert running.sealing(b"c") == before
    assert len(caplog.records) == 1
    assert right.splitlines()[-1].partition(":")[2] not in caplog.text
    added = new_entry()
    file.write_text(f"{added}\n{right}")
    assert running.sealing(b"c")[0] == added.partition(":")[0]
    assert running.subkey(old, b"c") == before[1]


def test_a_file_that_is_gone_for_a_while_changes_nothing(settings: Settings, running: MasterKeys) -> None:
    before, file = running.sealing(b"c"), settings.home / FILE
    kept = file.read_text()
    file.unlink()
    assert running.sealing(b"c") == before
    file.write_text(kept)
    assert running.sealing(b"c") == before


def test_id_and_subkey_belong_together_while_keys_are_promoted(settings: Settings, running: MasterKeys) -> None:
    file = MasterKeyFile(settings)
    ids = [*running.ids(), file.add(), file.add()]
    right = {key_id: running.subkey(key_id, b"c") for key_id in ids}
    with ThreadPoolExecutor(3) as pool:
        sealed = [pool.submit(lambda: [running.sealing(b"c") for _ in range(300)]) for _ in range(2)]
        for _ in range(20):
            for key_id in ids:
                file.promote(key_id)
    found = [pair for one in sealed for pair in one.result()]
    assert [pair for pair in found if right[pair[0]] != pair[1]] == []


def test_two_that_add_a_key_at_once_both_find_theirs(settings: Settings, running: MasterKeys) -> None:
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda _: MasterKeyFile(settings).add(), range(8)))
    assert set(added) < set(running.ids())


def test_the_key_that_seals_and_one_that_is_not_there_cannot_be_dropped(
    settings: Settings, running: MasterKeys
) -> None:
    for key_id in (running.first_id, "nowhere"):
        with pytest.raises(InvalidInputError):
            MasterKeyFile(settings).drop(key_id)
    assert len(running.ids()) == 1


def test_keys_of_the_environment_have_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="only you can change"):
        MasterKeyFile(Settings(home=tmp_path, master_keys=SecretStr(new_entry())))
