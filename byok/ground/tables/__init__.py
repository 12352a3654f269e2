"""The tables, one file a noun. Importing this package registers all of them on `SQLModel.metadata`."""

from byok.ground.tables.accounts import BrowserSession, Company, Person, Ticket
from byok.ground.tables.attempts import Attempt
from byok.ground.tables.chatbots import Chatbot
from byok.ground.tables.conversations import Answer, Column, Conversation, Turn
from byok.ground.tables.keys import ApiKey, Erasure, KeyDraft, ModelMenu, SealedColumns
from byok.ground.tables.processes import ProcessLease
from byok.ground.tables.types import metadata

__all__ = [
    "Answer",
    "ApiKey",
    "Attempt",
    "BrowserSession",
    "Chatbot",
    "Column",
    "Company",
    "Conversation",
    "Erasure",
    "KeyDraft",
    "ModelMenu",
    "Person",
    "ProcessLease",
    "SealedColumns",
    "Ticket",
    "Turn",
    "metadata",
]
