"""The record of who did what, a check of each master key, counters of failed sign-ins, invitations, last seen when."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_head",
        _id("chain_id"),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        *[_bytes(name) for name in ("audit_key", "mac", "signature")],
        sa.PrimaryKeyConstraint("chain_id", name="pk_audit_head"),
    )
    op.create_table(
        "audit_event",
        _id("chain_id"),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        _moment("at"),
        _id("actor_id", nullable=True),
        *[_text(name) for name in ("actor_name", "action", "subject", "fingerprint", "detail")],
        *[_text(name) for name in ("address", "request_id")],
        _bytes("mac"),
        sa.PrimaryKeyConstraint("chain_id", "seq", name="pk_audit_event"),
        sa.ForeignKeyConstraint(
            ["chain_id"], ["audit_head.chain_id"], name="fk_audit_event_chain_id_audit_head", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "master_key_check",
        _text("id"),
        _bytes("sealed"),
        _moment("made_at"),
        sa.PrimaryKeyConstraint("id", name="pk_master_key_check"),
    )
    op.create_table(
        "throttle",
        _text("scope"),
        _bytes("whose"),
        sa.Column("failures", sa.Integer(), nullable=False),
        _moment("since"),
        _moment("until"),
        _moment("expires_at"),
        sa.PrimaryKeyConstraint("scope", "whose", name="pk_throttle"),
    )
    op.create_index("ix_throttle_expires_at", "throttle", ["expires_at"])
    op.create_table(
        "invitation",
        _id("id"),
        _id("person_id"),
        _text("purpose"),
        _bytes("token_hash"),
        _text("made_by_name"),
        _moment("made_at"),
        _moment("expires_at"),
        sa.PrimaryKeyConstraint("id", name="pk_invitation"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name="fk_invitation_person_id_person", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("token_hash", name="uq_invitation_token_hash"),
    )
    op.create_index("ix_invitation_person_id", "invitation", ["person_id"])
    op.add_column("person", sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))


def _id(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=False)


def _bytes(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
