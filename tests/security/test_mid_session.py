"""A page that was drawn while more was allowed, and messages that no page of ours would send: the services decide.

What a browser sends is forged here as a browser could: the state of a widget by its id, drawn for this person or not.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.testing.v1 import AppTest

from byok.ground.errors import NotAllowedError, NotSignedInError, ProPlanNeededError
from byok.ground.tables import Attempt, Ticket, metadata
from byok.services.access import Actor
from tests.pages.front import Front, choose, empty_house, front, titles, words
from tests.security.conftest import Tally

PAGES = ("API Keys", "Chatbot Settings", "Usage", "Team")
PICKER = "Model (for each message)"
OWN_MODEL = "gpt-5.4-mini"
# What a visit itself writes down, and what has thousands of rows that no button goes near.
NOT_LOOKED_AT = ("process_lease", "usage_day", "usage_detail")


@pytest.fixture(scope="module", autouse=True)
def _holder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with empty_house(tmp_path_factory.mktemp("holder")):
        yield


@pytest.fixture
def own(seeded_home: Path, tmp_path: Path) -> Iterator[Front]:
    home = shutil.copytree(seeded_home, tmp_path / "home")
    with front(home) as opened:
        opened.save_key(label="One", models=(OWN_MODEL,))
        opened.save_key(label="Two", models=(OWN_MODEL,))
        yield opened


def contents(own: Front) -> dict[str, list[str]]:
    with own.bench.db.read() as session:
        return {
            table.name: sorted(map(repr, session.connection().execute(sa.select(table))))
            for table in metadata.sorted_tables
            if table.name not in NOT_LOOKED_AT
        }


def clicks(tab: AppTest) -> list[tuple[str, str]]:
    """Label and id of each button of the page itself; signing out is everybody's."""
    return [(button.label, button.id) for button in tab.main.button]


def send(tab: AppTest, **states: Any) -> AppTest:
    """Runs the page as it would for these states of widgets, by id, whatever the page has drawn."""
    message = WidgetStates()
    for widget_id, value in states.items():
        state = WidgetState(id=widget_id)
        if value is True:
            state.trigger_value = True
        elif isinstance(value, str):
            state.string_value = value
        else:
            state.chat_input_value.data = value[0]
        message.widgets.append(state)
    return tab._run(message)


@pytest.mark.threat(18)
@pytest.mark.parametrize("page", PAGES)
def test_no_button_of_a_page_works_for_an_admin_who_was_made_a_member_meanwhile(
    own: Front, tally: Tally, page: str
) -> None:
    tab = own.visit("ada", page)
    drawn = clicks(tab)
    own.change_person("ada", role="member")
    before = contents(own)
    for label, button in drawn:
        send(tab, **{button: True})
        tally.tried()
        if contents(own) != before:
            tally.leaked(f"{page}: {label}")
            before = contents(own)
    assert drawn
    assert titles(tab) == [page]


@pytest.mark.threat(18)
@pytest.mark.parametrize("page", PAGES)
def test_no_button_of_an_admins_page_works_when_a_member_forges_it(own: Front, tally: Tally, page: str) -> None:
    drawn = clicks(own.visit("ada", page))
    tab = own.visit("max", page)
    before = contents(own)
    for label, button in drawn:
        send(tab, **{button: True})
        tally.tried()
        if contents(own) != before:
            tally.leaked(f"{page}: {label}")
            before = contents(own)
    assert drawn


@pytest.mark.threat(18)
def test_the_same_forgery_works_for_an_admin_so_that_it_is_one(own: Front, tally: Tally) -> None:
    tab = own.visit("ada", "Team")
    (button,) = (button for label, button in clicks(tab) if label == "Make admin")
    before = contents(own)
    send(tab, **{button: True})
    tally.tried()
    assert contents(own)["person"] != before["person"]


@pytest.mark.threat(18)
def test_an_admins_rights_end_at_the_next_call_of_an_actor_that_was_kept(own: Front, tally: Tally) -> None:
    ada, team, keys = own.actor("ada"), own.bench.team, own.bench.keys
    key = keys.list(ada)[0]
    own.change_person("ada", role="member")
    for call in (
        lambda: keys.delete(ada, key.id),
        lambda: team.set_role(ada, _id(ada), "admin"),
        lambda: team.invite(ada, username="friend", name="", role="admin"),
    ):
        tally.tried()
        with pytest.raises(NotAllowedError):
            call()
    own.bench.accounts.disable("ada")
    with pytest.raises(NotSignedInError):
        team.people(ada)


