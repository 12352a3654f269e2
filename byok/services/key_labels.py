"""Judges what a person calls a key. Refuses a label that is taken, too long, or a key pasted in the wrong field."""

from __future__ import annotations

from uuid import UUID

from pydantic import SecretStr
from sqlmodel import Session, select

from byok.core.catalogue import Catalogue
from byok.core.vault import Vault
from byok.ground.errors import InvalidInputError, KeyUnreadableError
from byok.ground.tables import ApiKey, Company
from byok.services.key_use import SealedRow

LONGEST = 80


class KeyLabels:
    """Labels are unique among a company's keys of one provider, whatever their case."""

    def __init__(self, *, catalogue: Catalogue, vault: Vault) -> None:
        self._catalogue, self._vault = catalogue, vault

    def judge(self, session: Session, company: Company, row: SealedRow, label: str, *, key_id: UUID) -> str:
        """The label to store; one is made up where it is empty.

        Args:
            row: the sealed key, so that it is noticed when its own secret was typed as the label.
            key_id: the key that will bear the label; its own present label is no obstacle.

        Raises:
            InvalidInputError: the label cannot be used. The message does not repeat it.
        """
        label = " ".join(label.split())
        others = session.exec(
            select(ApiKey.label).where(
                ApiKey.company_id == company.id, ApiKey.provider_id == row.provider_id, ApiKey.id != key_id
            )
        ).all()
        taken = {other.casefold() for other in others}
        if not label:
            return self._made_up(row.provider_id, taken)
        if len(label) > LONGEST or not label.isprintable():
            raise InvalidInputError(f"A label has at most {LONGEST} printable characters.", field="label")
        if self._is_a_key(company, row, label):
            raise InvalidInputError(
                "That looks like a key. A label is shown to everyone, so it was not stored.",
                field="label",
                next_step="Give it a name that people know it by.",
            )
        if label.casefold() in taken:
            raise InvalidInputError(
                "Another key of this provider has that label.", field="label", next_step="Choose another one."
            )
        return label

    def _made_up(self, provider_id: str, taken: set[str]) -> str:
        name = f"{self._catalogue.get(provider_id).name} key"
        numbers = (name if number == 1 else f"{name} {number}" for number in range(1, len(taken) + 2))
        return next(label for label in numbers if label.casefold() not in taken)

    def _is_a_key(self, company: Company, row: SealedRow, label: str) -> bool:
        secret = SecretStr(label)
        if self._catalogue.guess(secret) is not None:
            return True
        try:
            same = self._vault.fingerprint(secret, company_id=company.id, sealed_key=company.fingerprint_key)
        except KeyUnreadableError:
            return False
        return same == row.fingerprint
