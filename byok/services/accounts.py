"""Companies and their people: the operator's side of accounts.

Refuses slugs that cannot stand in an address, and a second use of one. Nothing here asks who is asking: only the
operator's command line calls it, and the door asks whether there is anybody. What it changes is in the audit log.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlmodel import Session, select

from byok.ground.errors import InvalidInputError
from byok.ground.ids import new_id
from byok.ground.tables import Company
from byok.ground.tables.types import metadata
from byok.services.account_views import LONGEST, SLUG, CompanyView, PersonView, Role
from byok.services.names import clean_name
from byok.services.passwords import nobody
from byok.services.person_accounts import PersonAccounts, find_company, no_company

__all__ = ["Accounts", "CompanyView", "PersonView", "Role"]

_p, _c = metadata.tables["person"].c, metadata.tables["company"].c


class Accounts(PersonAccounts):
    """Makes, lists and changes companies and people."""

    def add_company(self, *, slug: str, name: str, plan: str) -> CompanyView:
        """Makes a company.

        Raises:
            InvalidInputError: the slug is not one or is taken, the name is empty or cannot be shown, or no such plan.
        """
        slug, name = slug.strip(), clean_name(name)
        if not SLUG.fullmatch(slug) or len(slug) > LONGEST:
            raise InvalidInputError(
                f"{slug!r} cannot name a company.",
                field="slug",
                next_step="Use small letters, digits and single hyphens, e.g. northwind-labs.",
            )
        if not name:
            raise InvalidInputError("A company needs a name.", field="name")
        company_id, plan_id = new_id(), self._plans.get(plan).id
        with self._db.write() as session:
            if session.exec(select(Company.id).where(Company.slug == slug)).first():
                raise InvalidInputError(f"There is a company {slug!r} already.", field="slug")
            company = Company(
                id=company_id,
                slug=slug,
                name=name,
                plan=plan_id,
                fingerprint_key=self._vault.new_fingerprint_key(company_id=company_id),
                created_at=self._clock(),
            )
            session.add(company)
            session.flush()
            self._record(session, company_id, "company.added", subject=name, detail=self._plans.get(plan).name)
        return self.company(slug)

    def companies(self) -> list[CompanyView]:
        """All companies, by slug."""
        with self._db.read() as session:
            return self._with_people(session)

    def company(self, slug: str) -> CompanyView:
        """The company of that slug.

        Raises:
            NotFoundError: there is none.
        """
        with self._db.read() as session:
            found = self._with_people(session, slug=slug)
        if not found:
            raise no_company(slug)
        return found[0]

    def set_plan(self, slug: str, plan: str) -> CompanyView:
        """Moves a company to a plan. Its keys stay, sealed, whatever the plan.

        Raises:
            NotFoundError, InvalidInputError: there is no such company, no such plan.
        """
        wanted = self._plans.get(plan)
        with self._db.write() as session:
            company = find_company(session, slug)
            before, company.plan = self._plans.get(company.plan), wanted.id
            session.flush()
            if before.id != wanted.id:
                detail = f"from {before.name} to {wanted.name}"
                self._record(session, company.id, "plan.changed", subject=company.name, detail=detail)
        return self.company(slug)

    def _with_people(self, session: Session, *, slug: str | None = None) -> list[CompanyView]:
        may = (_p.disabled_at.is_(None), _p.password_hash.not_like(f"%{nobody()[7:]}"))
        active = sa.select(sa.func.count()).where(_p.company_id == _c.id, *may)
        people = active.scalar_subquery().label("people")
        query = sa.select(_c.id, _c.slug, _c.name, _c.plan, _c.sample, _c.created_at, people)
        if slug is not None:
            query = query.where(_c.slug == slug)
        rows = session.connection().execute(query.order_by(_c.slug))
        return [
            CompanyView(row.id, row.slug, row.name, self._plans.get(row.plan), row.sample, row.created_at, row.people)
            for row in rows
        ]
