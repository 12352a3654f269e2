"""A provider's address is exchanged to catch its keys: in every way that there is, nothing is sent to the new one."""

from __future__ import annotations

import json
import random
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from byok.core.audit import Chains
from byok.core.model_names import ModelName
from byok.ground.errors import ByokError, InvalidInputError
from byok.ground.settings import Settings
from byok.ground.tables.types import metadata
from byok.process import Workbench
from byok.services.access import Actor
from byok.services.rebinding import Rebinding, Rebound
from byok.services.run_export import run_file
from byok.services.run_file import RunFile
from tests.canary import Canary, Nest, nest
from tests.certificates import read_already
from tests.run_world import AT_ONCE
from tests.security.conftest import Tally
from tests.security.threats import at_scale
from tests.services.answers import AT, answer, column, thread, turn

pytestmark = pytest.mark.threat(13)

MODEL = ModelName("byok", "loop", "gpt-5.4-mini")
Try = Callable[[Workbench, Actor, "Trap"], object]


class Trap:
    """A provider, and somebody else's server that would gladly have its keys. Both listen on loopback."""

    def __init__(self, home: Path, provider: Nest, thief: Nest) -> None:
        self.home, self.provider, self.thief = home, provider, thief

    def bench(self, at: Nest) -> Workbench:
        """A process whose catalogue says that the provider is there."""
        overlay = self.home / "providers.toml"
        overlay.write_text(f'[loop]\nname = "Loop"\nbase_url = "{at.origin}/v1"\nprivate_network = true\n')
        settings = Settings(home=self.home, demo=False, providers=overlay)
        return Workbench.open(settings, what="command", trust=read_already(), retries=AT_ONCE)

    @property
    def caught(self) -> int:
        """Requests that the thief was sent."""
        return len(self.thief.asked)


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[Trap]:
    """The provider has a key of Acme's, saved, and a draft of another one: a home to copy."""
    home = tmp_path_factory.mktemp("trap") / "home"
    home.mkdir()
    shutil.copyfile(migrated_file, home / "byok.sqlite3")
    with nest() as provider, nest() as thief:
        made = Trap(home, provider, thief)
        bench = made.bench(provider)
        try:
            actor = bench.accounts.add_company(slug="acme", name="Acme", plan="pro").operator
            for pasted in (SecretStr(Canary().key), SecretStr(Canary().key)):
                draft = bench.keys.draft(actor, provider_id="loop", pasted=pasted)
                assert bench.keys.test_draft(actor, draft.id).verdict == "accepted"
                if not bench.keys.list(actor):
                    bench.keys.save_draft(actor, draft.id, label="Main")
        finally:
            bench.close()
        yield made


@pytest.fixture
def trap(laid: Trap, tmp_path: Path) -> Trap:
    """A copy of it, and a thief that was sent nothing yet."""
    laid.thief.asked.clear()
    return Trap(shutil.copytree(laid.home, tmp_path / "home"), laid.provider, laid.thief)


def _test(bench: Workbench, actor: Actor, _: Trap) -> object:
    return bench.keys.test(actor, bench.keys.list(actor)[0].id)


def _list_models(bench: Workbench, actor: Actor, _: Trap) -> object:
    return bench.models.refresh(actor, bench.keys.list(actor)[0].id)


def _chat(bench: Workbench, actor: Actor, _: Trap) -> object:
    live = bench.conversations.ask_once(actor, text="Hello", model=MODEL)
    assert live.wait_end(timeout=20)
    return live.snapshot()


def _chat_with_a_pinned_key(bench: Workbench, actor: Actor, _: Trap) -> object:
    key_id = bench.keys.list(actor)[0].id
    live = bench.conversations.ask_once(actor, text="Hello", model=MODEL, key_id=key_id)
    assert live.wait_end(timeout=20)
    return live.snapshot()


def _test_a_draft(bench: Workbench, actor: Actor, _: Trap) -> object:
    return bench.keys.test_draft(actor, _the_draft(bench))


def _save_a_draft(bench: Workbench, actor: Actor, _: Trap) -> object:
    """What was pasted for the old address is saved and used after the change."""
    key = bench.keys.save_draft(actor, _the_draft(bench), untested=True)
    assert not key.readable
    return bench.keys.test(actor, key.id)


def _make_default_and_chat(bench: Workbench, actor: Actor, trap: Trap) -> object:
    bench.keys.make_default(actor, bench.keys.list(actor)[0].id)
    return _chat(bench, actor, trap)


def _edit_the_origin(bench: Workbench, actor: Actor, trap: Trap) -> object:
    """Who can write to the table says that the key was saved for the new address."""
    _write(bench, origin=trap.thief.origin)
    return _test(bench, actor, trap)


def _edit_the_origin_and_chat(bench: Workbench, actor: Actor, trap: Trap) -> object:
    _write(bench, origin=trap.thief.origin)
    return _chat(bench, actor, trap)


