"""The vault as others use it: what goes on the wire, what is refused, and that nothing shows a key."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import pickle
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from byok.core.master_keys import MasterKeys, new_entry
from byok.core.vault import AUTH_HEADERS, Place, Sealed, Vault, clean_key, hint
from byok.ground.errors import InvalidInputError, KeyUnreadableError, SettingsError
from byok.ground.ids import new_id
from byok.ground.tables import ApiKey

CANARY = "canary-" + "q7" * 12
PLACE = Place(new_id(), new_id(), "openai", "https://api.openai.com")


@pytest.fixture
def vault() -> Vault:
    return Vault(MasterKeys.parse(new_entry()))


@pytest.fixture
def sealed(vault: Vault) -> Sealed:
    return vault.seal(SecretStr(CANARY), place=PLACE)


def sent(auth: httpx.Auth, *, header: str = "authorization") -> str:
    """What a server gets in `header`."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers[header])
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(answer), auth=auth) as client:
        client.get("https://api.openai.com/v1/models")
    assert len(seen) == 1
    return seen[0]


def bearer(vault: Vault, sealed: Any, place: Place = PLACE) -> httpx.Auth:
    return vault.auth(sealed, place=place, header="Authorization", prefix="Bearer ")


def row(sealed: Sealed, *, origin: str = PLACE.origin) -> ApiKey:
    columns = {field.name: getattr(sealed, field.name) for field in dataclasses.fields(sealed)}
    return ApiKey(**columns, id=PLACE.row_id, company_id=PLACE.company_id, provider_id="openai", origin=origin)


def test_a_sealed_key_is_sent_as_it_was_pasted(vault: Vault, sealed: Sealed) -> None:
    assert sent(bearer(vault, sealed)) == f"Bearer {CANARY}"


def test_a_sealed_row_is_sent_as_it_was_pasted(vault: Vault, sealed: Sealed) -> None:
    assert sent(bearer(vault, row(sealed))) == f"Bearer {CANARY}"


@pytest.mark.parametrize("way", AUTH_HEADERS)
def test_each_way_of_the_catalogue_has_its_header(vault: Vault, sealed: Sealed, way: str) -> None:
    header, prefix = AUTH_HEADERS[way]
    assert sent(vault.auth(sealed, place=PLACE, header=header, prefix=prefix), header=header) == prefix + CANARY


def test_a_key_is_sent_by_an_async_client_too(vault: Vault, sealed: Sealed) -> None:
    async def ask() -> str:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, text=request.headers["authorization"]))
        async with httpx.AsyncClient(transport=transport, auth=bearer(vault, sealed)) as client:
            return (await client.get("https://api.openai.com")).text

    assert asyncio.run(ask()) == f"Bearer {CANARY}"


def test_a_platform_key_is_sent(vault: Vault) -> None:
    auth = vault.platform_auth(SecretStr(CANARY), header="x-goog-api-key")
    assert sent(auth, header="x-goog-api-key") == CANARY


def test_a_platform_key_with_a_line_break_is_refused_without_showing_it(vault: Vault) -> None:
    with pytest.raises(SettingsError) as caught:
        vault.platform_auth(SecretStr(f"{CANARY}\n{CANARY}"), header="x-api-key")
    assert CANARY not in str(caught.value)


def test_an_unreadable_key_stops_the_request_before_anything_is_sent(vault: Vault, sealed: Sealed) -> None:
    calls: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(200)

    auth = bearer(vault, dataclasses.replace(sealed, nonce=bytes(24)))
    with httpx.Client(transport=httpx.MockTransport(answer), auth=auth) as client, pytest.raises(KeyUnreadableError):
        client.get("https://api.openai.com")
    assert calls == []


def test_the_key_is_opened_only_when_the_request_is_sent(sealed: Sealed) -> None:
    stranger = Vault(MasterKeys.parse(new_entry()))
    auth = bearer(stranger, sealed)
    with pytest.raises(KeyUnreadableError):
        sent(auth)


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(PLACE, company_id=uuid4()),
        dataclasses.replace(PLACE, row_id=uuid4()),
        dataclasses.replace(PLACE, provider_id="mistral"),
        dataclasses.replace(PLACE, origin="https://api.openai.com.example"),
        dataclasses.replace(PLACE, provider_id="openaihttps:", origin="//api.openai.com"),
    ],
    ids=["company", "row", "provider", "origin", "shifted border"],
)
def test_a_key_opens_nowhere_else(vault: Vault, sealed: Sealed, other: Place) -> None:
    assert not vault.readable(sealed, place=other)
    with pytest.raises(KeyUnreadableError):
        sent(bearer(vault, sealed, other))


