"""Columns that are added and removed, fair races, conversations that a company can read, and the price of an answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("conversation") as conversation:
        conversation.add_column(sa.Column("shared_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("turn") as turn:
        turn.add_column(sa.Column("repeats", sa.Integer(), nullable=True))
    op.execute("UPDATE turn SET repeats = 1")
    with op.batch_alter_table("turn") as turn:
        turn.alter_column("repeats", existing_type=sa.Integer(), nullable=False)
    with op.batch_alter_table("conversation_column") as column:
        column.add_column(sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
        column.create_unique_constraint(
            "uq_conversation_column_conversation_id_position", ["conversation_id", "position"]
        )
    with op.batch_alter_table("attempt") as attempt:
        attempt.add_column(sa.Column("price_in_pico", sa.BigInteger(), nullable=True))
        attempt.add_column(sa.Column("price_out_pico", sa.BigInteger(), nullable=True))
