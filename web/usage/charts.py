"""Small charts as plain HTML: requests and cost a day or month, stacked by source; first tokens by provider.

A chart library would make one task of 200 to 400 ms of them, longer than the whole page may take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from html import escape

from byok.core.first_tokens import within_ms
from byok.services.usage import Step
from byok.services.usage_table import UsageTable
from web import formats
from web.usage.table import at_least

Amount = tuple[int, str]
"""How high, and how it is written."""
SOURCES = ("Your keys", "Plan")
TICKS = 5
FEW, MANY = 8, 120
"""Bars that each have their name below them, and bars that stand too close for air between them."""


def html(steps: Sequence[Step], table: UsageTable, *, a: str) -> str:
    """All charts.

    Args:
        a: what a step is, `day` or `month`.
    """
    requests = [
        tuple(_whole(one) for one in (step.byok.requests, step.plan.answered + step.plan.errors)) for step in steps
    ]
    costs = [_costs(step, table.message_pico) for step in steps]
    totals = [formats.count(sum(one[place][0] for one in requests)) for place in range(len(SOURCES))]
    answers = _stacked(f"Requests a {a}", steps, requests, formats.count, legend=SOURCES, totals=totals)
    cost = ""
    if any(height for one in costs for height, _ in one):
        legend = SOURCES[: len(costs[0])]
        title = f"Estimated cost a {a}" if len(legend) > 1 else f"Estimated cost a {a}: your keys"
        own = table.total.byok
        totals = [at_least(own) + formats.exact(own.cost_pico)]
        totals += [formats.exact(sum(height for _, (height, _) in costs))] if len(legend) > 1 else []
        cost = _stacked(title, steps, costs, formats.exact, legend=legend, totals=totals)
    return f'<div class="usage-charts">{answers}{cost}{_latency(table)}</div>'


def _whole(count: int) -> Amount:
    return count, formats.count(count)


def _costs(step: Step, message_pico: int | None) -> tuple[Amount, ...]:
    """Of own keys, and of the plan where a message has a price. What is not known has no height, nor passes for 0."""
    own = step.byok.cost_pico or 0, at_least(step.byok) + formats.exact(step.byok.cost_pico)
    if message_pico is None:
        return (own,)
    plan = step.plan.answered * message_pico
    return own, (plan, formats.exact(plan))


def _stacked(
    title: str,
    steps: Sequence[Step],
    values: Sequence[Sequence[Amount]],
    write: Callable[[int], str],
    *,
    legend: Sequence[str],
    totals: Sequence[str],
) -> str:
    heights = [[height for height, _ in one] for one in values]
    top = nice_top(max((sum(one) for one in heights), default=0))
    total = " and ".join(f"{text} {name.lower()}" for text, name in zip(totals, legend, strict=True))
    marks = "".join(f'<li class="s{place}">{name}</li>' for place, name in enumerate(legend))
    bars = "".join(_bar(step, one, top, legend) for step, one in zip(steps, values, strict=True))
    axis = "".join(f"<span>{write(top * share // 2)}</span>" for share in (2, 1, 0))
    return (
        f'<figure role="img" aria-label="{escape(title)}, {steps[0].name} to {steps[-1].name}: {total}">'
        f"<figcaption>{title}<ul>{marks}</ul></figcaption>"
        f'<div class="plot"><div class="axis">{axis}</div>'
        f'<div class="bars{" many" if len(steps) > MANY else ""}" style="--steps:{len(steps)}">{bars}</div></div>'
        f'<div class="ticks{" few" if len(steps) <= FEW else ""}">{_ticks(steps)}</div></figure>'
    )


def _bar(step: Step, amounts: Sequence[Amount], top: int, legend: Sequence[str]) -> str:
    said = ", ".join(f"{name}: {text}" for name, (_, text) in zip(legend, amounts, strict=True))
    parts = "".join(
        f'<i class="s{place}" style="height:{float(Decimal(100 * height) / top):.2f}%"></i>'
        for place, (height, _) in reversed(list(enumerate(amounts)))
        if height
    )
    return f'<div title="{step.name}: {said}">{parts}</div>'


def _ticks(steps: Sequence[Step]) -> str:
    """The first, the last, and some between, without the year where all are of the same."""
    one_year = steps[0].name[:4] == steps[-1].name[:4] and len(steps[0].name) > len("2026-11")
    count = len(steps) if len(steps) <= FEW else TICKS if one_year else TICKS - 2
    places = sorted({round(number * (len(steps) - 1) / max(1, count - 1)) for number in range(count)})
    names = [steps[place].name for place in places]
    return "".join(f"<span>{f'{date.fromisoformat(name):%d %b}' if one_year else name}</span>" for name in names)


def _latency(table: UsageTable) -> str:
    rows = [(row.name, row.byok + row.plan) for row in table.rows]
    known = [(name, one.first_tokens, one.ttft_ms) for name, one in rows if one.ttft_ms is not None]
    if not known:
        return ""
    slow = {name: within_ms(counts, 0.9) or 0 for name, counts, _ in known}
    longest = max(1, *slow.values())
    lines = []
    for name, _, median in known:
        width, end = 100 * (median or 0) / longest, 100 * slow[name] / longest
        bar = (
            f'<span class="bar" aria-hidden="true"><i style="width:{width:.1f}%"></i>'
            f'<u style="left:{width:.1f}%;width:{max(0.0, end - width):.1f}%"></u></span>'
        )
        said = f"about {formats.milliseconds(median)}; nine of ten within {formats.milliseconds(slow[name])}"
        lines.append(
            f'<li title="{said}"><span>{escape(name)}</span>{bar}<span>≈ {formats.milliseconds(median)}</span></li>'
        )
    return (
        '<figure class="latency"><figcaption>First token, keys and plan: median, and nine of ten</figcaption>'
        f"<ul>{''.join(lines)}</ul></figure>"
    )


def nice_top(value: int) -> int:
    """The end of an axis that holds the value: 2, 4, 6, 8 or 10 with zeros, so that its middle is as plain."""
    ten = 1
    while 10 * ten < value:
        ten *= 10
    return next(one * ten for one in (2, 4, 6, 8, 10) if one * ten >= value)
