"""The end of the Usage page: what the period's tokens would come to at other models, and on the plan."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from html import escape

import streamlit as st

from byok.services.elsewhere import Basket, Comparison
from byok.services.sessions import Identity
from byok.services.usage_table import UsageTable, many
from web import formats
from web.house import workbench

CHOSEN, KEPT = "elsewhere", "elsewhere-kept"
MOST = 20
"""Models side by side."""


def draw(who: Identity, table: UsageTable) -> None:
    """Draws the choice of models and the comparison with what the table says."""
    service = workbench().elsewhere
    models = service.models()
    # Until somebody chooses, each period suggests its own. Streamlit forgets a choice that is not on the screen.
    kept = st.session_state.get(KEPT)
    wanted = service.suggested(who.actor, table.period) if kept is None else [one for one in kept if one in models]
    st.session_state[CHOSEN] = wanted[:MOST]
    st.subheader("The same tokens elsewhere", anchor=False)
    chosen = st.multiselect(
        "Models to compare with",
        list(models),
        format_func=lambda one: f"{models[one].provider} · {models[one].model}",
        key=CHOSEN,
        on_change=_keep,
        max_selections=MOST,
        placeholder="Type a model's name",
    )
    found = service.compare(who.actor, table.total, chosen)
    st.html(html(found))
    st.caption("  \n".join(notes(found)))


def _keep() -> None:
    st.session_state[KEPT] = list(st.session_state[CHOSEN])


def html(found: Comparison) -> str:
    """The comparison as a table. A side without any answer has no columns."""
    own, plan = found.own.answers > 0, found.plan.answers > 0
    groups = [("Your keys", found.own)] * own + [("Plan", found.plan)] * plan
    heads = "".join(
        f'<th scope="colgroup" colspan="2">{name}<br><small>{_size(basket)}</small></th>' for name, basket in groups
    )
    costs = '<th scope="col">Est. cost</th><th scope="col">Difference</th>' * len(groups)
    lines = [
        _line("What it really cost", "", _real(found.own, own), _real(found.plan, plan)),
        _line(
            f"On the {found.plan_name} plan",
            "",
            _pair(found.own, found.on_plan_pico, about="", missing=0) if own else None,
            _real(found.plan, plan),
        ),
    ]
    for line in found.lines:
        cells = [
            _pair(basket, pico, about="≈ ", missing=basket.uncounted) if there else None
            for basket, pico, there in ((found.own, line.own_pico, own), (found.plan, line.plan_pico, plan))
        ]
        lines.append(_line(line.model.model, line.model.provider, *cells))
    return (
        '<div class="figures elsewhere" tabindex="0" role="region" aria-label="The same tokens elsewhere"><table>'
        f'<thead><tr><th scope="col" rowspan="2">Model</th>{heads}</tr><tr>{costs}</tr></thead>'
        f"<tbody>{''.join(lines[:2])}</tbody><tbody>{''.join(lines[2:])}</tbody></table></div>"
    )


def notes(found: Comparison) -> Iterable[str]:
    """What a reader of the comparison should know, each in a sentence."""
    yield (
        f"About, by the list prices of {found.day} (UTC, {found.prices}): a request of the period's average size is "
        "priced, cached tokens in full. The cheapest first."
    )
    if found.message_pico is None:
        yield "The operator has set no price a message, so what it would cost on the plan is not known."
    else:
        yield f"On the plan: {formats.exact(found.message_pico)} a message."
    uncounted = found.own.uncounted + found.plan.uncounted
    if uncounted:
        yield f"{many(uncounted, 'call')} without token counts left out: the estimates are at least those shown (≥)."
    if found.own.unpriced:
        so = "what it really cost is at least that" if found.own.real_pico is not None else "what it cost is not known"
        yield f"{many(found.own.unpriced, 'call')} unpriced: {so}."
    elif found.own.at_least:
        yield "Calls that ended before any text may have been charged: what it really cost is at least that."


def _size(basket: Basket) -> str:
    return (
        f"{many(basket.answers, 'answer')} · {formats.count(basket.tokens_in)} in, "
        f"{formats.count(basket.tokens_out)} out"
    )


def _real(basket: Basket, there: bool) -> tuple[str, str] | None:
    more = "≥ " if basket.at_least and basket.real_pico is not None else ""
    return (more + formats.dollars(basket.real_pico), "") if there else None


def _pair(basket: Basket, pico: int | None, *, about: str, missing: int) -> tuple[str, str]:
    if pico is None:
        return formats.DASH, formats.DASH
    return f"{'≥ ' if missing else about}{formats.dollars(pico)}", percent(basket.compared(pico, missing=missing))


def percent(found: tuple[str, Decimal] | None) -> str:
    """`+140 %`, `−4.2 %`, `≤ −30 %`; a dash where nothing can be compared."""
    if found is None:
        return formats.DASH
    side, value = found
    written = f"{value:+,.0f}" if abs(value) >= 10 else f"{value:+.1f}"
    return f"{'' if side == '=' else f'{side} '}{written.replace('-', '−')} %"


def _line(name: str, aside: str, *pairs: tuple[str, str] | None) -> str:
    small = f" <small>{escape(aside)}</small>" if aside else ""
    cells = "".join(f"<td>{cost}</td><td>{difference}</td>" for cost, difference in filter(None, pairs))
    return f'<tr><th scope="row">{escape(name)}{small}</th>{cells}</tr>'
