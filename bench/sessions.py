"""How many sessions one process holds: two columns at 50 tokens/s each, the workbench beside a plain page of Streamlit.

    uv run --group bench python bench/sessions.py            # about a quarter of an hour
    uv run --group bench python bench/sessions.py 4 40       # these numbers of sessions only; nothing is kept

Both pages are served by `streamlit run` with the same settings and ask the same provider, which holds its first tokens
back until all sessions are open, then streams 600 tokens to each column. A step is held if no session is lost and the
p95 of the lag, from the wire's token to the client's text, is at most 500 ms. Server CPU is of all that the server
does from the first token until each page stands finished: for the workbench that includes its checkpoints, the
receipts and the drawing of the finished answers. What opening a session costs is told apart. The clients and the
provider share the machine's cores with the server, alike for both; what they took is told too.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pydantic import SecretStr

from byok.process import Workbench
from byok.services.access import Actor
from byok.services.accounts import Accounts
from byok.services.sessions import Sessions
from client_processes import Read, Wanted, begin, opened, read
from paced_server import PACE, PacedServer, paced_server
from report import Report
from served_page import ServedPage, served_page
from web.house import COOKIE
from web.server import HEAD_START
from workplace import overlay, settings

STEPS = (4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 36, 40, 50, 60, 70, 80, 100, 120)
TOKENS = 600  # a column
COLUMNS = 2
MOST_MS = 500.0
LEAST_SESSIONS, MOST_CPU = 2.0, 0.5
SHARE = 4  # sessions of one company, well below what one company may ask at once
PATIENCE = 30.0  # seconds beyond the stream's own time, after which a session is lost
OURS, PLAIN = "workbench", "plain page"

Page = tuple[ServedPage, list[str] | list[None]]
"""The server, and the cookies of its sessions."""


@dataclass
class Step:
    """One number of sessions on one page.

    Attributes:
        p50, p95: milliseconds of lag; infinite without a token.
        cpu: the server's seconds for 1,000 tokens.
        opening: the server's seconds of CPU for one session.
        server, clients: cores that they kept busy.
        late: milliseconds that the provider wrote later than meant, 95th percentile.
        lost: in words, by how many.
    """

    p50: float
    p95: float
    cpu: float
    opening: float
    server: float
    clients: float
    late: float
    lost: str

    @property
    def held(self) -> bool:
        """Whether the page holds so many."""
        return not self.lost and self.p95 <= MOST_MS


def _people(bench: Workbench, sessions: int) -> Iterator[str]:
    """Companies with a person and a saved key each; a signed-in session's cookie at a time."""
    clock = bench.clock
    # The cheapest hash: nobody here signs in by a password.
    accounts = Accounts(db=bench.db, plans=bench.plans, vault=bench.vault, clock=clock, cost=4)
    signed_in = Sessions(db=bench.db, plans=bench.plans, chains=bench.chains, clock=clock)
    for n in range(math.ceil(sessions / SHARE)):
        slug = f"bench-{n}"
        accounts.add_company(slug=slug, name=f"Bench {n}", plan="pro")
        password = SecretStr("bench-" + "password")
        person = accounts.add_person(company=slug, username=f"ben{n}", name="Ben", role="admin", password=password)
        actor = Actor(accounts.company(slug).operator.company_id, person.id)
        draft = bench.keys.draft(actor, provider_id="bench", pasted=SecretStr("a-made-up-" + "key"))
        assert bench.keys.test_draft(actor, draft.id).verdict == "accepted"
        bench.keys.save_draft(actor, draft.id, label="Bench")
        for _ in range(SHARE):
            session = signed_in.redeem(signed_in.issue_ticket(person.id))
            assert session is not None
            yield f"{COOKIE}={session.token}"


@contextmanager
def workbench_page(provider: PacedServer, sessions: int) -> Iterator[Page]:
    """The app as it is, with a home of its own."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        bench = Workbench.open(settings(home, provider.base_url))
        try:
            cookies = list(_people(bench, sessions))[:sessions]
        finally:
            bench.close()
        file = overlay(home, provider.base_url)
        with file.open("a", encoding="utf-8") as rows:
            rows.write("first_token_timeout = 600\n")  # the provider waits until all sessions are open
        environment = {"BYOK_HOME": folder, "BYOK_DEMO": "0", "BYOK_PROVIDERS": str(file)}
        with served_page("workbench_app.py", home / "server.log", **environment) as page:
            yield page, cookies


@contextmanager
def plain_page(provider: PacedServer, sessions: int) -> Iterator[Page]:
    """The plain page."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"OPENAI_BASE_URL": provider.base_url, "OPENAI_API_KEY": "a made-up key"}
        with served_page("plain_page.py", Path(folder) / "server.log", **environment) as page:
            yield page, [None] * sessions


PAGES: dict[str, Callable[[PacedServer, int], AbstractContextManager[Page]]] = {
    PLAIN: plain_page,
    OURS: workbench_page,
}


