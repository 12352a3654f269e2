"""The tables, one file a noun. Importing this package registers all of them on `SQLModel.metadata`."""

from byok.ground.tables.accounts import BrowserSession, Company, Person, Ticket
from byok.ground.tables.attempts import Adjustment, Attempt
from byok.ground.tables.audit import OPERATOR, AuditEvent, AuditHead
from byok.ground.tables.budgets import Budget, OwnPrice
from byok.ground.tables.chatbots import Chatbot
from byok.ground.tables.conversations import Answer, Column, Conversation, Turn
from byok.ground.tables.door import Invitation, Throttle
from byok.ground.tables.keys import ApiKey, Erasure, KeyDraft, ModelMenu, SealedColumns
from byok.ground.tables.master_keys import MasterKeyCheck
from byok.ground.tables.processes import ProcessLease
from byok.ground.tables.rollups import USAGE_DAY, USAGE_DETAIL
from byok.ground.tables.types import metadata

__all__ = [
    "OPERATOR",
    "USAGE_DAY",
    "USAGE_DETAIL",
    "Adjustment",
    "Answer",
    "ApiKey",
    "Attempt",
    "AuditEvent",
    "AuditHead",
    "BrowserSession",
    "Budget",
    "Chatbot",
    "Column",
    "Company",
    "Conversation",
    "Erasure",
    "Invitation",
    "KeyDraft",
    "MasterKeyCheck",
    "ModelMenu",
    "OwnPrice",
    "Person",
    "ProcessLease",
    "SealedColumns",
    "Throttle",
    "Ticket",
    "Turn",
    "metadata",
]