def test_a_row_whose_stored_origin_was_changed_does_not_open(vault: Vault, sealed: Sealed) -> None:
    changed = row(sealed, origin="https://elsewhere.example")
    assert not vault.readable(changed, place=PLACE)
    with pytest.raises(KeyUnreadableError):
        sent(bearer(vault, changed))


def test_a_row_changed_together_with_the_catalogue_does_not_open(vault: Vault, sealed: Sealed) -> None:
    elsewhere = dataclasses.replace(PLACE, origin="https://elsewhere.example")
    assert not vault.readable(row(sealed, origin=elsewhere.origin), place=elsewhere)


def sent_by_hand(auth: httpx.Auth) -> None:
    """The auth flow without a client, for tests that run it thousands of times."""
    next(auth.auth_flow(httpx.Request("GET", "https://api.openai.com")))


blobs = st.binary(max_size=80)


@settings(max_examples=50)
@given(
    version=st.integers(-1, 3),
    master=st.text(max_size=8),
    data_key=blobs,
    data_key_nonce=blobs,
    ciphertext=blobs,
    nonce=blobs,
)
def test_garbage_is_refused_by_one_error(
    version: int, master: str, data_key: bytes, data_key_nonce: bytes, ciphertext: bytes, nonce: bytes
) -> None:
    keys = MasterKeys.parse(new_entry())
    for master_key_id in (master, keys.first_id):
        garbage = Sealed(version, master_key_id, data_key, data_key_nonce, ciphertext, nonce)
        assert not Vault(keys).readable(garbage, place=PLACE)
        with pytest.raises(KeyUnreadableError):
            sent_by_hand(bearer(Vault(keys), garbage))


@pytest.mark.parametrize(
    "changes",
    [
        {"seal_version": 0},
        {"seal_version": 2},
        {"seal_version": None},
        {"master_key_id": "gone"},
        {"master_key_id": None},
        {"data_key": None},
        {"data_key_nonce": None},
    ],
    ids=str,
)
def test_a_row_of_another_version_or_master_key_is_not_readable(
    vault: Vault, sealed: Sealed, changes: dict[str, Any]
) -> None:
    assert not vault.readable(dataclasses.replace(sealed, **changes), place=PLACE)


def test_a_readable_row_is_known_without_opening_its_key(vault: Vault, sealed: Sealed) -> None:
    assert vault.readable(dataclasses.replace(sealed, ciphertext=b"", nonce=b""), place=PLACE)


def test_a_spare_master_key_still_opens_what_it_sealed() -> None:
    old, new = new_entry(), new_entry()
    was = Vault(MasterKeys.parse(old)).seal(SecretStr(CANARY), place=PLACE)
    assert sent(bearer(Vault(MasterKeys.parse(f"{new},{old}")), was)) == f"Bearer {CANARY}"


def test_resealing_moves_a_key_to_the_first_master_key_and_leaves_its_ciphertext() -> None:
    old, new = new_entry(), new_entry()
    was = Vault(MasterKeys.parse(old)).seal(SecretStr(CANARY), place=PLACE)
    now = Vault(MasterKeys.parse(f"{new},{old}")).reseal(row(was), place=PLACE)
    assert (now.ciphertext, now.nonce) == (was.ciphertext, was.nonce)
    assert sent(bearer(Vault(MasterKeys.parse(new)), now)) == f"Bearer {CANARY}"


def test_resealing_refuses_what_does_not_open(vault: Vault, sealed: Sealed) -> None:
    with pytest.raises(KeyUnreadableError):
        vault.reseal(dataclasses.replace(sealed, data_key=bytes(48)), place=PLACE)


def test_a_fingerprint_recognises_the_same_key_in_the_same_company_only(vault: Vault) -> None:
    ours, theirs = new_id(), new_id()
    our_key, their_key = (vault.new_fingerprint_key(company_id=company) for company in (ours, theirs))
    first = vault.fingerprint(SecretStr(CANARY), company_id=ours, sealed_key=our_key)
    assert len(first) == 16
    assert vault.fingerprint(SecretStr(CANARY), company_id=ours, sealed_key=our_key) == first
    assert vault.fingerprint(SecretStr(CANARY + "x"), company_id=ours, sealed_key=our_key) != first
    assert vault.fingerprint(SecretStr(CANARY), company_id=theirs, sealed_key=their_key) != first


