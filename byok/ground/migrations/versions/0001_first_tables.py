"""The first tables: accounts, sealed keys, chatbots, conversations, the ledger, process leases.

Types and names are written out here, not imported: a revision must go on saying what it said when it was released.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _accounts()
    _keys()
    _chatbots()
    _conversations()
    _attempts()
    op.create_table(
        "process_lease", _id(), _text("what"), _moment("started_at"), _moment("expires_at"), _pk("process_lease")
    )
    _index("process_lease", "expires_at")


def _accounts() -> None:
    op.create_table(
        "company",
        _id(),
        _text("slug"),
        _text("name"),
        _text("plan"),
        _bytes("fingerprint_key"),
        _flag("sample"),
        _moment("created_at"),
        _pk("company"),
        sa.UniqueConstraint("slug", name="uq_company_slug"),
    )
    op.create_table(
        "person",
        _id(),
        _id("company_id"),
        _text("username"),
        _text("name"),
        _text("role"),
        _text("password_hash"),
        _moment("disabled_at", nullable=True),
        _moment("created_at"),
        _pk("person"),
        _fk("person", "company_id", "company"),
        sa.UniqueConstraint("username", name="uq_person_username"),
    )
    _index("person", "company_id")
    op.create_table(
        "browser_session",
        _id(),
        _id("person_id"),
        _bytes("token_hash"),
        _moment("created_at"),
        _moment("seen_at"),
        _moment("expires_at"),
        _pk("browser_session"),
        _fk("browser_session", "person_id", "person"),
        sa.UniqueConstraint("token_hash", name="uq_browser_session_token_hash"),
    )
    _index("browser_session", "person_id")
    op.create_table(
        "ticket",
        _id(),
        _id("person_id"),
        _bytes("ticket_hash"),
        _moment("expires_at"),
        _pk("ticket"),
        _fk("ticket", "person_id", "person"),
        sa.UniqueConstraint("ticket_hash", name="uq_ticket_ticket_hash"),
    )
    _index("ticket", "person_id")


def _keys() -> None:
    op.create_table(
        "api_key",
        *_sealed_and_tested(),
        _id(),
        _id("company_id"),
        _text("provider_id"),
        _text("label"),
        _flag("is_default"),
        _id("added_by", nullable=True),
        _text("added_by_name"),
        _moment("created_at"),
        _moment("last_used_at", nullable=True),
        _pk("api_key"),
        _fk("api_key", "company_id", "company"),
        _fk("api_key", "added_by", "person", ondelete="SET NULL"),
    )
    _index("api_key", "company_id")
    _index("api_key", "master_key_id")
    default = sa.text("is_default")
    op.create_index(
        "uq_api_key_default",
        "api_key",
        ["company_id", "provider_id"],
        unique=True,
        sqlite_where=default,
        postgresql_where=default,
    )
    op.create_table(
        "key_draft",
        *_sealed_and_tested(),
        _id(),
        _id("key_id"),
        _flag("replaces"),
        _id("company_id"),
        _text("provider_id"),
        _id("person_id", nullable=True),
        _json("models", nullable=True),
        _moment("expires_at"),
        _pk("key_draft"),
        _fk("key_draft", "company_id", "company"),
        _fk("key_draft", "person_id", "person"),
    )
    for column in ("company_id", "person_id", "master_key_id", "expires_at"):
        _index("key_draft", column)
    op.create_table(
        "model_menu",
        _id("key_id"),
        _json("models"),
        _moment("fetched_at"),
        _moment("failed_at", nullable=True),
        _text("failure", nullable=True),
        _pk("model_menu", "key_id"),
        _fk("model_menu", "key_id", "api_key"),
    )
    op.create_table(
        "erasure",
        _id(),
        _id("company_id"),
        _text("what"),
        _moment("requested_at"),
        _pk("erasure"),
        _fk("erasure", "company_id", "company"),
    )
    _index("erasure", "company_id")


def _sealed_and_tested() -> list[sa.Column[Any]]:
    sealed = [_number("seal_version"), _text("master_key_id")]
    sealed += [_bytes(name) for name in ("data_key", "data_key_nonce", "ciphertext", "nonce", "fingerprint")]
    sealed += [_text("hint"), _text("origin")]
    tested = [_text(name, nullable=True) for name in ("verdict", "detail", "proof", "not_proven", "request_id")]
    tested += [_number(name, nullable=True) for name in ("models_open", "test_ms")]
    return [*sealed, *tested, _moment("tested_at", nullable=True)]


def _chatbots() -> None:
    op.create_table(
        "chatbot",
        _id(),
        _id("company_id"),
        _text("name"),
        _text("system_prompt"),
        _text("model", nullable=True),
        _id("key_id", nullable=True),
        sa.Column("temperature", sa.Float(), nullable=True),
        _number("max_tokens", nullable=True),
        _flag("sample"),
        _moment("created_at"),
        _moment("updated_at"),
        _pk("chatbot"),
        _fk("chatbot", "company_id", "company"),
    )
    _index("chatbot", "company_id")


def _conversations() -> None:
    op.create_table(
        "conversation",
        _id(),
        _id("company_id"),
        _id("person_id"),
        _id("chatbot_id", nullable=True),
        _text("title"),
        _flag("sample"),
        _moment("created_at"),
        _moment("updated_at"),
        _pk("conversation"),
        _fk("conversation", "company_id", "company"),
        _fk("conversation", "person_id", "person"),
        _fk("conversation", "chatbot_id", "chatbot", ondelete="SET NULL"),
    )
    _index("conversation", "company_id")
    _index("conversation", "chatbot_id")
    op.create_index("ix_conversation_author", "conversation", ["person_id", "updated_at"])
    op.create_table(
        "turn",
        _id(),
        _id("conversation_id"),
        _id("parent_id", nullable=True),
        _json("parts"),
        _moment("created_at"),
        _pk("turn"),
        _fk("turn", "conversation_id", "conversation"),
        _fk("turn", "parent_id", "turn"),
    )
    _index("turn", "conversation_id")
    _index("turn", "parent_id")
    op.create_table(
        "conversation_column",
        _id(),
        _id("conversation_id"),
        _number("position"),
        _text("model"),
        _id("key_id", nullable=True),
        _json("parameters"),
        _text("system_prompt"),
        _pk("conversation_column"),
        _fk("conversation_column", "conversation_id", "conversation"),
    )
    _index("conversation_column", "conversation_id")
    op.create_table(
        "answer",
        _id(),
        _id("turn_id"),
        _id("column_id"),
        _number("version"),
        _json("configuration"),
        _text("text"),
        _text("reasoning"),
        _text("state"),
        _text("error", nullable=True),
        _text("finish_reason", nullable=True),
        _id("process_id"),
        _flag("stop_requested"),
        _moment("created_at"),
        _moment("finished_at", nullable=True),
        _pk("answer"),
        _fk("answer", "turn_id", "turn"),
        _fk("answer", "column_id", "conversation_column"),
        sa.UniqueConstraint("turn_id", "column_id", "version", name="uq_answer_turn_id_column_id_version"),
    )
    _index("answer", "turn_id")
    _index("answer", "column_id")
    running = sa.text("state = 'running'")
    op.create_index("ix_answer_running", "answer", ["process_id"], sqlite_where=running, postgresql_where=running)


def _attempts() -> None:
    op.create_table(
        "attempt",
        _id(),
        _id("company_id"),
        *[_id(name, nullable=True) for name in ("person_id", "chatbot_id", "conversation_id", "answer_id")],
        _id("process_id"),
        *[_text(name) for name in ("source", "provider_id", "model_asked")],
        _text("model_answered", nullable=True),
        _id("key_id", nullable=True),
        _text("key_label", nullable=True),
        _text("key_hint", nullable=True),
        _text("status"),
        _flag("answered"),
        _text("error", nullable=True),
        *[_number(f"tokens_{what}", nullable=True) for what in ("in", "out", "cached", "reasoning")],
        sa.Column("cost_pico", sa.BigInteger(), nullable=True),
        _text("price_origin", nullable=True),
        _text("price_date", nullable=True),
        _number("ttft_ms", nullable=True),
        _number("duration_ms", nullable=True),
        _text("provider_request_id", nullable=True),
        _text("month"),
        _flag("sample"),
        _moment("reserved_at"),
        _moment("settled_at", nullable=True),
        _pk("attempt"),
        _fk("attempt", "company_id", "company"),
    )
    _index("attempt", "answer_id")
    op.create_index("ix_attempt_company_time", "attempt", ["company_id", "reserved_at"])
    op.create_index("ix_attempt_plan", "attempt", ["company_id", "source", "month", "status", "answered"])
    reserved = sa.text("status = 'reserved'")
    op.create_index("ix_attempt_open", "attempt", ["process_id"], sqlite_where=reserved, postgresql_where=reserved)


def _id(name: str = "id", *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _bytes(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _pk(table: str, column: str = "id") -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(column, name=f"pk_{table}")


def _fk(table: str, column: str, target: str, *, ondelete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{target}"
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=ondelete)


def _index(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}", table, [column])
