"""Audit log: an admin reads who did what in the company, filters it, takes it away, and checks that it is whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import cast
from uuid import UUID

import streamlit as st

from byok.ground.clock import day_of
from byok.services.audit import MOST, PAGE, Choices, Named, Verified
from byok.services.audit_rows import Wanted, Who
from byok.services.sessions import Identity
from web import audit_table, formats, parts
from web.house import signed_in, while_signed_in, workbench

ALL_TIME, CUSTOM = "All time", "From … to …"
LAST = {"Today": 1, **{f"Last {count} days": count for count in (7, 30, 90)}}
OTHERS = {"everyone": "Everyone", "operator": "The operator", "nobody": "Not signed in"}
"""Whom entries are of besides the company's people, and what they are called here."""
EVERYTHING = "Everything"
AT_ONCE = 500
"""So many entries are checked whenever the page is drawn; more when somebody asks for it."""
BEFORE, CHOSEN, VERIFIED = "audit-before", "audit-chosen", "audit-verified"


def page() -> None:
    """Draws the page for who is signed in."""
    who = signed_in()
    st.title("Audit log", anchor=False)
    if not who.is_admin:
        st.info(
            "The audit log is read by the admins of your company: ask one of them who did what.",
            icon=":material/admin_panel_settings:",
        )
        return
    st.caption("Who signed in, and who did what to keys, people, plans and limits. No messages, no keys.")
    count = workbench().audit.count(who.actor)
    _state(who, count)
    if not count:
        parts.steps(
            "Nothing is recorded yet",
            ["Add a key, or sign out and in again", "Come back: each is an entry here, with time and address"],
            icon=":material/history:",
        )
        return
    _entries(who, _filters(workbench().audit.choices(who.actor)))


def _state(who: Identity, count: int) -> None:
    """Whether the record is whole, and a button that reads it from end to end."""
    with st.container(horizontal=True, vertical_alignment="center", key="audit-state"):
        place = st.container(width="content")
        if st.button("Check now", icon=":material/fact_check:") or count <= AT_ONCE:
            st.session_state[VERIFIED] = (who.actor.company_id, workbench().audit.verify(who.actor))
    company_id, found = st.session_state.get(VERIFIED, (None, None))
    with place:
        _say(found if company_id == who.actor.company_id else None, count)
    if found is not None and company_id == who.actor.company_id:
        _faults(found)


def _say(found: Verified | None, count: int) -> None:
    if found is None:
        st.badge(f"{formats.count(count)} entries, not checked yet", color="gray", icon=":material/help:")
    elif found.whole:
        many = "entry" if found.entries == 1 else "entries"
        st.badge(
            f"Verified: {formats.count(found.entries)} {many}, unbroken",
            color="green",
            icon=":material/verified:",
            help=f"Read from end to end at {found.at:%Y-%m-%d %H:%M:%S} UTC.",
        )
    else:
        st.badge("Not as it was written", color="red", icon=":material/gpp_bad:")


def _faults(found: Verified) -> None:
    faults = list(found.faults)
    if not found.operator_whole:
        faults.append("The operator's own record, which notes the beginning of this one, is not as it was written.")
    if faults:
        lines = " ".join(parts.plain(one) for one in faults)
        st.error(f"{lines} Tell the operator: `byok audit verify` says more.", icon=":material/gpp_bad:")


def _filters(choices: Choices) -> Wanted:
    names = OTHERS | _told_apart(choices.people)
    actions = {words: action for action, words in choices.actions}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first, last = _days(day_of(workbench().clock()))
        everyone, *others = OTHERS
        options = [everyone, *(person.id for person in choices.people), *others]
        chosen = st.selectbox("Who", options, format_func=names.__getitem__, key="audit-who", width=180)
        action = st.selectbox("What", [EVERYTHING, *actions], key="audit-what", width=250)
    who = None if chosen == everyone else cast("Who", chosen)
    return Wanted(first, last, who, actions.get(action))


def _told_apart(people: Sequence[Named]) -> dict[UUID | str, str]:
    """What each person is called: his name, with the username where somebody or something else has it too.

    Two options with the same words would be one to the browser, and people choose their names.
    """
    whole = {person.id: f"{person.name} ({person.username})" for person in people}
    taken = Counter(words.casefold() for words in (*OTHERS, *OTHERS.values(), *whole.values()))
    taken.update(person.name.casefold() for person in people)
    return {one.id: whole[one.id] if taken[one.name.casefold()] > 1 else one.name for one in people}


def _days(today: date) -> tuple[date | None, date | None]:
    wanted = st.selectbox("Days (UTC)", [ALL_TIME, *LAST, CUSTOM], key="audit-days", width=150)
    if wanted in LAST:
        return today - timedelta(days=LAST[wanted] - 1), today
    if wanted != CUSTOM:
        return None, None
    days = st.date_input(
        "From, to (UTC)", (today.replace(day=1), today), key="audit-span", format="YYYY-MM-DD", width=240
    )
    span = cast("tuple[date, ...]", days)
    return (span[0], span[-1]) if span else (None, None)


def _entries(who: Identity, wanted: Wanted) -> None:
    """One page of entries, and the ways to the others."""
    if st.session_state.get(CHOSEN) != wanted:
        st.session_state[CHOSEN], st.session_state[BEFORE] = wanted, []
    before: list[int] = st.session_state[BEFORE]
    found = workbench().audit.list(who.actor, wanted, before=before[-1] if before else None)
    if found.rows:
        st.html(audit_table.html(found.rows))
    else:
        st.markdown("There is no such entry. Choose other days, another person, or everything.")
    with st.container(horizontal=True):
        if before and st.button("Newer", icon=":material/chevron_left:"):
            st.session_state[BEFORE] = before[:-1]
            st.rerun()
        if found.more and st.button("Older", icon=":material/chevron_right:"):
            st.session_state[BEFORE] = [*before, found.rows[-1].seq]
            st.rerun()
        if found.rows:
            st.download_button(
                "Download CSV",
                while_signed_in(lambda: workbench().audit.csv(who.actor, wanted)),
                file_name=f"audit-{who.company_slug}-{day_of(workbench().clock())}.csv",
                mime="text/csv",
                help=f"All entries that are chosen, the newest {formats.count(MOST)} at most.",
                icon=":material/download:",
                on_click="ignore",
            )
    if found.more or before:
        st.caption(f"{PAGE} entries a page, the newest first.")


page()
