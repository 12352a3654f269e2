"""Usage: what providers really ask of the company, for its admins. Members see the costs, not what was agreed on."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from byok.core.prices import plain
from byok.ground.errors import ByokError
from byok.services.own_prices import LONGEST_MODEL, OwnPriceView
from byok.services.sessions import Identity
from web import formats, parts
from web.house import signed_in, workbench

TIMES, UNIT = "A multiplier on the list's prices", "Prices for a million tokens"


def draw(who: Identity) -> None:
    """The section; nothing for members, nor where the plan has no own keys."""
    if not who.is_admin:
        return
    views = workbench().own_prices.list(who.actor)
    if not views and not who.plan.byok:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader("Your prices", anchor=False, width="content")
        with st.container(horizontal=True, width="content"):
            if who.plan.byok and st.button("Set price", icon=":material/add:", key="price-new"):
                _edit(parts.opening("price"))
            if views and st.button("Remove price", icon=":material/delete:", key="price-drop"):
                _remove(parts.opening("price-drop"))
    if views:
        frame = pd.DataFrame([_cells(view) for view in views])
        right = {name: st.column_config.TextColumn(name, alignment="right") for name in frame.columns[2:5]}
        st.dataframe(
            frame,
            hide_index=True,
            height="content",
            column_config=right,
            alt="Your prices: " + "; ".join(_name(view) for view in views),
        )
    else:
        st.caption("Costs are estimated by the providers' lists. If you have agreed on other prices, set them here.")
    st.caption(
        "A price holds for answers from then on: what is counted already keeps the price that it was counted with."
    )


def _cells(view: OwnPriceView) -> dict[str, str]:
    return {
        "Provider": view.provider,
        "Model": view.model or "All models",
        "Times the list": formats.DASH if view.multiplier is None else plain(view.multiplier),
        "In, $ a million": formats.DASH if view.price_in is None else plain(view.price_in),
        "Out, $ a million": formats.DASH if view.price_out is None else plain(view.price_out),
        "Since (UTC)": f"{view.updated_at:%Y-%m-%d}",
    }


def _name(view: OwnPriceView) -> str:
    return f"{view.provider}, {view.model or 'all models'}"


@st.dialog("Your price", icon=":material/sell:")
def _edit(opening: int) -> None:
    form(opening)


def form(opening: int) -> None:
    """The fields of a price, as its dialog has them. One that stands for the same model is replaced."""
    who, bench = signed_in(), workbench()
    names = {one.id: one.name for one in bench.catalogue.all() if one.chat}
    provider_id = st.selectbox(
        "Provider", list(names), format_func=lambda one: names.get(one, str(one)), key=f"price-for-{opening}"
    )
    model = st.text_input(
        "Model",
        max_chars=LONGEST_MODEL,
        placeholder="all models of the provider",
        help="The id at the provider, as Usage shows it.",
        key=f"price-model-{opening}",
    )
    way = st.segmented_control("What you pay", [TIMES, UNIT], default=TIMES, required=True, key=f"price-way-{opening}")
    # Texts, not number fields: those would make floats of the amounts.
    if way == TIMES:
        label = "Multiplier, e.g. 0.85 for 15 % less"
        given = {"multiplier": st.text_input(label, max_chars=24, key=f"price-times-{opening}")}
    else:
        left, right = st.columns(2)
        given = {
            "price_in": left.text_input("In, US dollars", max_chars=24, key=f"price-in-{opening}"),
            "price_out": right.text_input("Out, US dollars", max_chars=24, key=f"price-out-{opening}"),
        }
    if not st.button("Save", type="primary", icon=":material/save:", key="price-save"):
        return
    try:
        bench.own_prices.set(who.actor, provider_id, model, **given)
    except ByokError as problem:
        parts.error(problem)
        return
    st.rerun()


@st.dialog("Remove a price", icon=":material/delete:")
def _remove(opening: int) -> None:
    who, bench = signed_in(), workbench()
    try:
        views = bench.own_prices.list(who.actor)
    except ByokError as problem:
        parts.error(problem)
        return
    if not views:
        st.markdown("There is none any more.")
        return
    chosen = st.selectbox("Price", views, format_func=_name, key=f"price-which-{opening}")
    st.markdown("Then the list's prices hold again, for answers from now on.")
    if st.button("Remove", type="primary", icon=":material/delete:", key="price-drop-confirmed"):
        try:
            bench.own_prices.clear(who.actor, chosen.provider_id, chosen.model)
        except ByokError as problem:
            parts.error(problem)
            return
        st.rerun()
