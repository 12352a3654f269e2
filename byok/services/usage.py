"""Usage of a period: one row a provider, a day or a month, own keys beside the plan; each row in its parts.

Members see their own, admins and the operator the company's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from byok.core.allowances import plan_used
from byok.core.catalogue import Catalogue
from byok.core.ledger_figures import Dimension, Figures, changes, figures, months
from byok.core.plans import Plans
from byok.ground.clock import Clock, day_of, month_of, utc_now
from byok.ground.db import Database
from byok.services.access import Actor, Grant, admit
from byok.services.attempts import AttemptList, AttemptView, attempts
from byok.services.pace import Pace, pace
from byok.services.periods import By, Period, named
from byok.services.usage_csv import attempts_csv
from byok.services.usage_names import Split, part_names
from byok.services.usage_table import UsageRow, UsageTable

Rows = Literal["provider", "day", "month"]
PARTS: Mapping[Split, Dimension] = {
    "provider": "provider_id",
    "model": "model",
    "key": "key_id",
    "person": "person_id",
    "chatbot": "chatbot_id",
}
NOTHING = Figures()


@dataclass(frozen=True, slots=True)
class Step:
    """A day or month of a chart. `byok` and `plan` add up what the step's attempts came to."""

    name: str
    byok: Figures
    plan: Figures


