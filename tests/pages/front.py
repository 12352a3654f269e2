"""The app as a person finds it: pages run by AppTest, past the front door, over a workbench of the test's own.

AppTest runs no lifespan and has no cookies: what those do is handed in here, through `web.house`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
import respx
from pydantic import SecretStr
from sqlmodel import SQLModel, select
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from byok.ground.tables import Company, Person
from byok.process import Workbench
from byok.services.access import Actor
from byok.services.key_views import KeyView
from tests.run_world import AT_ONCE
from tests.seeded import settings_of
from tests.services.key_world import fresh_key
from web.house import house

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "Playground": "pages/playground.py",
    "Chatbot Settings": "pages/chatbot_settings.py",
    "API Keys": "pages/api_keys.py",
    "Team": "pages/team.py",
    "Usage": "pages/usage.py",
    "Audit log": "pages/audit_log.py",
}
OPENAI_MODELS = "https://api.openai.com/v1/models"
Row = TypeVar("Row", bound=SQLModel)


class Front:
    """A workbench with the demo in it, and the pages over it. `router` stands in the providers' place."""

    def __init__(self, bench: Workbench, router: respx.Router) -> None:
        self.bench, self.router = bench, router
        self._seen: dict[tuple[str | None, str], AppTest] = {}

    def actor(self, username: str) -> Actor:
        (person,) = (person for person in self.rows(Person) if person.username == username)
        return Actor(person.company_id, person.id)

    def sign_in(self, username: str | None) -> None:
        """From now on every run is this person's; None signs out."""
        token = self._token(username) if username else None
        holder = house()
        holder.workbench, holder.token = self.bench, lambda: token

    def visit(self, username: str | None, page: str = "Playground", **query: str) -> AppTest:
        """A fresh tab of that person, at that page."""
        self.sign_in(username)
        tab = AppTest.from_file(ROOT / "app.py", default_timeout=30)
        if page == "Playground":
            tab.query_params.update(query)
            return tab.run()
        return tab.run().switch_page(str(ROOT / PAGES[page])).run()

    def look(self, username: str | None, page: str) -> AppTest:
        """What that person sees there at first start; drawn once for all tests that only read it."""
        if (username, page) not in self._seen:
            self._seen[username, page] = self.visit(username, page)
        return self._seen[username, page]

    def rows(self, table: type[Row]) -> list[Row]:
        with self.bench.db.read() as session:
            return list(session.exec(select(table)).all())

    def change_company(self, slug: str, **fields: Any) -> None:
        self._change(Company, next(one.id for one in self.rows(Company) if one.slug == slug), fields)

    def change_person(self, username: str, **fields: Any) -> None:
        self._change(Person, self.actor(username).person_id, fields)

    def save_key(self, *, label: str = "Product team", by: str = "ada", models: tuple[str, ...] = ()) -> KeyView:
        """An OpenAI key that was tested, and opens `models`; without any it is saved untested."""
        keys, actor = self.bench.keys, self.actor(by)
        listed = {"object": "list", "data": [{"id": model, "object": "model", "created": 1} for model in models]}
        answer = httpx.Response(200, json=listed) if models else httpx.Response(503)
        self.router.get(OPENAI_MODELS).mock(return_value=answer)
        draft = keys.draft(actor, provider_id="openai", pasted=SecretStr(fresh_key()))
        if models:
            keys.test_draft(actor, draft.id)
        return keys.save_draft(actor, draft.id, label=label, untested=not models)

    def _token(self, username: str) -> str:
        sessions = self.bench.sessions
        person_id = self.actor(username).person_id
        assert person_id is not None
        signed_in = sessions.redeem(sessions.issue_ticket(person_id))
        assert signed_in is not None
        return signed_in.token

    def _change(self, table: type[SQLModel], row_id: UUID | None, fields: dict[str, Any]) -> None:
        with self.bench.db.write() as session:
            row = session.get_one(table, row_id)
            for name, value in fields.items():
                setattr(row, name, value)
            session.add(row)


@contextmanager
def front(home: Path, *, demo: bool = True) -> Iterator[Front]:
    """The app over `home`, where the demo was seeded before; or without the demo, over an empty one."""
    router = respx.Router(assert_all_called=False)
    replaced = httpx.MockTransport(router.async_handler)
    bench = Workbench.open(settings_of(home, demo=demo), transport=replaced, retries=AT_ONCE)
    try:
        yield Front(bench, router)
    finally:
        bench.close()


@contextmanager
def empty_house(home: Path) -> Iterator[None]:
    """The process's holder, opened over a home of its own, whose workbench each front replaces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BYOK_HOME", str(home))
        patch.setenv("BYOK_DEMO", "0")
        _front_door_only(patch)
        _no_foreign_components(patch)
        house.cache_clear()
        house().workbench.close()
        try:
            yield
        finally:
            house.cache_clear()


def _front_door_only(patch: pytest.MonkeyPatch) -> None:
    """What the lifespan does with one line, done again for each run: AppTest resets it."""
    begin = PagesManager.__init__

    def begin_without_folder(self: PagesManager, *args: Any, **kwargs: Any) -> None:
        PagesManager.uses_pages_directory = False
        begin(self, *args, **kwargs)

    patch.setattr(PagesManager, "__init__", begin_without_folder)


def _no_foreign_components(patch: pytest.MonkeyPatch) -> None:
    """Each AppTest would read the metadata of every installed package for components: nine tenths of its time."""
    patch.setattr(BidiComponentManager, "discover_and_register_components", lambda *_, **__: None)


def nodes(tab: AppTest) -> Iterator[Any]:
    """Every element and block that the last run drew, wherever: page, sidebar, dialogs, toasts."""
    yield from tab._tree


def words(tab: AppTest) -> str:
    """Everything that the last run sent to be read, with Markdown's backslashes taken away."""
    found = [text for node in nodes(tab) for text in strings(getattr(node, "proto", None))]
    found += [table.value.to_csv() for table in (*tab.table, *tab.dataframe)]
    return re.sub(r"\\([^\w\s])", r"\1", "\n".join(found))


def strings(message: Any) -> Iterator[str]:
    """Every text in a message, however deep."""
    if isinstance(message, str):
        yield message
    elif hasattr(message, "ListFields"):
        for _, value in message.ListFields():
            yield from strings(value)
    elif hasattr(message, "items"):
        for value in message.values():
            yield from strings(value)
    elif hasattr(message, "__len__") and not isinstance(message, bytes):
        for value in message:
            yield from strings(value)


def titles(tab: AppTest) -> list[str]:
    return [title.value for title in tab.title]


def buttons(tab: AppTest) -> list[str]:
    return [button.label for button in tab.button]


def choose(tab: AppTest, label: str, has: str) -> AppTest:
    """Chooses the first option of a picker that holds these words."""
    (picker,) = (one for one in tab.selectbox if one.label == label)
    return picker.select_index([has in option for option in picker.options].index(True)).run()


def press(tab: AppTest, label: str) -> AppTest:
    """Clicks the one button of that label."""
    (button,) = (button for button in tab.button if button.label == label)
    return button.click().run()
