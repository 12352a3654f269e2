"""API Keys: what an admin of each plan, and a member, sees of the company's own keys."""

from __future__ import annotations

import httpx
import pytest

from byok.ground.tables import Company
from tests.pages.front import OPENAI_MODELS, Front, buttons, press, words

BILLED = "Billed directly by the provider. Aimy adds no markup."


@pytest.mark.parametrize("person", ["ada", "max", "bea", "finn"])
def test_everybody_reads_who_bills(demo: Front, person: str) -> None:
    assert BILLED in words(demo.look(person, "API Keys"))


def test_a_pro_admin_without_keys_reads_three_steps(demo: Front) -> None:
    tab = demo.look("ada", "API Keys")
    assert "No keys yet" in words(tab)
    (steps,) = (one.value for one in tab.markdown if one.value.startswith("1. "))
    assert [line[:3] for line in steps.splitlines()] == ["1. ", "2. ", "3. "]
    assert "Add Key" in buttons(tab)


def test_the_dialog_says_what_a_test_costs_before_it_is_pressed(demo: Front) -> None:
    tab = press(demo.visit("ada", "API Keys"), "Add Key")
    assert "Free: it only asks for the list of models." in words(tab)


def test_a_member_reads_whom_to_ask_and_can_press_nothing(demo: Front) -> None:
    tab = demo.look("max", "API Keys")
    assert "ask one of them" in words(tab)
    assert buttons(tab) == ["Change password", "Sign out"]


@pytest.mark.parametrize("person", ["bea", "finn"])
def test_an_admin_without_pro_reads_what_pro_would_bring(demo: Front, person: str) -> None:
    tab = demo.look(person, "API Keys")
    assert "Own keys are part of the Pro plan" in words(tab)
    assert "never draw down your plan" in words(tab)
    assert "Add Key" not in buttons(tab)
    assert "Switch to Pro" in buttons(tab)


def test_switch_to_pro_opens_the_page_at_once(own: Front) -> None:
    tab = press(own.visit("bea", "API Keys"), "Switch to Pro")
    assert {company.slug: company.plan for company in own.rows(Company)}["corner-shop"] == "pro"
    assert "Add Key" in buttons(tab)
    assert "No keys yet" in words(tab)


def test_outside_the_demo_an_admin_reads_whom_to_ask_for_pro(own: Front) -> None:
    own.change_company("corner-shop", sample=False)
    tab = own.visit("bea", "API Keys")
    assert "Switch to Pro" not in buttons(tab)
    assert "To upgrade, ask the operator of this workbench." in words(tab)


def test_a_tested_key_stands_with_its_label_hint_verdict_and_what_can_be_done(own: Front) -> None:
    key = own.save_key(models=("gpt-5.4-mini", "gpt-5.4-nano"))
    tab = own.visit("ada", "API Keys")
    seen = words(tab)
    assert f"**Product team** · OpenAI `…{key.hint}`" in seen
    assert "Accepted" in seen
    assert "Default" in seen
    assert "Added by Ada just now · tested just now · used — · 2 chat models · Billed directly by OpenAI." in seen
    assert [b for b in buttons(tab) if b not in ("Change password", "Sign out")] == [
        "Add Key",
        "Test again",
        "Replace",
        "What we store",
        "Delete",
    ]


def test_a_key_saved_untested_says_so(own: Front) -> None:
    own.save_key()
    assert "Untested" in words(own.visit("ada", "API Keys"))


def test_a_key_that_is_tested_again_stands_with_its_new_verdict_behind_the_dialog(own: Front) -> None:
    own.save_key(models=("gpt-5.4-mini",))
    tab = own.visit("ada", "API Keys")
    refused = {"error": {"code": "invalid_api_key", "message": "Incorrect API key provided."}}
    own.router.get(OPENAI_MODELS).mock(return_value=httpx.Response(401, json=refused))
    tab = press(tab, "Test again")
    on_the_page = "\n".join(one.value for one in tab.main.markdown)
    assert "Rejected" in on_the_page
    assert "Accepted" not in on_the_page
    assert "The saved key was not changed." in words(tab)


def test_a_second_key_of_a_provider_is_a_spare_that_can_be_made_the_default(own: Front) -> None:
    first, second = own.save_key(label="First"), own.save_key(label="Second")
    tab = own.visit("ada", "API Keys")
    assert "Spare" in words(tab)
    press(tab, "Make default")
    keys = own.bench.keys.list(own.actor("ada"))
    assert {key.id: key.is_default for key in keys} == {first.id: False, second.id: True}


def test_after_a_downgrade_sealed_keys_are_listed_with_delete_only(own: Front) -> None:
    key = own.save_key()
    own.change_company("northwind-labs", plan="basic")
    tab = own.visit("ada", "API Keys")
    assert "kept sealed and are not used while the plan is not Pro" in words(tab)
    assert f"`…{key.hint}`" in words(tab)
    assert [b for b in buttons(tab) if b not in ("Change password", "Sign out")] == ["Switch to Pro", "Delete"]


def test_what_we_store_shows_names_and_sizes_and_no_key(own: Front) -> None:
    own.save_key()
    seen = words(press(own.visit("ada", "API Keys"), "What we store"))
    assert "XSalsa20-Poly1305" in seen
    assert "https://api.openai.com" in seen
    assert "The key itself is not shown by anything, to anybody." in seen


def test_a_key_that_does_not_open_any_more_must_be_entered_again_and_breaks_no_page(own: Front) -> None:
    from byok.ground.tables import ApiKey

    own.save_key(models=("gpt-5.4-mini",))
    with own.bench.db.write() as session:
        row = session.get_one(ApiKey, own.rows(ApiKey)[0].id)
        row.data_key = bytes(len(row.data_key))
        session.add(row)
    assert "Needs to be entered again" in words(own.visit("ada", "API Keys"))
    tab = own.visit("max", "Playground")
    assert not tab.exception
    assert not any("gpt" in option for option in tab.selectbox[1].options)


def test_delete_names_the_chatbots_that_would_lose_their_model(own: Front) -> None:
    from byok.core.model_names import ModelName
    from byok.services.chatbots import ChatbotFields

    own.save_key(models=("gpt-5.4-mini",))
    model = ModelName("byok", "openai", "gpt-5.4-mini")
    own.bench.chatbots.create(own.actor("ada"), ChatbotFields(name="Support", model=model))
    seen = words(press(own.visit("ada", "API Keys"), "Delete"))
    assert "Used by **Support**. They will ask for another model; nothing is chosen for them." in seen
