"""Who gets in, what is seen from outside, and that a change of a person counts at the very next run."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from byok.ground.clock import utc_now
from byok.ground.tables import Ticket
from tests.pages.front import PAGES, ROOT, Front, buttons, front, nodes, press, titles, words
from tests.seeded import PASSWORD

PEOPLE = ("ada", "max", "bea", "finn")
OF_THE_DEMO = ("Northwind", "Corner Shop", "Tryout", "Friendlier release note", "Plain Words")
WRONG = "That username and password do not belong together. Try again."


def enter(tab: AppTest, username: str, password: str) -> AppTest:
    name, secret = tab.text_input
    name.set_value(username)
    secret.set_value(password)
    return press(tab, "Sign in")


@pytest.mark.parametrize("page", PAGES)
def test_signed_out_every_page_is_the_sign_in_form_and_nothing_else(demo: Front, page: str) -> None:
    tab = demo.look(None, page)
    assert titles(tab) == ["Bring your own AI provider keys"]
    assert [field.label for field in tab.text_input] == ["Username", "Password"]
    assert not any(name in words(tab) for name in OF_THE_DEMO)
    assert [list(tab.get(kind)) for kind in ("exception", "dataframe", "chat_input")] == [[], [], []]
    assert not list(tab.sidebar.button)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_file_run_past_the_front_door_shows_nothing(demo: Front, page: str) -> None:
    demo.sign_in(None)
    tab = AppTest.from_file(ROOT / PAGES[page], default_timeout=30).run()
    assert [info.value for info in tab.info] == ["You are signed out."]
    assert {node.type for node in nodes(tab)} <= {"root", "main", "sidebar", "event", "info"}


def test_the_demo_is_entered_by_one_click(demo: Front) -> None:
    tab = demo.visit(None)
    assert buttons(tab)[:4] == [
        "Continue as Ada - Pro admin",
        "Continue as Max - Pro member",
        "Continue as Bea - Basic admin",
        "Continue as Finn - Free Trial admin",
    ]
    assert f"Their password: `{PASSWORD}`" in words(tab)


@pytest.mark.parametrize("person", ["ada", "nobody"])
def test_a_wrong_password_and_a_wrong_name_get_the_same_plain_sentence(own: Front, person: str) -> None:
    tab = enter(own.visit(None), person, "not it")
    assert [error.value for error in tab.error] == [WRONG]
    assert own.rows(Ticket) == []


@pytest.mark.parametrize("person", ["ada", " Ada "])
def test_the_right_password_issues_one_ticket(own: Front, person: str) -> None:
    tab = enter(own.visit(None), person, PASSWORD)
    assert [ticket.person_id for ticket in own.rows(Ticket)] == [own.actor("ada").person_id]
    assert "Signing in …" in words(tab)
    assert not tab.error


def test_the_right_password_after_a_wrong_one_gets_in(own: Front) -> None:
    tab = enter(enter(own.visit(None), "bea", "not it"), "bea", PASSWORD)
    assert len(own.rows(Ticket)) == 1
    assert not tab.error


def test_the_next_run_after_a_right_password_issues_no_second_ticket(own: Front) -> None:
    enter(own.visit(None), "ada", PASSWORD).run()
    assert len(own.rows(Ticket)) == 1


def test_one_click_issues_one_ticket(own: Front) -> None:
    press(own.visit(None), "Continue as Finn - Free Trial admin")
    assert [ticket.person_id for ticket in own.rows(Ticket)] == [own.actor("finn").person_id]


def test_a_disabled_person_cannot_sign_in(own: Front) -> None:
    own.change_person("bea", disabled_at=utc_now())
    tab = enter(own.visit(None), "bea", PASSWORD)
    assert [error.value for error in tab.error] == [WRONG]
    assert "Continue as Bea - Basic admin" not in buttons(tab)


@pytest.mark.parametrize(
    ("person", "company", "plan"),
    [
        ("ada", "Northwind Labs", "Pro"),
        ("max", "Northwind Labs", "Pro"),
        ("bea", "Corner Shop", "Basic"),
        ("finn", "Tryout", "Free Trial"),
    ],
)
def test_the_frame_says_which_company_and_plan_one_is_in(demo: Front, person: str, company: str, plan: str) -> None:
    frame = "\n".join(one.value for one in demo.look(person, "Usage").sidebar.markdown)
    assert f"**{company}** :green-badge[{plan}] :gray-badge[Sample data]" in frame


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_its_own_title_for_everybody(demo: Front, person: str, page: str) -> None:
    tab = demo.look(person, page)
    assert titles(tab) == [page]
    assert not tab.exception
    assert not tab.error


def test_a_disabled_person_is_out_at_the_next_run(own: Front) -> None:
    tab = own.visit("ada", "API Keys")
    own.bench.accounts.disable("ada")
    assert titles(tab.run()) == ["Bring your own AI provider keys"]


def test_an_admin_who_becomes_a_member_loses_the_buttons_at_the_next_run(own: Front) -> None:
    tab = own.visit("ada", "API Keys")
    assert "Add Key" in buttons(tab)
    own.change_person("ada", role="member")
    assert "Add Key" not in buttons(tab.run())
    assert "ask one of them" in words(tab)


def test_a_member_who_becomes_an_admin_has_the_buttons_at_the_next_run(own: Front) -> None:
    tab = own.visit("max", "Chatbot Settings")
    assert "New chatbot" not in buttons(tab)
    own.change_person("max", role="admin")
    assert "New chatbot" in buttons(tab.run())


def test_signing_out_ends_the_session_for_other_tabs_too(own: Front) -> None:
    tab = own.visit("ada", "Usage")
    press(tab, "Sign out")
    assert titles(tab.run()) == ["Bring your own AI provider keys"]


def test_where_nobody_can_sign_in_yet_the_door_says_the_commands_that_are_still_needed(tmp_path: Path) -> None:
    add_person = "uv run byok user add alice --company acme --name 'Alice' --role admin"
    with front(tmp_path, demo=False) as opened:
        seen = words(opened.visit(None))
        assert "There is no company yet." in seen
        assert f"uv run byok company add acme --name 'Acme' --plan pro\n{add_person}" in seen
        assert "Continue as" not in seen
        opened.bench.accounts.add_company(slug="acme", name="Acme", plan="pro")
        seen = words(opened.visit(None))
        assert "Nobody can sign in yet." in seen
        assert add_person in seen
        assert "company add" not in seen
