"""The history of the tables, for Alembic. `byok.ground.schema` runs it; nothing else does."""
