"""Writes the demo's companies, people, chatbots, conversation and past usage, in the caller's transaction.

Every row that can is marked `sample`, so that pages can say so and a reset knows what is its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from byok.core.ledger_check import rebuild
from byok.core.plans import Plans
from byok.core.vault import Vault
from byok.ground.ids import new_id
from byok.ground.tables import Answer, Attempt, Chatbot, Column, Company, Conversation, Person, Turn
from byok.services.demo_book import Book
from byok.services.demo_data import DemoData


def fill(session: Session, data: DemoData, *, plans: Plans, vault: Vault, password_hash: str, now: datetime) -> None:
    """Writes all of the demo. Its companies and usernames must not be there yet."""
    book = Book(data, now=now)
    companies: dict[str, UUID] = {}
    people: dict[str, UUID] = {}
    attempts: list[dict[str, Any]] = []
    for row in data.companies:
        company_id = companies[row.slug] = new_id()
        company = Company(
            id=company_id,
            slug=row.slug,
            name=row.name,
            plan=plans.get(row.plan).id,
            fingerprint_key=vault.new_fingerprint_key(company_id=company_id),
            sample=True,
            created_at=now,
        )
        session.add(company)
        session.flush()
        for one in row.people:
            person = Person(**one.model_dump(), company_id=company_id, password_hash=password_hash, created_at=now)
            session.add(person)
            people[one.username] = person.id
        ids = [people[one.username] for one in row.people]
        attempts += book.past(row, company_id=company_id, people=ids)
        if row.messages_left is not None:
            used = max(0, plans.get(row.plan).messages - row.messages_left)
            attempts += book.this_month(row, used, company_id=company_id, people=ids)
    chatbots = _chatbots(session, data, companies, now)
    attempts += _conversation(session, data, book, companies, people, chatbots, now)
    session.flush()
    session.execute(sa.insert(Attempt), attempts)
    for company_id in companies.values():
        rebuild(session.connection(), company_id=company_id)


def _chatbots(session: Session, data: DemoData, companies: dict[str, UUID], now: datetime) -> dict[str, UUID]:
    made = {}
    for row in data.chatbots:
        fields = row.model_dump(exclude={"company"})
        bot = Chatbot(**fields, company_id=companies[row.company], sample=True, created_at=now, updated_at=now)
        session.add(bot)
        made[row.name] = bot.id
    session.flush()
    return made


def _conversation(
    session: Session,
    data: DemoData,
    book: Book,
    companies: dict[str, UUID],
    people: dict[str, UUID],
    chatbots: dict[str, UUID],
    now: datetime,
) -> list[dict[str, Any]]:
    """Saves the sample conversation, dated into last month, and gives the attempts behind it."""
    sample = data.conversation
    moment = now.replace(day=1) - timedelta(days=3)
    company_id, person_id, chatbot_id = companies[sample.company], people[sample.username], chatbots[sample.chatbot]
    bot = next(row for row in data.chatbots if row.name == sample.chatbot)
    parameters = bot.model_dump(include={"temperature", "max_tokens"}, exclude_none=True)
    conversation = Conversation(
        company_id=company_id,
        person_id=person_id,
        chatbot_id=chatbot_id,
        title=sample.title,
        sample=True,
        created_at=moment,
        updated_at=moment,
    )
    session.add(conversation)
    session.flush()
    column = Column(
        conversation_id=conversation.id,
        position=0,
        model=sample.turns[-1].model,
        parameters=parameters,
        system_prompt=bot.system_prompt,
    )
    session.add(column)
    parent: UUID | None = None
    attempts = []
    for turn in sample.turns:
        parts = [{"type": "text", "text": turn.question}]
        asked = Turn(conversation_id=conversation.id, parent_id=parent, parts=parts, created_at=moment)
        session.add(asked)
        session.flush()
        settings = {"model": turn.model, "key_id": None, "parameters": parameters, "system_prompt": bot.system_prompt}
        answer = Answer(
            turn_id=asked.id,
            column_id=column.id,
            configuration=settings,
            text=turn.answer,
            state="complete",
            finish_reason="stop",
            process_id=new_id(),
            created_at=moment,
            finished_at=moment + timedelta(milliseconds=turn.duration_ms),
        )
        session.add(answer)
        attempts.append(
            book.turn(
                turn,
                moment,
                company_id=company_id,
                person_id=person_id,
                chatbot_id=chatbot_id,
                conversation_id=conversation.id,
                answer_id=answer.id,
            )
        )
        parent, moment = asked.id, moment + timedelta(minutes=1)
    session.flush()
    return attempts
