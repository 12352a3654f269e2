"""The app with a company whose people, keys, chatbots, talks and provider mean ill: every text calls home."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlmodel import select

from byok.core.model_names import ModelName
from byok.ground.tables import Company, Person
from byok.process import Workbench
from byok.services.access import Actor
from byok.services.chatbots import ChatbotFields
from byok.services.columns import ColumnSetup
from byok.services.messages import Ask, Message
from tests.certificates import read_already
from tests.e2e.conftest import Server, make_server
from tests.fake_provider import Exchange, FakeProvider, fake_provider
from tests.providers.world import made_up_key
from tests.security.beacons import Collector, Planted, collector
from tests.seeded import settings_of

COLUMNS = 8  # of one conversation
TITLE = 53  # characters, of which nothing is cut off, with the page before them
LISTED = 15  # conversations; a list of them shows 20
OVERLAY = '[fake]\nname = "Fake AI"\nbase_url = "{url}"\nprivate_network = true\nstream_usage = "include_usage"\n'
OVERLAY += 'model_name = "name"\n'


@dataclass
class HostileWorld:
    """What runs, and which texts were planted at which surface."""

    server: Server
    fake: FakeProvider
    collector: Collector
    planted: Planted
    texts: dict[str, list[str]] = field(default_factory=dict)
    conversations: dict[str, UUID] = field(default_factory=dict)
    says: dict[str, str] = field(default_factory=dict)  # what is answered, by the model's name
    gate: threading.Event = field(default_factory=threading.Event)  # until it is open, `runs` goes on

    def plant(self, surface: str, **more: Any) -> list[str]:
        """Texts for a surface, which is to show them all."""
        found = self.planted.texts(surface, **more)
        self.texts.setdefault(surface, []).extend(found)
        return found

    def answer(self, exchange: Exchange) -> None:
        """As the provider: words by the model's name, which it gives back as something else."""
        model = str(exchange.body["model"])
        if model.startswith("fails"):
            exchange.refuse(400, self.says[model])
            return
        if model == "thinks":
            exchange.reasoning(self.says[model])
        exchange.model = self.says.get(f"{model} answers as", model)
        exchange.text(self.says.get(model, "Yes."))
        if model == "runs":
            exchange.wait(self.gate)
        exchange.finish()


@contextmanager
def hostile_world(folder: Path, seeded: Path, *, each: int) -> Iterator[HostileWorld]:
    """Furnishes the home through the services, then starts the app over it.

    Args:
        each: payloads of each kind at each surface, at most.
    """
    with fake_provider() as fake, collector() as hears:
        overlay = folder / "hostile.toml"
        overlay.write_text(OVERLAY.format(url=fake.base_url), "utf-8")
        server = make_server(shutil.copytree(seeded, folder / "home"), BYOK_PROVIDERS=str(overlay))
        world = HostileWorld(server, fake, hears, Planted(hears.origin, each))
        fake.script = world.answer
        bench = Workbench.open(settings_of(server.home, providers=overlay), what="command", trust=read_already())
        try:
            _Furnisher(world, bench).furnish()
        finally:
            bench.close()
        try:
            server.start()
            yield world
        finally:
            world.gate.set()
            server.stop()


