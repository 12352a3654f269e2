"""Opens what there is for reading alone: for a notebook, which may be of another release than the app beside it.

Refuses to make, upgrade or seed anything, to ask for a master key, and to read tables of another release than its own.
"""

from __future__ import annotations

from typing import Self

from byok.core.catalogue import Catalogue
from byok.core.plans import Plans
from byok.ground import schema
from byok.ground.clock import Clock, utc_now
from byok.ground.db import Database
from byok.ground.settings import Settings
from byok.services.access import Actor
from byok.services.person_accounts import find_company
from byok.services.usage import Usage


class Reader:
    """The usage of a database's companies. Get it from `open`; `close` it at the end."""

    def __init__(self, db: Database, usage: Usage) -> None:
        self._db, self.usage = db, usage

    @classmethod
    def open(cls, settings: Settings | None = None, *, clock: Clock = utc_now) -> Self:
        """Opens the database that the settings name, if it is there and of this release.

        Raises:
            SettingsError: it is not; the message says what to do.
        """
        settings = settings or Settings.load()
        plans, catalogue = Plans.load(), Catalogue.load(overlay=settings.providers)
        db = Database(settings.url, read_only=True)
        try:
            schema.check(db)
        except BaseException:
            db.close()
            raise
        return cls(db, Usage(db=db, plans=plans, catalogue=catalogue, clock=clock))

    def operator(self, company: str) -> Actor:
        """The operator, as he asks about the company of that slug.

        Raises:
            NotFoundError: there is none.
        """
        with self._db.read() as session:
            return Actor(find_company(session, company).id)

    def close(self) -> None:
        """Gives the database back."""
        self._db.close()
