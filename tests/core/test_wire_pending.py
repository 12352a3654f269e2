"""Tickets of answers that are promised: an id becomes part of an address, anything more does not."""

from __future__ import annotations

import pytest

from byok.core.wire.pending import status_path
from tests.wire_tools import CATALOGUE


def test_a_ticket_leads_to_its_status() -> None:
    headers = {"nvcf-reqid": "5a1c0e77-0d3c-4a51"}
    assert status_path(CATALOGUE.get("nvidia"), headers) == "status/5a1c0e77-0d3c-4a51"


@pytest.mark.parametrize("ticket", ["", "../../v2/keys", "//elsewhere.example/x", "a b", "x" * 65, "12345678?key=1"])
def test_a_ticket_that_is_more_than_an_id_leads_nowhere(ticket: str) -> None:
    assert status_path(CATALOGUE.get("nvidia"), {"nvcf-reqid": ticket}) is None


def test_who_promises_nothing_is_not_asked_again() -> None:
    assert status_path(CATALOGUE.get("openai"), {"nvcf-reqid": "5a1c0e77-0d3c-4a51"}) is None