def _rebind_after_an_edit(bench: Workbench, actor: Actor, trap: Trap) -> object:
    """Even the operator's own command does not take a row along that claims an address it was not sealed for."""
    _write(bench, origin="https://api.openai.com")
    chains = Chains(vault=bench.vault)
    rebinding = Rebinding(db=bench.db, vault=bench.vault, chains=chains, catalogue=bench.catalogue, clock=bench.clock)
    assert rebinding.rebind("loop") == Rebound(unreadable=1)
    return _test(bench, actor, trap)


def _import_a_run_file(bench: Workbench, actor: Actor, trap: Trap) -> object:
    """A run file names models, never addresses: one with an address in any place is no run file."""
    one = column()
    written = run_file(thread([one], [turn([answer(one.id)])]), at=AT).dump().decode()
    run = json.loads(written.replace(str(one.model), str(MODEL)))
    spots = [run, run["columns"][0], run["columns"][0]["parameters"], run["turns"][0]]
    (setup,) = RunFile.read(json.dumps(run).encode()).setups().values()
    for spot in spots:
        spot["base_url"] = f"{trap.thief.origin}/v1"
        with pytest.raises(InvalidInputError):
            RunFile.read(json.dumps(run).encode())
        del spot["base_url"]
    assert setup.model is not None
    live = bench.conversations.ask_once(actor, text="Hello", model=setup.model)
    assert live.wait_end(timeout=20)
    return live.snapshot()


WAYS: dict[str, Try] = {
    "test": _test,
    "list of models": _list_models,
    "chat": _chat,
    "chat with a pinned key": _chat_with_a_pinned_key,
    "test of a draft": _test_a_draft,
    "a draft saved": _save_a_draft,
    "made default": _make_default_and_chat,
    "origin edited in the database": _edit_the_origin,
    "origin edited, then chat": _edit_the_origin_and_chat,
    "bound anew after an edit": _rebind_after_an_edit,
    "import of a run file": _import_a_run_file,
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_sent_to_an_exchanged_address(trap: Trap, tally: Tally, way: str) -> None:
    bench = trap.bench(trap.thief)
    try:
        actor = bench.accounts.company("acme").operator
        assert {key.status for key in bench.keys.list(actor)} == {"needs to be entered again"}
        _quietly(lambda: WAYS[way](bench, actor, trap))
        tally.tried()
        if trap.caught:
            tally.leaked(f"{way}: {trap.caught} requests")
    finally:
        bench.close()


ALIKE = (
    "http://127.0.0.1:{port}0",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1:{port}.example",
    "http://127.0.0.1:{port}@thief.example",
    "http://localhost:{port}",
    "HTTP://127.0.0.1:{port}",
    "",
)


@at_scale(2000, few=30)
@pytest.mark.timeout(1800)
def test_an_origin_that_only_looks_alike_is_another_one(trap: Trap, tally: Tally, tries: int) -> None:
    """The stored origin is edited, in every way that somebody might take for the same, and in random ones."""
    dice = random.Random(secrets.randbits(64))  # noqa: S311 - what is tried is no secret
    bench = trap.bench(trap.provider)
    try:
        actor = bench.accounts.company("acme").operator
        right, asked = trap.provider.origin, len(trap.provider.asked)
        for number in range(tries):
            origin = _alike(right, number, dice)
            _write(bench, origin=origin)
            tally.tried()
            if bench.keys.test(actor, bench.keys.list(actor)[0].id).verdict != "unreadable":
                tally.leaked(origin)
        assert len(trap.provider.asked) == asked
    finally:
        bench.close()


def _alike(right: str, number: int, dice: random.Random) -> str:
    if number < len(ALIKE):
        return ALIKE[number].format(port=right.rpartition(":")[2])
    at = dice.randrange(len(right))
    other = chr(ord(right[at]) ^ 1 << dice.randrange(5))
    return dice.choice((right[:at] + other + right[at + 1 :], right[:at] + right[at + 1 :], f"{right}{other}"))


def test_at_its_own_address_the_key_works_all_the_while(trap: Trap, tally: Tally) -> None:
    trap.bench(trap.thief).close()
    bench = trap.bench(trap.provider)
    try:
        actor = bench.accounts.company("acme").operator
        tally.tried()
        assert bench.keys.test(actor, bench.keys.list(actor)[0].id).verdict == "accepted"
    finally:
        bench.close()


def test_a_fresh_key_for_the_new_address_works_there(trap: Trap, tally: Tally) -> None:
    bench = trap.bench(trap.thief)
    try:
        actor = bench.accounts.company("acme").operator
        draft = bench.keys.draft(actor, provider_id="loop", pasted=SecretStr(Canary().key))
        tally.tried()
        assert bench.keys.test_draft(actor, draft.id).verdict == "accepted"
        assert trap.caught == 1
    finally:
        bench.close()


def _the_draft(bench: Workbench) -> Any:
    drafts = metadata.tables["key_draft"]
    with bench.db.read() as session:
        return session.connection().execute(sa.select(drafts.c.id)).scalar_one()


def _write(bench: Workbench, **values: object) -> None:
    with bench.db.write_core() as connection:
        connection.execute(sa.update(metadata.tables["api_key"]).values(values))


def _quietly(call: Callable[[], object]) -> None:
    """Whatever is refused is refused; what counts is what was sent."""
    try:
        call()
    except ByokError:
        return
