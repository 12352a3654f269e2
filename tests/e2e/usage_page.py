"""The Usage page as a person reads it, and attempts that another process books meanwhile."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from byok.core import ledger
from byok.core.model_names import ModelName
from byok.ground.clock import utc_now
from byok.ground.db import Database
from byok.ground.ids import new_id
from byok.ground.tables.types import metadata
from tests.e2e.conftest import settled

READ = """(table) => [...table.querySelectorAll("tr")].slice(2).map((row) => ({
  kind: row.className || row.parentElement.className || "row",
  cells: [...row.querySelectorAll("th, td")].map((cell) => cell.textContent),
}))"""
# When the table first says so, by the browser's clock, which is the server's as well.
WHEN = """(text) => new Promise((resolve, reject) => {
  const look = () => {
    if (!document.querySelector("[data-testid=stMain]").textContent.includes(text)) return;
    watch.disconnect();
    resolve(Date.now() / 1000);
  };
  const watch = new MutationObserver(look);
  watch.observe(document.body, { subtree: true, childList: true, characterData: true });
  setTimeout(() => reject(new Error("it never said " + text)), 20000);
  look();
})"""


@dataclass(frozen=True)
class Row:
    """A row of the table: `kind` is `row`, `part` or `total`; `cells` begin with its name."""

    kind: str
    cells: list[str]


def table(page: Page) -> Locator:
    return page.locator(".usage-table table")


def rows(page: Page) -> list[Row]:
    """Every row below the headings, as it is read."""
    return [Row(**one) for one in table(page).evaluate(READ)]


def row(page: Page, name: str) -> Locator:
    """The row of that name."""
    return table(page).locator("tr").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def figure(page: Page, name: str, of: str) -> Locator:
    """A number of that row which opens something.

    Args:
        of: as the button says it, e.g. `byok requests`.
    """
    return row(page, name).locator(f"button[data-of='{of}']")


def split_by(page: Page, what: str) -> None:
    before = table(page).inner_html()
    page.get_by_role("combobox", name="Split by").click()
    page.get_by_role("option", name=what, exact=True).click()
    expect(table(page)).not_to_have_js_property("innerHTML", before)
    settled(page)


def downloaded(page: Page, button: Locator) -> list[dict[str, str]]:
    """The rows of the CSV file behind a button."""
    with page.expect_download() as coming:
        button.click()
    text = Path(coming.value.path()).read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


class Elsewhere:
    """Another process, which books attempts of Ada's company in the same database."""

    def __init__(self, home: Path) -> None:
        self.db = Database(f"sqlite:///{home / 'byok.sqlite3'}")
        people = metadata.tables["person"]
        with self.db.read() as session:
            query = sa.select(people.c.id, people.c.company_id).where(people.c.username == "ada")
            self.person_id, self.company_id = session.connection().execute(query).one()

    def book(self, name: str, **figures: Any) -> datetime:
        """One answered attempt; when it ended."""
        with self.db.write_core() as connection:
            attempt_id = ledger.reserve(
                connection,
                company_id=self.company_id,
                person_id=self.person_id,
                process_id=new_id(),
                name=ModelName.parse(name),
                at=utc_now(),
                plan_messages=10_000,
            )
            outcome = ledger.Outcome("complete", answered=True, tokens_in=12, tokens_out=34, **figures)
            assert ledger.settle(connection, attempt_id, outcome, at=utc_now())
        return utc_now()
