"""API keys as they are kept: sealed, with what a person may see of them beside. No plaintext ever."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from byok.ground.tables.types import Row, belongs_to, moment, partial_index, primary_key


class SealedColumns(Row):
    """What a sealed key consists of. `data_key` is sealed under a subkey of `master_key_id`."""

    seal_version: int = 1
    master_key_id: str = Field(index=True)
    data_key: bytes = Field(repr=False)
    data_key_nonce: bytes = Field(repr=False)
    ciphertext: bytes = Field(repr=False)
    nonce: bytes = Field(repr=False)
    fingerprint: bytes = Field(repr=False)
    hint: str
    origin: str


class VerdictColumns(Row):
    """What the last test found; all empty where the key was never tested."""

    verdict: str | None = None
    detail: str | None = None
    proof: str | None = None
    not_proven: str | None = None
    request_id: str | None = None
    models_open: int | None = None
    test_ms: int | None = None
    tested_at: datetime | None = moment(nullable=True)


class ApiKey(SealedColumns, VerdictColumns, table=True):
    """A saved key. Exactly one key of a company and provider may be the default."""

    __tablename__ = "api_key"
    __table_args__ = (
        partial_index("uq_api_key_default", "company_id", "provider_id", where="is_default", unique=True),
    )

    id: UUID = primary_key()
    company_id: UUID = belongs_to("company.id")
    provider_id: str
    label: str
    is_default: bool = False
    added_by: UUID | None = belongs_to("person.id", ondelete="SET NULL", nullable=True, index=False)
    added_by_name: str = ""
    created_at: datetime = moment()
    last_used_at: datetime | None = moment(nullable=True)


class KeyDraft(SealedColumns, VerdictColumns, table=True):
    """A pasted key that is not saved yet, sealed at once under the id that its row will have (`key_id`).

    Where `replaces` is set, `key_id` is that of the saved key whose secret is to be replaced. `models` are the chat
    models that its test found, so that saving it fills the menu at once; None where no test listed any.
    """

    __tablename__ = "key_draft"

    id: UUID = primary_key()
    key_id: UUID
    replaces: bool = False
    company_id: UUID = belongs_to("company.id")
    provider_id: str
    person_id: UUID | None = belongs_to("person.id", nullable=True)
    models: list[dict[str, Any]] | None = Field(default=None, sa_type=sa.JSON)
    expires_at: datetime = moment(index=True)


class ModelMenu(Row, table=True):
    """The chat models that a saved key opens, as last fetched. `models` is a list of plain objects.

    `gone` are models that were in it once, each with the day (`since`) when it was first missed. `due_at` is when the
    list may be fetched again: whoever does so first moves it on, so that nobody else does. None is at once.
    """

    __tablename__ = "model_menu"

    key_id: UUID = Field(foreign_key="api_key.id", ondelete="CASCADE", primary_key=True)
    models: list[dict[str, Any]] = Field(sa_type=sa.JSON)
    fetched_at: datetime = moment()
    failed_at: datetime | None = moment(nullable=True)
    failure: str | None = None
    due_at: datetime | None = moment(nullable=True)
    gone: list[dict[str, Any]] = Field(default_factory=list, sa_type=sa.JSON)


class Erasure(Row, table=True):
    """A deletion whose ciphertext may still stand in SQLite's files until a checkpoint gets through."""

    __tablename__ = "erasure"

    id: UUID = primary_key()
    company_id: UUID = belongs_to("company.id")
    what: str
    requested_at: datetime = moment()