def stream(provider: PacedServer, server: ServedPage, cookies: list[str] | list[None], *, tokens: int) -> Step:
    """Opens the sessions, streams to all at once, and reads to the end."""
    before = server.cpu()
    wanted = Wanted(server.url, provider.epoch, cookies, COLUMNS * tokens, tokens / PACE + PATIENCE)
    with opened(wanted) as clients:
        asked, until = 0, time.monotonic() + 60
        while asked < COLUMNS * len(cookies):
            asked = provider.held()
            assert time.monotonic() < until, f"the provider was asked for {asked} answers"
            time.sleep(0.1)
        server.until_idle()
        began, at_first = server.cpu(), time.monotonic()
        begin(clients)
        provider.go(tokens)
        found = read(clients)
        spent, took = server.cpu() - began, time.monotonic() - at_first
        late = provider.late()
    return _step(found, sessions=len(cookies), opening=began - before, spent=spent, took=took, late=late)


def _step(found: Read, *, sessions: int, opening: float, spent: float, took: float, late: float) -> Step:
    lags = found.lags if len(found.lags) > 1 else [math.inf, math.inf]
    return Step(
        p50=statistics.median(lags),
        p95=sorted(lags)[math.ceil(0.95 * len(lags)) - 1],
        cpu=spent / max(1, len(found.lags)) * 1000,
        opening=opening / sessions,
        server=spent / took,
        clients=found.cpu / took,
        late=late,
        lost=", ".join(f"{number} {why}" for why, number in found.lost.items()),
    )


def measure(name: str, sessions: int) -> Step:
    """One step, with a provider, a server and clients of its own; one session before it warms the server up."""
    with paced_server() as provider, PAGES[name](provider, sessions + 1) as (server, cookies):
        stream(provider, server, cookies[:1], tokens=25)
        time.sleep(HEAD_START)
        server.until_idle()
        return stream(provider, server, cookies[1:], tokens=TOKENS)


def climb(report: Report, steps: tuple[int, ...]) -> dict[str, dict[int, Step]]:
    """Both pages in turns, each until a step is not held twice."""
    columns = f"{'p50 ms':>9}{'p95 ms':>9}{'CPU s/1k':>10}{'opening s':>11}{'server':>8}{'clients':>9}{'wire ms':>9}"
    report.add(f"{'page':<12}{'sessions':>9}{columns}  lost")
    found: dict[str, dict[int, Step]] = {name: {} for name in PAGES}
    for sessions in steps:
        for name, before in found.items():
            if before and not all(step.held for step in before.values()):
                continue
            for _ in range(2):
                step = before[sessions] = measure(name, sessions)
                lag = f"{step.p50:>9.0f}{step.p95:>9.0f}{step.cpu:>10.3f}{step.opening:>11.3f}"
                cores = f"{step.server:>8.2f}{step.clients:>9.2f}{step.late:>9.1f}"
                report.add(f"{name:<12}{sessions:>9}{lag}{cores}  {step.lost}")
                if step.held:
                    break
    return found


def most_held(steps: dict[int, Step]) -> int:
    """The largest number of sessions that was held; 0 where none was."""
    return max((sessions for sessions, step in steps.items() if step.held), default=0)


def main(chosen: tuple[int, ...]) -> int:
    """Prints, and keeps the whole run; 1 where a bar is missed."""
    title = f"Sessions with {COLUMNS} columns at {PACE} tokens/s in one process, {TOKENS} tokens a column"
    report = Report("sessions", title)
    report.add(f"streamlit {version('streamlit')}, openai {version('openai')}, SQLite")
    report.add("The clients and the provider run on the same cores as the server, alike for both pages.")
    report.add("CPU s/1k: the server's seconds for 1,000 tokens; opening s: its seconds to open one session.")
    report.add("server, clients: cores they kept busy; wire ms: p95 of the provider's own lateness.")
    report.add("A step that is not held is tried once more.\n")
    found = climb(report, chosen or STEPS)
    held = {name: most_held(steps) for name, steps in found.items()}
    report.add()
    for name, sessions in held.items():
        more = " or more" if sessions == max(found[name]) else ""
        report.add(f"{name}: {sessions}{more} sessions with a p95 lag of at most {MOST_MS:.0f} ms")
    both = min(held.values())
    if both:
        plain, ours = (found[name][both].cpu for name in (PLAIN, OURS))
        part, spent = held[PLAIN] / held[OURS], ours / plain
        report.bar("sessions, the plain page's to ours", measured=part, most=1 / LEAST_SESSIONS, unit="x")
        report.bar(f"server CPU at {both} sessions, ours to the plain's", measured=spent, most=MOST_CPU, unit="x")
    else:
        report.add("MISSED  there is no step that both held")
        report.met = False
    if chosen:
        return 0 if report.met else 1
    return report.keep()


if __name__ == "__main__":
    sys.exit(main(tuple(map(int, sys.argv[1:]))))
