"""What the columns' answers to one message came to: who is fastest, cheapest, longest, the figures, a small chart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from html import escape
from uuid import UUID

import streamlit as st

from byok.services.conversation_views import AnswerView, TurnView
from byok.services.numbers import ColumnNumbers, Spread, Standing, standing, turn_numbers
from web import formats

Names = Callable[[AnswerView], str]
FIGURES: tuple[tuple[str, str, Callable[[Decimal], str]], ...] = (
    ("ttft_ms", "First token", lambda value: formats.whole_ms(int(value))),
    ("duration_ms", "Duration", lambda value: formats.whole_ms(int(value))),
    ("tokens_per_s", "Tokens/s", formats.rate),
    ("tokens_in", "Tokens in", lambda value: formats.count(int(value))),
    ("tokens_out", "Tokens out", lambda value: formats.count(int(value))),
    ("tokens_reasoning", "of these reasoning", lambda value: formats.count(int(value))),
    ("cost_pico", "Estimated cost", lambda value: formats.exact(int(value))),
)
CHARTS = (("ttft_ms", "First token"), ("tokens_per_s", "Tokens/s"))


def draw(turn: TurnView, numbers: Mapping[UUID, int], names: Names, *, newest: bool) -> None:
    """Draws it once two columns have answered and none still does; the figures and the chart can be folded away.

    Args:
        numbers: of the columns, from 1.
        newest: whether it is about the newest message, whose figures are unfolded at first.
    """
    found = turn_numbers(turn, numbers)
    if turn.running:
        st.caption("Who is fastest, cheapest and longest stands here once all have answered.")
        return
    if sum(one.answers > 0 for one in found) < 2:
        return
    called = {one.column_id: f"{numbers[one.column_id]} · {names(turn.of(one.column_id)[-1])}" for one in found}
    first = standing(found)
    st.html(_cards(first, found, called))
    with st.expander("Numbers", icon=":material/bar_chart:", expanded=newest, key=f"numbers-{turn.id}"):
        st.html(_table(found, called, race=turn.repeats > 1))
        st.html(_charts(found, called))


def _cards(first: Standing, found: Sequence[ColumnNumbers], called: Mapping[UUID, str]) -> str:
    by_id = {one.column_id: one for one in found}
    shown = (
        ("First token", first.soonest, "ttft_ms"),
        ("Fastest", first.fastest, "tokens_per_s"),
        ("Cheapest", first.cheapest, "cost_pico"),
        ("Longest", first.longest, "tokens_out"),
    )
    units = {"tokens_per_s": " tokens/s", "tokens_out": " tokens"}
    written = {name: write for name, _, write in FIGURES}
    items = []
    for title, columns, figure in shown:
        if not columns:
            items.append(f"<li><b>{title}</b> <span>{formats.DASH}</span></li>")
            continue
        value = by_id[columns[0]].median(figure)
        figures = written[figure](value) + units.get(figure, "") if value is not None else formats.DASH
        who = " and ".join(escape(called[one]) for one in columns)
        items.append(f"<li><b>{title}</b> <span>{who}</span> <em>{figures}</em></li>")
    return f'<ul class="standing" aria-label="Who comes first">{"".join(items)}</ul>'


def _table(found: Sequence[ColumnNumbers], called: Mapping[UUID, str], *, race: bool) -> str:
    head = "".join(f'<th scope="col">{title}</th>' for _, title, _ in FIGURES)
    rows = []
    for one in found:
        cells = "".join(f"<td>{_cell(one.spreads.get(name), write, race=race)}</td>" for name, _, write in FIGURES)
        of = f" <small>{one.answers} of {one.asked}</small>" if race else ""
        rows.append(f'<tr><th scope="row">{escape(called[one.column_id])}{of}</th>{cells}</tr>')
    note = "<caption>Median, with least and most below it.</caption>" if race else ""
    return (
        f'<div class="figures" tabindex="0" role="region" aria-label="Numbers"><table>{note}<thead><tr>'
        f'<th scope="col">Column</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _cell(found: Spread | None, write: Callable[[Decimal], str], *, race: bool) -> str:
    if found is None:
        return formats.DASH
    if not race or found.count < 2:
        return write(found.median)
    return f"{write(found.median)}<br><small>{write(found.least)} to {write(found.most)}</small>"


def _charts(found: Sequence[ColumnNumbers], called: Mapping[UUID, str]) -> str:
    """Bars as plain HTML: a chart library would cost more than all eight answers."""
    return f'<div class="charts">{"".join(_chart(name, title, found, called) for name, title in CHARTS)}</div>'


def _chart(figure: str, title: str, found: Sequence[ColumnNumbers], called: Mapping[UUID, str]) -> str:
    known = [(called[one.column_id], one.spreads[figure]) for one in found if figure in one.spreads]
    if not known:
        return ""
    longest = max(spread.most for _, spread in known) or Decimal(1)
    write = next(write for name, _, write in FIGURES if name == figure)
    rows = []
    for name, spread in known:
        width, begin, end = (float(100 * value / longest) for value in (spread.median, spread.least, spread.most))
        whisker = f'<u style="left:{begin:.1f}%;width:{end - begin:.1f}%"></u>' if spread.count > 1 else ""
        bar = f'<span class="bar" aria-hidden="true"><i style="width:{width:.1f}%"></i>{whisker}</span>'
        rows.append(f"<li><span>{escape(name)}</span>{bar}<span>{write(spread.median)}</span></li>")
    return f"<figure><figcaption>{title}</figcaption><ul>{''.join(rows)}</ul></figure>"
