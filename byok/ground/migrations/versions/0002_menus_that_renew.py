"""Lists of models that are renewed by themselves: when the next look is due, and which models are no longer in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("model_menu") as menu:
        menu.add_column(sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
        menu.add_column(sa.Column("gone", sa.JSON(), nullable=True))
    op.execute("UPDATE model_menu SET gone = '[]'")
    with op.batch_alter_table("model_menu") as menu:
        menu.alter_column("gone", existing_type=sa.JSON(), nullable=False)
