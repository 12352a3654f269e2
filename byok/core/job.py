"""What is handed to the runner: one reserved attempt that waits to be sent, as a plain value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from byok.core.provider import Provider
from byok.core.waiting_line import COMPANY_AT_ONCE, Ticket
from byok.core.wire import ChatCall


@dataclass(frozen=True, slots=True)
class Job:
    """One reserved attempt that waits to be sent.

    Attributes:
        call: the question; a function where getting ready takes time (the built-in model's server starts then).
        answer_id: the row that keeps the text, or None for a question without a conversation.
        company_id: whose it is.
        key_id: the company's own key that pays, or None for a standard model, which has no price for the company.
        provider: who is asked, where `call` is a function.
        anew: makes the call once more, where it had to wait: meanwhile a key may be gone, and a history be longer.
        address: where it was asked from, for the audit log.
        after: the answer that must have ended before this one is asked, whatever process writes it.
    """

    attempt_id: UUID
    company_id: UUID
    call: ChatCall | Callable[[], ChatCall]
    answer_id: UUID | None = None
    key_id: UUID | None = None
    provider: Provider | None = None
    after: UUID | None = None
    anew: Callable[[], ChatCall] | None = None
    address: str = ""

    @property
    def ticket(self) -> Ticket:
        """Its place: a company's calls to one provider share a lane, and all calls to a model of this machine do."""
        provider = self.call.provider if isinstance(self.call, ChatCall) else self.provider
        if provider is None:
            return Ticket(self.attempt_id, self.company_id, self.company_id, COMPANY_AT_ONCE)
        lane = (self.company_id, provider.id) if provider.launch == "none" else provider.id
        return Ticket(self.attempt_id, self.company_id, lane, provider.at_once)

    @property
    def id(self) -> UUID:
        """By what it is found: the answer's id, else the attempt's."""
        return self.answer_id or self.attempt_id
