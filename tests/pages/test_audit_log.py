"""Audit log: what an admin reads of what was done, and that a member reads whom to ask."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from byok.core.audit import EVENTS, HEADS, Happening
from byok.services.audit import PAGE
from tests.pages.front import Front, buttons, choose, press, words

EACH = {"By Ada", "By Max", "By the operator", "By nobody"}


def rows(front: Front, count: int, *, action: str = "key.tested") -> None:
    """So many entries of Northwind's, by Ada."""
    entries(front, *(("ada", "Ada", f"Team {number}.") for number in range(1, count + 1)), action=action)


def one_of_each(front: Front) -> None:
    """An entry by Ada, by Max, by the operator and by nobody who was signed in."""
    people = [("ada", "Ada", "By Ada"), ("max", "Max", "By Max")]
    entries(front, *people, (None, "operator", "By the operator"), (None, "", "By nobody"))


def entries(front: Front, *whats: tuple[str | None, str, str], action: str = "key.tested") -> None:
    """Entries of Northwind's: by which username, under which name, about what."""
    company_id = front.actor("ada").company_id
    ids = {by: front.actor(by).person_id if by else None for by, _, _ in whats}
    with front.bench.db.write_core() as connection:
        for by, name, subject in whats:
            what = Happening(action, company_id, ids[by], name, subject=subject)
            front.bench.chains.add(connection, what, at=front.bench.clock())


def offered(tab: AppTest) -> list[str]:
    """Whom the entries can be narrowed to."""
    (picker,) = (one for one in tab.selectbox if one.label == "Who")
    return picker.options


def of(tab: AppTest, option: str) -> set[str]:
    """Of what `one_of_each` wrote, what is listed when that option is chosen."""
    (picker,) = (one for one in tab.selectbox if one.label == "Who")
    return listed(picker.select_index(picker.options.index(option)).run())


def listed(tab: AppTest) -> set[str]:
    return {subject for subject in EACH if f"<td>{subject}" in words(tab)}


def test_an_empty_record_says_what_will_stand_there(own: Front) -> None:
    tab = own.visit("bea", "Audit log")
    with own.bench.db.write_core() as connection:
        connection.execute(sa.delete(EVENTS))
        connection.execute(sa.delete(HEADS))
    seen = words(tab.run())
    assert "Nothing is recorded yet" in seen
    assert "Verified: 0 entries, unbroken" in seen


def test_a_member_reads_whom_to_ask(demo: Front) -> None:
    tab = demo.look("max", "Audit log")
    assert "read by the admins of your company" in words(tab)
    assert buttons(tab) == ["Change password", "Sign out"]


def test_what_was_done_to_a_key_stands_with_its_label_and_fingerprint(own: Front) -> None:
    key = own.save_key(models=("gpt-5.4-mini",))
    stored = own.bench.keys.stored(own.actor("ada"), key.id)
    own.bench.keys.delete(own.actor("ada"), key.id)
    seen = words(own.visit("ada", "Audit log"))
    assert "Verified: " in seen
    assert "entries, unbroken" in seen
    assert seen.index("<td>Key deleted") < seen.index("<td>Key added")
    assert f"<td>Product team<br><small>Fingerprint {stored.fingerprint[:16]}</small></td>" in seen
    assert "<td>OpenAI, accepted</td>" in seen


def test_what_others_named_is_shown_as_text(own: Front) -> None:
    own.save_key(label="<img src=x>")
    seen = words(own.visit("ada", "Audit log"))
    assert "&lt;img src=x&gt;" in seen
    assert "<img" not in seen


def test_older_entries_are_a_page_away_and_newer_ones_back(own: Front) -> None:
    rows(own, PAGE + 5)
    tab = own.visit("ada", "Audit log")
    assert f"Team {PAGE + 5}." in words(tab)
    assert "Team 5." not in words(tab).replace(f"Team {PAGE + 5}.", "")
    tab = press(tab, "Older")
    assert "<td>Team 5.</td>" in words(tab)
    assert f"<td>Team {PAGE + 5}.</td>" not in words(tab)
    assert f"<td>Team {PAGE + 5}.</td>" in words(press(tab, "Newer"))


def test_entries_are_chosen_by_person_and_by_what_was_done(own: Front) -> None:
    rows(own, 1)
    rows(own, 1, action="budget.set")
    own.bench.budgets.set(own.actor("ada"), "openai", "5")
    tab = own.visit("ada", "Audit log")
    assert "<td>Key tested<br>" in words(tab)
    tab = choose(tab, "What", "Budget set")
    assert "<td>Key tested<br>" not in words(tab)
    assert "$5.00 a month" in words(tab)
    tab = choose(tab, "Who", "Max")
    assert "There is no such entry." in words(tab)


@pytest.mark.parametrize("name", ["Everyone", "everyone", "The operator", "operator", "Not signed in"])
def test_a_person_with_the_name_of_a_choice_takes_nothing_from_it(own: Front, name: str) -> None:
    one_of_each(own)
    own.change_person("max", name=name)
    tab = own.visit("ada", "Audit log")
    assert offered(tab) == ["Everyone", "Ada", f"{name} (max)", "The operator", "Not signed in"]
    assert listed(tab) == EACH
    assert of(tab, f"{name} (max)") == {"By Max"}
    assert of(tab, "The operator") == {"By the operator"}
    assert of(tab, "Not signed in") == {"By nobody"}
    assert of(tab, "Everyone") == EACH


def test_people_of_the_same_name_are_told_apart_by_their_usernames(own: Front) -> None:
    one_of_each(own)
    own.change_person("max", name="Ada")
    tab = own.visit("ada", "Audit log")
    assert offered(tab) == ["Everyone", "Ada (ada)", "Ada (max)", "The operator", "Not signed in"]
    assert of(tab, "Ada (max)") == {"By Max"}
    assert of(tab, "Ada (ada)") == {"By Ada"}


def test_a_name_that_ends_as_if_it_were_told_apart_opens_its_own_entries(own: Front) -> None:
    one_of_each(own)
    own.bench.team.invite(own.actor("ada"), username="second", name="Ada", role="member")
    own.change_person("max", name="Ada (ada)")
    tab = own.visit("ada", "Audit log")
    assert len(set(offered(tab))) == len(offered(tab)) == 6
    assert of(tab, "Ada (ada) (max)") == {"By Max"}
    assert of(tab, "Ada (ada)") == {"By Ada"}


def test_a_changed_entry_is_named_at_once(own: Front) -> None:
    rows(own, 3)
    with own.bench.db.write_core() as connection:
        mine = EVENTS.c.chain_id == own.actor("ada").company_id
        connection.execute(sa.update(EVENTS).where(mine, EVENTS.c.subject == "Team 2.").values(subject="Team 9."))
        seq = connection.execute(sa.select(EVENTS.c.seq).where(mine, EVENTS.c.subject == "Team 9.")).scalar_one()
    seen = words(own.visit("ada", "Audit log"))
    assert "Not as it was written" in seen
    assert f"Entry {seq} was changed." in seen
    assert "unbroken" not in seen


def test_a_long_record_is_checked_when_somebody_asks_for_it(own: Front) -> None:
    rows(own, 501)
    tab = own.visit("ada", "Audit log")
    assert "entries, not checked yet" in words(tab)
    assert "entries, unbroken" in words(press(tab, "Check now"))


def test_all_that_is_chosen_can_be_taken_away(own: Front) -> None:
    rows(own, 1)
    assert "Download CSV" in words(own.visit("ada", "Audit log"))
