"""A small sealed text for each master key, by which a start finds out that a key of that id is another one."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field

from byok.ground.tables.types import Row, moment


class MasterKeyCheck(Row, table=True):
    """The canary of one master key: it opens with that key, or the key is not the one it was."""

    __tablename__ = "master_key_check"

    id: str = Field(primary_key=True)
    sealed: bytes = Field(repr=False)
    made_at: datetime = moment()