class Usage:
    """What a page or a command may ask about usage."""

    def __init__(self, *, db: Database, plans: Plans, catalogue: Catalogue, clock: Clock = utc_now) -> None:
        self._db, self._plans, self._catalogue, self._clock = db, plans, catalogue, clock

    def month(self, actor: Actor, month: str | None = None) -> UsageTable:
        """The usage of a month by provider.

        Args:
            month: `YYYY-MM`; None means the current one (UTC).

        Raises:
            InvalidInputError: that is no month.
        """
        return self.table(actor, Period.month(month_of(self._clock()) if month is None else month))

    def table(self, actor: Actor, period: Period, *, rows: Rows = "provider", split: Split | None = None) -> UsageTable:
        """The usage of a period.

        Args:
            rows: what a row is.
            split: what the parts of a row are; None means that it has none. A provider is no part of itself.
        """
        split = None if rows == split else split
        head: Dimension = "provider_id" if rows == "provider" else "day"
        by: list[Dimension] = [head, "source"] + ([PARTS[split]] if split else [])
        running = month_of(self._clock())
        with self._db.read() as session:
            connection, grant = session.connection(), admit(session, actor, self._plans)
            found = self._figures(connection, grant, actor, by, period)
            month = period.as_month or running
            used = plan_used(connection, company_id=grant.company.id, month=month)
            tails = {key[2] for key in found} if split else set()
            names = self._called() if split == "provider" else {}
            if split and split != "provider":
                names = part_names(connection, split, tails, company_id=grant.company.id, period=period)
        if rows != "provider":
            found = _stepped(found, rows)
        lines = list(self._lines(rows, split, found, names))
        byok, plan = (sum((getattr(line, source) for line in lines), NOTHING) for source in ("byok", "plan"))
        return UsageTable(
            period=period,
            own=not grant.is_admin,
            rows=tuple(lines),
            total=UsageRow("", "Total", byok, plan),
            allowance=grant.plan.messages,
            used=used,
            plan_name=grant.plan.name,
            plan_sample=grant.plan.sample,
            running_month=running,
            split=split or "",
            message_pico=grant.plan.message_pico,
        )

    def steps(self, actor: Actor, period: Period, *, by: By) -> list[Step]:
        """What each day or month came to, in order, those without any attempt as well."""
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
            found = self._figures(session.connection(), grant, actor, ["day", "source"], period)
        sums = _stepped(found, by)
        return [
            Step(step, sums.get((step, "byok"), NOTHING), sums.get((step, "plan"), NOTHING))
            for step in period.steps(by)
        ]

    def pace(self, actor: Actor) -> Pace:
        """How much of this month's allowance is used, and where that leads. Always the company's."""
        now = self._clock()
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
            used = plan_used(session.connection(), company_id=grant.company.id, month=month_of(now))
        return pace(used, grant.plan.messages, now=now)

    def attempts(
        self, actor: Actor, period: Period, *, where: Mapping[str, Any] | None = None, limit: int = 100
    ) -> AttemptList:
        """The attempts behind a figure, the newest first.

        Args:
            where: values of dimensions, as a row of the table has them, and `which`: see `services.attempts.WHICH`.

        Raises:
            InvalidInputError: there is no such dimension, or a value is none of its kind.
        """
        with self._attempts(actor, period, where, limit) as found:
            rows = tuple(islice(found, limit))
            return AttemptList(rows, next(found, None) is not None)

    def attempts_csv(
        self, actor: Actor, period: Period, *, where: Mapping[str, Any] | None = None, limit: int
    ) -> tuple[bytes, bool]:
        """The same as a CSV file, and whether there are more; never all of them in memory but as text."""
        with self._attempts(actor, period, where, limit) as found:
            return attempts_csv(islice(found, limit)), next(found, None) is not None

    def months(self, actor: Actor) -> list[str]:
        """The months that have usage, newest first; the current one always among them."""
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
            person_id = None if grant.is_admin else actor.person_id
            found = months(session.connection(), company_id=grant.company.id, person_id=person_id)
        return sorted({month_of(self._clock()), *found}, reverse=True)

    def allowance(self, actor: Actor) -> tuple[int, int]:
        """(plan messages of this month's allowance, used), for "Plan · 412 of 2,000 left". Cheap."""
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
            month = month_of(self._clock())
            used = plan_used(session.connection(), company_id=grant.company.id, month=month)
            return grant.plan.messages, used

    def version(self, actor: Actor) -> int:
        """A number that changes when an attempt of the last days that the actor sees begins or ends. Very cheap.

        A member's says nothing of others but what the plan's meter shows him anyway.
        """
        now = self._clock()
        with self._db.read() as session:
            connection, grant = session.connection(), admit(session, actor, self._plans)
            company_id, person_id = grant.company.id, None if grant.is_admin else actor.person_id
            found = changes(connection, company_id=company_id, today=day_of(now), person_id=person_id)
            used = 0 if grant.is_admin else plan_used(connection, company_id=company_id, month=month_of(now))
        # Doubled: else a message that is given back would make up for the own step that gave it back.
        return 2 * found + used

    @contextmanager
    def _attempts(
        self, actor: Actor, period: Period, where: Mapping[str, Any] | None, limit: int
    ) -> Iterator[Iterator[AttemptView]]:
        """One more than `limit`, where there are."""
        with self._db.read() as session:
            grant = admit(session, actor, self._plans)
            found = attempts(
                session.connection(),
                period,
                where or {},
                company_id=grant.company.id,
                person_id=None if grant.is_admin else actor.person_id,
                providers=self._called(),
                limit=limit + 1,
            )
            with closing(found):
                yield found

    def _figures(
        self, connection: sa.Connection, grant: Grant, actor: Actor, by: list[Dimension], period: Period
    ) -> dict[tuple[Any, ...], Figures]:
        person_id: UUID | None = None if grant.is_admin else actor.person_id
        first, last = period.first, period.last
        return figures(connection, by, company_id=grant.company.id, first=first, last=last, person_id=person_id)

    def _called(self) -> dict[Any, str]:
        """The providers' full names by their ids, in the order of the catalogue."""
        return {provider.id: provider.name for provider in self._catalogue.all()}

    def _lines(
        self, rows: Rows, split: Split | None, found: Mapping[tuple[Any, ...], Figures], names: Mapping[Any, str]
    ) -> Iterator[UsageRow]:
        called = self._called()
        place = {provider_id: place for place, provider_id in enumerate(called)}
        heads: dict[str, dict[tuple[Any, ...], Figures]] = {}
        for (head, *rest), one in found.items():
            heads.setdefault(head, {})[tuple(rest)] = one
        for head in sorted(heads, key=lambda one: (place.get(one, len(place)), one)):
            mine = heads[head]
            where: dict[str, Any] = {"provider_id" if rows == "provider" else rows: head}
            byok, plan = (_sum(mine, source) for source in ("byok", "plan"))
            parts = _parts(mine, where, PARTS[split], names) if split else ()
            yield UsageRow(head, called.get(head, head), byok, plan, where, parts)


def _sum(found: Mapping[tuple[Any, ...], Figures], source: str) -> Figures:
    return sum((one for key, one in found.items() if key[0] == source), NOTHING)


def _parts(
    found: Mapping[tuple[Any, ...], Figures], where: Mapping[str, Any], dimension: Dimension, names: Mapping[Any, str]
) -> tuple[UsageRow, ...]:
    """The largest first."""
    made = [
        UsageRow(
            str(tail or ""),
            names.get(tail, str(tail)),
            found.get(("byok", tail), NOTHING),
            found.get(("plan", tail), NOTHING),
            {**where, dimension: tail},
        )
        for tail in {key[1] for key in found}
    ]
    return tuple(sorted(made, key=lambda one: (-one.answers, -(one.byok + one.plan).attempts, one.name, one.id)))


def _stepped(found: Mapping[tuple[Any, ...], Figures], by: By) -> dict[tuple[Any, ...], Figures]:
    """With the names of steps for the days that stand first."""
    sums: dict[tuple[Any, ...], Figures] = {}
    for (day, *rest), one in found.items():
        key = (named(day, by), *rest)
        sums[key] = sums.get(key, NOTHING) + one
    return sums