def test_a_fingerprint_outlives_a_master_key() -> None:
    old, new = new_entry(), new_entry()
    company = new_id()
    blob = Vault(MasterKeys.parse(old)).new_fingerprint_key(company_id=company)
    before = Vault(MasterKeys.parse(old)).fingerprint(SecretStr(CANARY), company_id=company, sealed_key=blob)
    moved = Vault(MasterKeys.parse(f"{new},{old}")).reseal_fingerprint_key(blob, company_id=company)
    after = Vault(MasterKeys.parse(new)).fingerprint(SecretStr(CANARY), company_id=company, sealed_key=moved)
    assert after == before


def test_a_fingerprint_key_opens_for_its_company_only(vault: Vault) -> None:
    blob = vault.new_fingerprint_key(company_id=new_id())
    with pytest.raises(KeyUnreadableError):
        vault.fingerprint(SecretStr(CANARY), company_id=new_id(), sealed_key=blob)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=512))
def test_every_printable_key_survives_sealing(key: str) -> None:
    vault = Vault(MasterKeys.parse(new_entry()))
    assert sent_value(bearer(vault, vault.seal(clean_key(key), place=PLACE))) == f"Bearer {key}"


def sent_value(auth: httpx.Auth) -> str:
    request = httpx.Request("GET", "https://api.openai.com")
    next(auth.auth_flow(request))
    return request.headers["authorization"]


@pytest.mark.parametrize("around", ["\n", "\r\n", "  ", "\t", "\u00a0", "\ufeff", "\u200b"], ids=ascii)
def test_blanks_around_a_pasted_key_are_dropped(around: str) -> None:
    assert clean_key(around + CANARY + around).get_secret_value() == CANARY


@pytest.mark.parametrize("inside", ["\n", "\r", "\0", "\x7f", " ", "\t", "é", "…", "\u200b", "\ud800"], ids=ascii)
def test_a_key_with_anything_else_inside_is_refused_without_showing_it(inside: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        clean_key(CANARY + inside + CANARY)
    assert caught.value.field == "key"
    assert CANARY not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("key", ["", "   ", "x" * 7, "x" * 513], ids=["empty", "blank", "short", "long"])
def test_a_key_of_an_impossible_length_is_refused(key: str) -> None:
    with pytest.raises(InvalidInputError):
        clean_key(key)


def test_sealing_refuses_a_key_that_no_header_can_carry(vault: Vault) -> None:
    with pytest.raises(InvalidInputError):
        vault.seal(SecretStr(f"{CANARY}\n{CANARY}"), place=PLACE)


def test_the_hint_is_the_last_four_characters() -> None:
    assert hint(SecretStr(CANARY)) == CANARY[-4:]


def test_no_repr_shows_a_key_or_sealed_bytes(vault: Vault, sealed: Sealed) -> None:
    auth = bearer(vault, sealed)
    platform = vault.platform_auth(SecretStr(CANARY), header="x-api-key")
    shown = repr([vault, sealed, row(sealed), auth, platform, Sealed.copy(sealed)]) + f"{sealed}{auth}{platform}"
    assert CANARY not in shown
    for column in (sealed.ciphertext, sealed.data_key, sealed.nonce, sealed.data_key_nonce):
        assert repr(column)[2:-1] not in shown
        assert column.hex() not in shown
        assert base64.b64encode(column).decode() not in shown


def test_an_auth_cannot_be_pickled_with_the_master_keys_behind_it(vault: Vault, sealed: Sealed) -> None:
    with pytest.raises(TypeError, match="not copied"):
        pickle.dumps(bearer(vault, sealed))


def test_an_unreadable_key_has_one_error_with_nothing_behind_it(vault: Vault, sealed: Sealed) -> None:
    with pytest.raises(KeyUnreadableError) as caught:
        sent_by_hand(bearer(vault, dataclasses.replace(sealed, ciphertext=sealed.ciphertext[:-1])))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert str(caught.value) == str(KeyUnreadableError())
