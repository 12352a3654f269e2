"""How the paced provider answers, told by the model's id alone. Knows no sockets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Literal

LISTED = (
    "pace-100-4000",
    "pace-100-400",
    "pace-50-1000",
    "pace-20-200",
    "plain-100-400",
    "slow-first-3",
    "markdown",
    "hostile",
    "refuse-401",
    "refuse-429",
    "hang",
    "drop-50",
)
PARAGRAPH = 40  # tokens
USUAL_RATE = 50.0  # tokens a second, where the id does not say
USUAL_COUNT = 40  # tokens, where the id does not say
STEADY = re.compile(r"(pace|plain)-(\d+(?:\.\d+)?)-(\d+)")
OTHER = re.compile(r"(refuse|drop|slow-first)-(\d+(?:\.\d+)?)")

PROSE = (
    "The harbour was quiet that morning, and the keeper had time to read. A gull sat on the rail and watched him. "
    "He put the kettle on, wrote the hour into his book, and counted the boats that had come home. "
)
MARKDOWN = """# A report in one page

It has **bold** words, *slanted* ones, `code` and a formula: $a^2 + b^2 = c^2$.

## What was measured

| Model | First token | Tokens/s |
|:------|------------:|---------:|
| small |      120 ms |       95 |
| large |      480 ms |       31 |

### How

```python
def hypotenuse(a: float, b: float) -> float:
    # Nothing <b>bold</b> happens here.
    return (a**2 + b**2) ** 0.5
```

1. Ask the question.
2. Wait for the answer:
   - not too long,
   - not too short.
3. Write it down.

> Measure twice, cut once.

![a cat](https://images.example/cat.png) and [a page to read](https://pages.example/read?a=1&b=2).
"""
# What ran would leave its mark in `ran`; what was fetched would be another origin's. Half a table ends it.
HOSTILE = """Good day. <img src="x" onerror="globalThis.ran = 1"> <script>globalThis.ran = 2</script> <b>not bold</b>

<iframe src="https://frames.example/"></iframe>

<style>* {{ display: none }}</style>

![a cat](https://images.example/cat.png "a title") ![](//images.example/no-scheme.png)
![dot](data:image/gif;base64,R0lG)

[one](javascript:globalThis.ran=3) <javascript:globalThis.ran=4> [two][it] [three](https://pages.example/three)
[four](&#106;avascript:globalThis.ran=5) [five](data:text/html,hello) [six](https://a.example"onmouseover="ran=6)

[it]: javascript:globalThis.ran=7

{wide}

```html
<img src="https://images.example/in-code.png" onerror="globalThis.ran = 8"> first_line
{lines}
last_line
```

| half | a table |
|:-----|--------:|
| one | 1 |
| two""".format(
    wide="\n".join("|" + "|".join(cell * 40) + "|" for cell in (["name"], ["---"], *[["cell"]] * 30)),
    lines="\n".join(f"line number {number} of it" for number in range(25)),
)
TEXTS = {"markdown": MARKDOWN, "hostile": HOSTILE}
ERRORS = {
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    429: ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
}


@dataclass(frozen=True)
class Plan:
    """What one answer will be.

    Attributes:
        words: the tokens; None where each is the moment at which it is written.
        count: how many tokens.
        rate: tokens a second.
        first_after: seconds before the first token.
        refuse: the HTTP status to refuse with instead.
        end: `stop` is a proper end, `reset` breaks the connection off, `never` answers nothing at all.
    """

    words: tuple[str, ...] | None = None
    count: int = 0
    rate: float = USUAL_RATE
    first_after: float = 0.0
    refuse: int | None = None
    end: Literal["stop", "reset", "never"] = "stop"


def plan(model: str) -> Plan | None:
    """The plan that an id names; None for one that names none.

    `pace-RATE-COUNT` (moments), `plain-RATE-COUNT` (prose), `slow-first-SECONDS`, `refuse-STATUS`, `drop-COUNT`,
    `markdown`, `hostile`, `hang`; any numbers will do, listed or not.
    """
    if steady := STEADY.fullmatch(model):
        kind, rate, count = steady[1], float(steady[2]), int(steady[3])
        words = None if kind == "pace" else _prose(count)
        return Plan(words=words, count=count, rate=rate) if rate else None
    if other := OTHER.fullmatch(model):
        return _other(other[1], float(other[2]))
    if model in TEXTS:
        words = tuple(re.findall(r"\s*\S+|\s+$", TEXTS[model]))
        return Plan(words=words, count=len(words))
    return Plan(end="never") if model == "hang" else None


def _other(kind: str, number: float) -> Plan:
    if kind == "refuse":
        return Plan(refuse=int(number))
    if kind == "drop":
        return Plan(words=_prose(int(number)), count=int(number), rate=2 * USUAL_RATE, end="reset")
    return Plan(words=_prose(USUAL_COUNT), count=USUAL_COUNT, first_after=number)


def break_before(index: int) -> str:
    """What stands before the token at this place: a new paragraph now and then, as in prose."""
    if index == 0:
        return ""
    return "\n\n" if index % PARAGRAPH == 0 else " "


def error(status: int) -> dict[str, object]:
    """A refusal in OpenAI's shape."""
    message, kind, code = ERRORS.get(status, ("The request was refused.", "invalid_request_error", None))
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _prose(count: int) -> tuple[str, ...]:
    return tuple(break_before(i) + word for i, word in enumerate(islice(cycle(PROSE.split()), count)))
