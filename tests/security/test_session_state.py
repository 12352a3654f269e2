"""What Streamlit keeps between the runs of a page: no key, no password, no session token, in any form, however deep."""

from __future__ import annotations

import functools
import gc
import shutil
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.caching import cache_data_api, cache_resource_api
from streamlit.testing.v1 import AppTest

from tests.canary import Canary
from tests.pages.front import OPENAI_MODELS, PAGES, Front, empty_house, front, press, words
from tests.security.conftest import Tally
from tests.security.threats import at_scale
from tests.seeded import PASSWORD
from web import elements
from web.house import house

pytestmark = [pytest.mark.threat(11), pytest.mark.timeout(600)]

# What leads out of what a page keeps, into the code.
CODE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType, types.FrameType)


@pytest.fixture
def own(seeded_home: Path, tmp_path: Path) -> Iterator[Front]:
    with empty_house(tmp_path / "holder"), front(shutil.copytree(seeded_home, tmp_path / "home")) as opened:
        yield opened


def texts_in(*roots: object) -> Iterator[bytes]:
    """Every text that can be reached from an object, wherever it is kept."""
    waiting, seen = list(roots), set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, CODE):
            continue
        seen.add(id(one))
        if isinstance(one, str):
            yield one.encode("utf-8", "surrogatepass")
        elif isinstance(one, bytes | bytearray):
            yield bytes(one)
        elif isinstance(one, WidgetState):  # what a field holds; the collector cannot see into it
            yield one.SerializeToString()
        else:
            waiting += gc.get_referents(one)


def paste(own: Front, label: str, canary: Canary, opener: str) -> AppTest:
    """Pastes into the dialog and presses Test. AppTest runs no fragments: the dialog is opened once more."""
    tab = press(own.visit("ada", "API Keys"), opener)
    (field,) = (one for one in tab.text_input if one.label == label)
    field.set_value(canary.key)
    (again,) = (button for button in tab.button if button.label == opener)
    again.click()
    return press(tab, "Test")


def test_a_text_is_found_wherever_it_is_kept() -> None:
    canary = Canary()
    for kept_so in (
        [canary.key],
        {"a": {"b": SecretStr(canary.key)}},
        functools.partial(print, canary.key),
        WidgetState(string_value=canary.key),
        types.SimpleNamespace(deep=(bytearray(canary.key.encode()),)),
    ):
        assert any(canary.sings_in(text) for text in texts_in(kept_so))


@at_scale(20, few=1)
def test_no_page_leaves_a_secret_in_the_session_state_or_in_a_cache(own: Front, tally: Tally, tries: int) -> None:
    for number in range(tries):
        look_through(own, tally, label=f"Live {number}")


def look_through(own: Front, tally: Tally, *, label: str) -> None:
    """Every page, with keys that are pasted, replaced and refused, and passwords that are tried."""
    saved, pasted, refused, typed = (Canary() for _ in range(4))
    listed = {"object": "list", "data": [{"id": "gpt-5.4-mini", "object": "model"}]}
    own.router.get(OPENAI_MODELS).mock(return_value=httpx.Response(200, json=listed))
    keys, ada = own.bench.keys, own.actor("ada")
    draft = keys.draft(ada, provider_id="openai", pasted=SecretStr(saved.key))
    keys.test_draft(ada, draft.id)
    key = keys.save_draft(ada, draft.id, label=label)

    def look(tab: AppTest) -> None:
        found = list(texts_in(tab.session_state))
        tally.tried(len(found))
        forms = [own.bench.local.key.get_secret_value(), PASSWORD, master, *filter(None, (house().token(),))]
        for text in found:
            if any(canary.sings_in(text) for canary in (saved, pasted, refused, typed)):
                tally.leaked("a key or a password that was typed")
            if any(form.encode() in text for form in forms):
                tally.leaked("a secret of the house")

    master = (own.bench.settings.home / "master.keys").read_text().partition(":")[2].strip()
    # Once more, as the dialog draws itself anew with another field: AppTest cannot do that.
    look(paste(own, "OpenAI key", pasted, "Add Key").run())
    look(paste(own, "OpenAI key", pasted, "Replace").run())
    own.router.get(OPENAI_MODELS).mock(return_value=httpx.Response(401, json={"error": {"message": refused.key}}))
    look(paste(own, "OpenAI key", refused, "Add Key").run())
    look(press(own.visit("ada", "API Keys"), "What we store"))
    for person in ("ada", "max", "bea", None):
        for page in PAGES:
            look(own.visit(person, page))
    for password in (typed.key, PASSWORD):
        tab = own.visit(None)
        name, secret = tab.text_input
        name.set_value("ada")
        secret.set_value(password)
        look(press(tab, "Sign in"))
    look_at_chosen_passwords(own, look, typed)
    keys.delete(ada, key.id)
    for cache in (cache_data_api._data_caches._function_caches, cache_resource_api._resource_caches._function_caches):
        tally.tried()
        if cache:
            tally.leaked(f"a cache of Streamlit's holds something of {list(cache)}")
    assert elements._html.cache_info().maxsize == 128  # what is kept of answers is bounded, and made of answers alone


def look_at_chosen_passwords(own: Front, look: Callable[[AppTest], None], typed: Canary) -> None:
    """The page behind a link and the dialog of a person: passwords that do not match, are refused, are taken."""
    eve, link = own.bench.team.invite(own.actor("ada"), username=f"eve{uuid4().hex}", name="Eve", role="member")
    for again, said in ((typed.key[:-1], "The two are not the same."), (typed.key, "Signing in")):
        tab = own.visit(None, invite=link.token)
        new, repeated = (one for one in tab.text_input if not one.disabled)
        new.set_value(typed.key)
        repeated.set_value(again)
        tab = press(tab, "Set the password and sign in")
        assert said in words(tab)
        look(tab)
    for present, again, said in (
        (typed.key, f"{typed.key}x", "The two new ones are not the same."),
        (typed.key[:-1], f"{typed.key}xy", "That is not your present password."),
        (typed.key, f"{typed.key}xy", "Changed."),
    ):
        tab = press(own.visit(eve.username), "Change password")
        fields = {one.label: one for one in tab.text_input}
        fields["Present password"].set_value(present)
        fields["New password"].set_value(f"{typed.key}xy")
        fields["New password again"].set_value(again)
        next(button for button in tab.button if button.label == "Change password").click()
        tab = press(tab, "Change")
        look(tab)
        # It would draw itself anew to say what is wrong; AppTest cannot.
        waiting = "own-password-problem"
        assert said in (str(tab.session_state[waiting]) if waiting in tab.session_state else words(tab))
