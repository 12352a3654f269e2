"""`byok key rebind`: shows where keys would go, asks, and refuses when there is nothing to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Byok
from tests.cli.loopback import Loopback, loopback


@pytest.fixture
def elsewhere(acme: str, tmp_path: Path) -> Iterator[Loopback]:
    """The provider has moved to another port."""
    with loopback() as server:
        (tmp_path / "providers.toml").write_text(server.catalogue)
        yield server


def origin(server: Loopback) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_keys_are_bound_to_the_new_address_after_a_yes(
    byok: Byok, acme: str, provider: Loopback, elsewhere: Loopback
) -> None:
    assert byok("key", "test", "--company", acme, "Main").status == 1
    asked = byok("key", "rebind", "--provider", "loop", stdin="n\n")
    assert (asked.status, f"acme: 1 key from {origin(provider)} to {origin(elsewhere)}" in asked.err) == (1, True)
    assert byok("key", "test", "--company", acme, "Main").status == 1
    done = byok("key", "rebind", "--provider", "loop", "--company", acme, stdin="y\n")
    assert done.out == f"1 key of Loop bound to {origin(elsewhere)}.\n"
    assert byok("key", "test", "--company", acme, "Main").status == 0


def test_a_script_says_yes_by_an_option_and_reads_json(byok: Byok, acme: str, elsewhere: Loopback) -> None:
    done = byok("key", "rebind", "--provider", "loop", "--yes", "--json")
    assert (done.status, done.json["rebound"], done.json["moves"][0]["keys"]) == (0, 1, 1)


def test_where_nothing_moved_it_is_refused(byok: Byok, acme: str) -> None:
    done = byok("key", "rebind", "--provider", "loop", "--yes")
    assert (done.status, "No key of Loop is bound to another address" in done.err) == (1, True)
