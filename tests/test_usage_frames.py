"""Usage as data frames: the figures of the page, exact costs, nothing unknown taken for 0, and the docs' own cell."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from byok.frames import ATTEMPTS, FIGURES, read_usage
from byok.ground.db import Database
from byok.ground.errors import InvalidInputError, NotFoundError
from byok.ground.settings import Settings
from byok.process import Workbench
from tests.services.usage_world import UsageWorld

PAGE = Path(__file__).parents[1] / "docs" / "notebook.md"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A workbench with the demo's sample months."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BYOK_HOME", str(home))
        patch.setenv("BYOK_DEMO", "1")
        bench = Workbench.open(Settings.load(), what="command")
    yield bench
    bench.close()


@pytest.fixture
def month(demo: Workbench) -> str:
    """The last whole month."""
    company = demo.accounts.company("northwind-labs")
    return demo.usage.months(company.operator)[1]


@pytest.fixture
def world(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UsageWorld:
    """A ledger to fill, which the settings name."""
    monkeypatch.setenv("BYOK_HOME", str(tmp_path))
    return UsageWorld(db)


def by_source(world: UsageWorld) -> dict[str, dict[Any, Any]]:
    """The figures of each source of the one provider, which its one day must have as well."""
    world.add_up()
    frames = read_usage("acme", month="2026-11")
    found, of_day = (one.set_index("source")[[*FIGURES][1:]] for one in (frames.providers, frames.days))
    assert found.equals(of_day)
    return {str(source): row.to_dict() for source, row in found.iterrows()}


def kinds(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(kind) for name, kind in frame.dtypes.items()}


def test_the_frames_have_the_figures_of_the_page(demo: Workbench, month: str) -> None:
    frames = read_usage("northwind-labs", month=month, workbench=demo)
    total = demo.usage.month(demo.accounts.company("northwind-labs").operator, month).total
    for found in (frames.providers, frames.days):
        own, plan = (found[found["source"] == source] for source in ("byok", "plan"))
        assert own["requests"].sum() == total.byok.requests
        assert own["cost_pico"].sum() == total.byok.cost_pico
        assert plan["answered"].sum() == total.plan.answered
        assert found["tokens_out"].sum() == (total.byok.tokens_out or 0) + (total.plan.tokens_out or 0)
    assert len(frames.attempts) == total.byok.attempts + total.plan.attempts
    assert frames.attempts["cost_pico"].sum() == total.byok.cost_pico


def test_columns_and_kinds_are_the_same_in_an_empty_month(demo: Workbench, month: str) -> None:
    full, empty = (read_usage("northwind-labs", month=one, workbench=demo) for one in (month, "2020-01"))
    assert len(empty.attempts) == len(empty.days) == 0
    for name in ("providers", "days", "attempts"):
        assert kinds(getattr(full, name)) == kinds(getattr(empty, name))
    assert kinds(full.attempts) == ATTEMPTS
    assert set(FIGURES) <= set(full.providers.columns)


def test_what_is_not_known_is_missing_and_not_0(demo: Workbench, month: str) -> None:
    attempts = read_usage("northwind-labs", month=month, workbench=demo).attempts
    failed = attempts[attempts["status"] == "error"]
    assert len(failed) > 0
    assert failed["tokens_out"].isna().all()
    assert failed["cost_pico"].isna().all()


def test_a_cost_that_lacks_a_call_cut_off_before_any_text_is_flagged(world: UsageWorld) -> None:
    world.add()
    assert by_source(world)["byok"]["cost_at_least"] is False
    unknown: dict[str, Any] = dict.fromkeys(("tokens_in", "tokens_out", "cost_pico", "ttft_ms"))
    world.add(status="interrupted", answered=False, **unknown)
    found = by_source(world)["byok"]
    figures = ("cost_pico", "cost_at_least", "unpriced", "unanswered")
    assert [found[name] for name in figures] == [10**9, True, 0, 1]


def test_no_message_of_the_plan_is_unpriced(world: UsageWorld) -> None:
    world.plan(count=2)
    world.add(cost_pico=None)
    found = by_source(world)
    assert (found["plan"]["unpriced"], found["byok"]["unpriced"]) == (0, 1)


@pytest.mark.parametrize("column", ["tokens_cached", "tokens_reasoning"])
def test_counts_that_no_provider_told_are_missing_in_the_attempts_and_0_nowhere(world: UsageWorld, column: str) -> None:
    world.add(count=2)
    world.add_up()
    frames = read_usage("acme", month="2026-11")
    assert frames.attempts[column].isna().all()
    assert column not in {*FIGURES, *frames.providers.columns, *frames.days.columns}


@pytest.mark.parametrize("booked", [None, 10**9])
def test_the_plans_messages_have_no_cost_that_could_be_more(world: UsageWorld, booked: int | None) -> None:
    world.plan(cost_pico=booked)
    found = by_source(world)["plan"]
    assert pd.isna(found["cost_pico"])
    assert pd.isna(found["cost_usd"])
    assert found["cost_at_least"] is False


def test_days_can_be_asked_for_instead_of_a_month(demo: Workbench, month: str) -> None:
    first = date.fromisoformat(f"{month}-10")
    frames = read_usage("northwind-labs", first=first, last=first.replace(day=12), workbench=demo)
    assert set(frames.days["day"]) <= {f"{month}-10", f"{month}-11", f"{month}-12"}


def test_days_can_be_written_as_text(demo: Workbench, month: str) -> None:
    texts = {"first": f"{month}-10", "last": f"{month}-12"}
    dates = {name: date.fromisoformat(text) for name, text in texts.items()}
    found, same = (read_usage("northwind-labs", workbench=demo, **when) for when in (texts, dates))
    assert len(found.days) > 0
    assert found.days.equals(same.days)


@pytest.mark.parametrize("name", ["first", "last"])
@pytest.mark.parametrize("text", ["2026-10-32", "yesterday", "", "2026-10-01T00:00"])
def test_text_that_is_no_day_is_refused_with_how_to_write_one(demo: Workbench, name: str, text: str) -> None:
    when = {"first": "2026-10-01", "last": "2026-10-31"} | {name: text}
    with pytest.raises(InvalidInputError, match=r"is not a day\. Write it as 2026-11-01\.$") as caught:
        read_usage("northwind-labs", workbench=demo, **when)
    assert caught.value.field == name


def test_what_is_no_time_or_no_company_is_refused(demo: Workbench) -> None:
    with pytest.raises(ValueError, match="give a month"):
        read_usage("northwind-labs", workbench=demo)
    for month in ("2026-13", "0001-01"):
        with pytest.raises(InvalidInputError):
            read_usage("northwind-labs", month=month, workbench=demo)
    with pytest.raises(NotFoundError):
        read_usage("nobody", month="2026-01", workbench=demo)


def test_the_cell_of_the_notebook_page_runs_on_the_demo(
    demo: Workbench, month: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (cell,) = (cell for cell in cells if "read_usage" in cell)
    monkeypatch.setenv("BYOK_HOME", str(demo.settings.home))
    names: dict[str, Any] = {}
    exec(cell.replace("2026-10", month), names)  # noqa: S102 - the page's own cell
    by_provider = names["by_provider"]
    total = demo.usage.month(demo.accounts.company("northwind-labs").operator, month).total
    assert by_provider["cost_pico"].sum() == total.byok.cost_pico
    assert names["slowest"]["duration_ms"].is_monotonic_decreasing
