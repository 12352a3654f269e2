"""A company's chatbots: a name, instructions and a default model. Settings that are not set are not sent."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from byok.ground.tables.types import Row, belongs_to, moment, primary_key


class Chatbot(Row, table=True):
    """`model` is `source:provider/model`; `key_id` pins one key, else the provider's default key is meant.

    Where neither can be asked for want of plan messages or budget, `fallback_model` is, and only if it is set.
    `key_id` is no foreign key on purpose: when the key goes, the chatbot must say so, not forget it.
    """

    __tablename__ = "chatbot"

    id: UUID = primary_key()
    company_id: UUID = belongs_to("company.id")
    name: str
    system_prompt: str = ""
    model: str | None = None
    key_id: UUID | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    sample: bool = False
    created_at: datetime = moment()
    updated_at: datetime = moment()
    fallback_model: str | None = None
    fallback_key_id: UUID | None = None
