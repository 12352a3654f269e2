"""Lets one transaction at a time change what must be unique within a company: its default keys, its names."""

from __future__ import annotations

from uuid import UUID

from sqlmodel import Session, select

from byok.ground.tables import Company


def lock_company(session: Session, company_id: UUID) -> None:
    """Holds the company's row until the transaction ends. SQLite's writers are alone anyway: there it only reads."""
    session.exec(select(Company.id).where(Company.id == company_id).with_for_update()).all()
