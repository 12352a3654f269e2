"""Asks a provider about a sealed key, and notes what it found. Never raises for trouble on the provider's side.

A verdict is about one secret: it is dropped when the row holds another by the time the answer comes.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from sqlmodel import Session

from byok.core.loop import LoopThread
from byok.core.wire import Finding, Wire
from byok.ground.clock import Clock
from byok.ground.db import Database
from byok.ground.errors import KeyUnreadableError, LocalModelError
from byok.ground.tables import ApiKey, KeyDraft
from byok.services.key_use import KeyUse, SealedRow

Row = TypeVar("Row", ApiKey, KeyDraft)


class KeyTester:
    """Runs one check on the process's loop and blocks its caller until the verdict is there."""

    def __init__(self, *, db: Database, use: KeyUse, wire: Wire, loop: LoopThread, clock: Clock) -> None:
        self._db, self._use, self._wire, self._loop, self._clock = db, use, wire, loop, clock

    def check(self, row: SealedRow) -> Finding:
        """What the provider says about the key as it is sealed in the row. Call it outside any transaction."""
        provider = self._use.provider(row.provider_id)
        try:
            auth = self._use.auth(row)
            assert provider is not None  # noqa: S101  # auth has refused such a row
            base_url = self._use.base_url(provider)
        except KeyUnreadableError as error:
            return _own_finding("unreadable", error)
        except LocalModelError as error:
            return _own_finding("unreachable", error)
        return self._loop.run(self._wire.check(provider, base_url=base_url, auth=auth))

    def note(self, session: Session, tested: Row, finding: Finding) -> Row | None:
        """Stores the verdict with its time on the row, if it still holds the secret that was tested.

        Returns:
            The row as it is now, or None where the verdict was dropped.
        """
        row = session.get(type(tested), tested.id, with_for_update=True)
        if row is None or row.nonce != tested.nonce:
            return None
        _write_verdict(row, finding, self._clock())
        session.add(row)
        return row


def _write_verdict(row: SealedRow, finding: Finding, now: datetime) -> None:
    row.verdict, row.detail, row.proof = finding.verdict, finding.detail, finding.proof
    row.not_proven, row.request_id = finding.not_proven, finding.request_id
    row.test_ms, row.tested_at = finding.elapsed_ms, now
    # A test that lists nothing says nothing about how many there are: the last count stays.
    if finding.models is not None:
        row.models_open = len(finding.models)


def _own_finding(verdict: str, error: KeyUnreadableError | LocalModelError) -> Finding:
    """A finding of ours: no request was sent."""
    return Finding(
        verdict="unreadable" if verdict == "unreadable" else "unreachable",
        detail=error.message,
        proof="",
        not_proven="",
        next_step=error.next_step,
        link=None,
        request_id=None,
        elapsed_ms=0,
        models=None,
    )