@pytest.mark.threat(18)
def test_a_member_is_told_who_manages_people_and_sees_nobody(own: Front, tally: Tally) -> None:
    tab = own.visit("max", "Team")
    tally.tried()
    assert "People are managed by the admins of your company" in words(tab)
    for seen in ("`ada`", "Invite", "Reset password"):
        if seen in "\n".join(one.value for one in tab.main.markdown) or seen in [b.label for b in tab.main.button]:
            tally.leaked(seen)


@pytest.mark.threat(19)
def test_a_question_to_an_own_model_after_a_downgrade_reaches_no_provider(own: Front, tally: Tally) -> None:
    tab = choose(own.visit("ada"), PICKER, "Your key · OpenAI")
    own.change_company("northwind-labs", plan="basic")
    sent, attempts = len(own.router.calls), len(own.rows(Attempt))
    tab.chat_input[0].set_value("Hello").run()
    tally.tried()
    if len(own.router.calls) != sent or len(own.rows(Attempt)) != attempts:
        tally.leaked("a provider was asked")
    assert not tab.exception


@pytest.mark.threat(19)
def test_a_forged_choice_of_a_model_that_the_plan_has_not_reaches_no_provider(own: Front, tally: Tally) -> None:
    (picker,) = (one for one in choose(own.visit("ada"), PICKER, "Your key · OpenAI").selectbox if one.label == PICKER)
    forged = picker.options[picker.index or 0]
    tab, company_id = own.visit("bea"), own.actor("bea").company_id
    (its,) = (one for one in tab.selectbox if one.label == PICKER)
    sent = len(own.router.calls)
    for chosen in ({its.id: forged}, {picker.id: forged}, {its.id: f"byok:openai/{OWN_MODEL}"}):
        send(tab, **chosen, **{tab.chat_input[0].id: ["Hello"]})
        tally.tried()
    if len(own.router.calls) != sent:
        tally.leaked("a provider was asked")
    mine = [one for one in own.rows(Attempt) if one.company_id == company_id and not one.sample]
    if any(one.source == "byok" for one in mine):
        tally.leaked("an own model was booked")


@pytest.mark.threat(19)
@pytest.mark.parametrize("page", ["API Keys", "Usage"])
def test_no_button_of_pro_works_after_a_downgrade(own: Front, tally: Tally, page: str) -> None:
    tab = own.visit("ada", page)
    drawn = [(label, button) for label, button in clicks(tab) if label != "Delete"]
    own.change_company("northwind-labs", plan="basic")
    before, sent = contents(own), len(own.router.calls)
    for label, button in drawn:
        send(tab, **{button: True})
        tally.tried()
        if contents(own) != before or len(own.router.calls) != sent:
            tally.leaked(f"{page}: {label}")
            before = contents(own)


@pytest.mark.threat(19)
def test_a_key_is_not_opened_for_an_actor_whose_plan_went_meanwhile(own: Front, tally: Tally) -> None:
    ada, keys = own.actor("ada"), own.bench.keys
    key, sent = keys.list(ada)[0], len(own.router.calls)
    own.change_company("northwind-labs", plan="free_trial")
    for call in (keys.test, own.bench.models.refresh, keys.make_default, keys.stored):
        tally.tried()
        with pytest.raises(ProPlanNeededError):
            call(ada, key.id)
    if len(own.router.calls) != sent:
        tally.leaked("a provider was asked")


@pytest.mark.threat(22)
def test_a_forged_click_on_the_sign_in_page_signs_nobody_in_where_the_demo_is_off(own: Front, tally: Tally) -> None:
    one_click = [(b.label, b.id) for b in own.visit(None).button if b.label.startswith("Continue as")]
    own.bench.settings = own.bench.settings.model_copy(update={"demo": False})
    tab = own.visit(None)
    for _, button in one_click:
        send(tab, **{button: True})
        tally.tried()
    if own.rows(Ticket):
        tally.leaked("a ticket was issued")


def _id(actor: Actor) -> Any:
    return actor.person_id
