"""Every export, read as spreadsheets of three countries would: no cell of it begins a formula."""

from __future__ import annotations

import ast
import csv
import io
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, product
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr

from byok.core.model_names import ModelName
from byok.ground.clock import day_of, utc_now
from byok.ground.errors import InvalidInputError
from byok.process import Workbench
from byok.services.access import Actor
from byok.services.chatbots import ChatbotFields
from byok.services.columns import ColumnSetup
from byok.services.conversation_views import Asked
from byok.services.messages import Ask, Message
from byok.services.periods import Period
from byok.services.run_export import numbers_csv, run_file
from byok.services.spreadsheet import to_csv
from byok.services.usage_csv import table_csv
from tests.certificates import read_already
from tests.fake_provider import Exchange, FakeProvider, fake_provider
from tests.providers.world import made_up_key
from tests.run_world import AT_ONCE
from tests.security.conftest import Tally
from tests.security.hostile_world import OVERLAY
from tests.security.threats import at_scale
from tests.seeded import settings_of

pytestmark = [pytest.mark.threat(25), pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
BEGINS = "=+-@＝＋－＠"
LEADS = (
    *("", " ", "\u00a0", "\ufeff", "\u200b", "\u3000", "\t", "\r", "\n", '"', "'"),
    *("x;", "x\n", "x\r\n ", "x\t", 'x";"', "x,"),
)
TEXTS = tuple(f'{lead}{begin}HYPERLINK("http://evil.example","a")' for lead, begin in product(LEADS, BEGINS))
SEPARATORS = (",", ";", "\t")  # of lists, by country; the last is that of a paste
SKIPPED = re.compile(r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\"]*")
NUMBER = re.compile(r"-?\d+(\.\d+)?")


def formulas(data: bytes) -> Iterator[str]:
    """The cells that a spreadsheet would compute, in whichever country the file is opened."""
    text = data.decode("utf-8-sig")
    for separator in SEPARATORS:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            for cell in row:
                if cell[SKIPPED.match(cell).end() :].startswith(tuple(BEGINS)) and not NUMBER.fullmatch(cell):  # type: ignore[union-attr]
                    yield f"separated by {separator!r}: {cell[:60]!r}"


@dataclass
class Office:
    """Ada's company, whose words all begin formulas; what services refused is counted."""

    bench: Workbench
    ada: Actor
    fake: FakeProvider
    asked: list[Asked] = field(default_factory=list)
    refused: int = 0

    def fill(self, texts: list[str]) -> None:
        """A key, a chatbot, a model, a question, a provider's words and name, a title for each text."""
        said = cycle(texts)

        def answer(exchange: Exchange) -> None:
            words = next(said)
            if len(self.fake.requests) % 3 == 0:
                exchange.refuse(400, words)
                return
            exchange.model = words
            exchange.text(words)
            exchange.finish()

        self.fake.script = answer
        keys, bots = list(self._keys(texts)), list(self._bots(texts))
        for text, key, bot in zip(texts, cycle(keys), cycle(bots), strict=False):
            model = ModelName("byok", "fake", " ".join(text.split()))
            columns = [ColumnSetup(model, key)]
            asked = self.bench.conversations.send(
                self.ada, Message([Ask(f"{text}\n{text}")], columns, chatbot_id=bot, title=text[:100])
            )
            self.asked.append(asked)
        for asked in self.asked:
            for answer_id in asked.answer_ids:
                live = self.bench.runner.live(answer_id)
                assert live is None or live.wait_end(timeout=30)

    def exports(self) -> Iterator[tuple[str, bytes]]:
        """All tables that the product gives out."""
        period = Period.month(f"{day_of(utc_now()):%Y-%m}")
        usage = self.bench.usage
        for split in ("provider", "model", "key", "person", "chatbot"):
            yield f"usage by {split}", table_csv(usage.table(self.ada, period, rows="provider", split=split))
        yield "attempts", usage.attempts_csv(self.ada, period, limit=100_000)[0]
        yield "audit log", self.bench.audit.csv(self.ada)
        for asked in self.asked:
            thread = self.bench.conversations.thread(self.ada, asked.conversation_id)
            yield "a run's numbers", numbers_csv(run_file(thread, at=utc_now()))

    def _keys(self, texts: list[str]) -> Iterator[UUID]:
        for text in ["Main", *texts]:
            draft = self.bench.keys.draft(self.ada, provider_id="fake", pasted=SecretStr(made_up_key()))
            self.bench.keys.test_draft(self.ada, draft.id)
            try:
                yield self.bench.keys.save_draft(self.ada, draft.id, label=text).id
            except InvalidInputError:
                self.refused += 1

    def _bots(self, texts: list[str]) -> Iterator[UUID]:
        for text in texts:
            try:
                yield self.bench.chatbots.create(self.ada, ChatbotFields(name=text)).id
            except InvalidInputError:
                self.refused += 1


@pytest.fixture
def office(seeded_home: Path, tmp_path: Path) -> Iterator[Office]:
    with fake_provider() as fake:
        fake.models = ["fake-1"]
        overlay = tmp_path / "fake.toml"
        overlay.write_text(OVERLAY.format(url=fake.base_url), "utf-8")
        home = shutil.copytree(seeded_home, tmp_path / "home")
        settings = settings_of(home, providers=overlay)
        bench = Workbench.open(settings, what="command", trust=read_already(), retries=AT_ONCE)
        try:
            company = bench.accounts.company("northwind-labs")
            name = '=HYPERLINK("http://evil.example";"a")'
            grace = bench.accounts.add_person(
                company=company.slug, username="grace", name=name, role="admin", password=SecretStr(made_up_key()[:40])
            )
            yield Office(bench, Actor(company.id, grace.id), fake)
        finally:
            bench.close()


@at_scale(len(TEXTS), few=6)
def test_no_export_holds_a_formula_whatever_people_and_providers_name_things(
    office: Office, tally: Tally, tries: int
) -> None:
    texts = random.Random(25).sample(TEXTS, tries)  # noqa: S311 - a sample, not a secret
    office.fill(texts)
    found = 0
    for where, data in office.exports():
        found += sum(data.decode("utf-8-sig").count(begin) for begin in ("HYPERLINK", "evil.example"))
        for cell in formulas(data):
            tally.leaked(f"{where}, {cell}")
    tally.tried(found)
    assert found > 10 * tries


@at_scale(300_000)
def test_no_text_begins_a_formula_in_a_cell_wherever_it_is_opened(tally: Tally, tries: int) -> None:
    dice = random.Random(tries)  # noqa: S311 - made up anew in each run alike
    letters = f"{BEGINS}x;,\t\r\n \"'\u00a0\ufeff\u200b|1"
    for _ in range(tries):
        row = ["".join(dice.choices(letters, k=dice.randrange(1, 9))) for _ in range(3)]
        tally.tried(len(row))
        for cell in formulas(to_csv([row])):
            tally.leaked(f"{row!r}, {cell}")


def test_an_ordinary_text_is_written_as_it_is() -> None:
    texts = ["a=b", "x - y", "Grüße, Welt", "e-mail: a@b.example", "1+1", 'say "no"', "a; b", "two\nlines"]
    ((*cells,),) = csv.reader(io.StringIO(to_csv([texts]).decode("utf-8-sig"), newline=""))
    assert cells == texts


def test_tables_are_written_in_one_place() -> None:
    others = []
    for path in [*(ROOT / "byok").rglob("*.py"), *(ROOT / "web").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        text = path.read_text("utf-8")
        if "csv" not in text and "to_excel" not in text:
            continue
        tree = ast.parse(text)
        imported = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
        called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        if "csv" in imported or called & {"to_csv", "to_excel"}:
            others.append(path.relative_to(ROOT).as_posix())
    assert others == ["byok/services/spreadsheet.py"]