class _Furnisher:
    """Puts the texts where they belong, as people and the provider would."""

    def __init__(self, world: HostileWorld, bench: Workbench) -> None:
        self.world, self.bench = world, bench
        self.ada = self._actor("ada")

    def furnish(self) -> None:
        """Everything that is not typed in a browser."""
        world = self.world
        names = world.plant("models", longest=120, lines=False)
        world.fake.models = ["says", "formulas", "runs", "thinks", *names]
        world.fake.names = {name: f"{name} model" for name in names}
        self._key("Main")
        for surface, model, more in (
            ("a finished answer", "says", ""),
            ("a finished answer with formulas", "formulas", "\n\n$x^2$"),
            ("a running answer", "runs", "\n\nand"),
        ):
            world.says[model] = "\n\n".join(world.plant(surface)) + more
        self._said("a finished answer", "says")
        self._said("a finished answer with formulas", "formulas")
        world.says["reads"] = "\n\n".join(world.plant("a shared conversation"))
        shared = self._said("a shared conversation", "reads")
        self.bench.conversations.share(self.ada, shared, shared=True)
        world.says["thinks"] = "\n\n".join(world.plant("reasoning and source"))
        self._said("reasoning and source", "thinks")
        for side in ("left", "right"):
            world.says[side] = "\n\n".join(world.plant("the words compared", turn=3))
        self._said("the words compared", "left", "right")
        self._errors()
        self._titles()
        self._usage(names)
        self._people()

    def _errors(self) -> None:
        names = []
        for number, words in enumerate(self.world.plant("an error", lines=False)):
            names.append(f"fails-{number}")
            self.world.says[names[-1]] = words
        for begin in range(0, len(names), COLUMNS):
            self._said(f"an error {begin // COLUMNS}", *names[begin : begin + COLUMNS])

    def _titles(self) -> None:
        for number, text in enumerate(self.world.plant("titles and messages", longest=TITLE, lines=False)):
            page = f"page {number // LISTED} "  # by which the list can be searched
            self._said(f"titles {number // LISTED}", "plain", title=page + text)
        self._said("messages", "plain", text="\n\n".join(self.world.plant("titles and messages", turn=2)))

    def _usage(self, models: Sequence[str]) -> None:
        """Keys, chatbots and models with such names, and an attempt over each."""
        world = self.world
        labels = world.plant("keys", longest=80, lines=False, turn=1)
        bots = world.plant("chatbots", longest=80, lines=False, turn=2)
        prompts = world.plant("chatbots", turn=4)
        keys = [self._key(label) for label in labels]
        world.texts["usage"] = [*models, *labels, *bots]
        answered = world.plant("models", turn=5)
        for model, name in zip(models, answered, strict=False):
            world.says[f"{model} answers as"] = f"x\n\n{name}"
        world.texts["models"] = [*models, *(name for _, name in zip(models, answered, strict=False))]
        made = []
        for number, name in enumerate(bots):
            prompt = "\n\n".join(prompts) if number == 0 else ""
            fields = ChatbotFields(name=name, system_prompt=prompt, model=ModelName.parse("byok:fake/says"))
            made.append(self.bench.chatbots.create(self.ada, fields).id)
        for begin in range(0, len(models), COLUMNS):
            self._said(f"models {begin // COLUMNS}", *models[begin : begin + COLUMNS])
        for number, bot in enumerate(made):
            self._said("usage", "says", key_id=keys[number % len(keys)], chatbot=bot)

    def _people(self) -> None:
        """Names that only an operator gives."""
        with self.bench.db.write() as session:
            for row in (session.get_one(Person, self.ada.person_id), session.get_one(Company, self.ada.company_id)):
                row.name = self.world.planted.texts("names", longest=60, lines=False)[0]
                session.add(row)

    def _said(
        self,
        surface: str,
        *models: str,
        text: str = "Hello",
        title: str = "A talk",
        key_id: UUID | None = None,
        chatbot: UUID | None = None,
    ) -> UUID:
        columns = [ColumnSetup(ModelName("byok", "fake", model), key_id) for model in models]
        asked = self.bench.conversations.send(self.ada, Message([Ask(text)], columns, chatbot_id=chatbot, title=title))
        for answer_id in asked.answer_ids:
            live = self.bench.runner.live(answer_id)
            assert live is None or live.wait_end(timeout=20)
        self.world.conversations[surface] = asked.conversation_id
        return asked.conversation_id

    def _key(self, label: str) -> UUID:
        draft = self.bench.keys.draft(self.ada, provider_id="fake", pasted=SecretStr(made_up_key()))
        assert self.bench.keys.test_draft(self.ada, draft.id).verdict == "accepted"
        return self.bench.keys.save_draft(self.ada, draft.id, label=label).id

    def _actor(self, username: str) -> Actor:
        with self.bench.db.read() as session:
            person = session.exec(select(Person).where(Person.username == username)).one()
            return Actor(person.company_id, person.id)


def run_file_of(title: str, models: Sequence[str]) -> bytes:
    """A run file that somebody else has made: with whatever names, and of models that are not there."""
    columns = [{"column": number, "model": f"byok:fake/{name}"} for number, name in enumerate(models, 1)]
    turn = {"turn": 1, "text": "Hello", "columns": [one["column"] for one in columns]}
    made = {"format": "aimy-byok-run", "version": 1, "title": title, "columns": columns, "turns": [turn]}
    return json.dumps(made).encode()
