"""Makes ids: UUIDs of version 7, so that rows made later sort later. Refuses any other kind of id."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A fresh UUIDv7, made by the application and never by a database."""
    return uuid7()
