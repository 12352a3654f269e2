"""What a page measures of itself, on pages whose lag is known."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.e2e import lag
from tests.e2e.lag import Lags

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PAGE = "data:text/html,<main></main>"
# A page with an answer in a shadow root, and a way to add paragraphs of tokens written `ago` ms ago.
HELPERS = """
window.make = (shadow) => {
  const host = document.createElement("div");
  const root = shadow ? host.attachShadow({ mode: "open" }) : host;
  root.innerHTML = '<div class="' + (shadow ? "live" : "answer") + '"></div>';
  document.querySelector("main").append(host);
  return root.firstChild;
};
window.say = (answer, mark, tokens) => {
  const block = document.createElement("div");
  block.innerHTML = "<p>" + (mark ? mark + " " : "") + tokens.map((one) => "t" + one).join(" ") + "</p>\\n";
  answer.append(block);
};
window.frames2 = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
"""


@pytest.fixture
def measured(page: Page) -> Page:
    lag.install(page)
    page.goto(PAGE)
    page.evaluate(HELPERS)
    return page


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    assert Lags.of([*range(1, 101)]) == Lags(tokens=100, p50=50, p95=95, most=100)
    assert Lags.of([7]) == Lags(tokens=1, p50=7, p95=7, most=7)
    assert Lags.of([]) == Lags(tokens=0, p50=None, p95=None, most=None)


def test_a_token_counts_once_with_the_time_since_it_was_written(measured: Page) -> None:
    measured.evaluate(
        """async () => {
          window.a = make(true);
          const now = Date.now();
          say(a, "a3", [now - 1000, now - 900]);
          await frames2();
          say(a, "", [now - 800]);
          await frames2();
        }"""
    )
    reading = lag.read(measured)
    assert {mark: one.tokens for mark, one in reading.columns.items()} == {"a3": 3}
    assert reading.all.most is not None
    assert 1000 <= reading.all.most < 5000
    assert reading.all.p50 is not None
    assert 800 <= reading.all.p50 <= reading.all.most
    assert reading.frames >= 2


def test_a_block_that_is_drawn_anew_with_more_in_it_adds_only_what_is_new(measured: Page) -> None:
    measured.evaluate(
        """async () => {
          const answer = make(true), now = Date.now();
          for (let count = 1; count <= 5; count++) {
            answer.replaceChildren();
            say(answer, "a1", [5, 4, 3, 2, 1].slice(0, count).map((one) => now - one));
            await frames2();
          }
        }"""
    )
    assert lag.read(measured).all.tokens == 5


def test_a_finished_answer_is_the_same_column_as_the_running_one_was(measured: Page) -> None:
    measured.evaluate(
        """async () => {
          const now = Date.now(), running = make(true);
          say(running, "a1", [now - 9, now - 8]);
          await frames2();
          running.getRootNode().host.remove();
          say(make(false), "a1", [now - 9, now - 8, now - 7]);
          await frames2();
        }"""
    )
    assert {mark: one.tokens for mark, one in lag.read(measured).columns.items()} == {"a1": 3}


def test_columns_are_kept_apart_and_other_texts_are_none(measured: Page) -> None:
    measured.evaluate(
        """async () => {
          const now = Date.now();
          say(make(true), "a1", [now - 2]);
          say(make(true), "a2", [now - 2, now - 1]);
          say(make(true), "", [now - 2]);
          make(true).innerHTML = "<p>The harbour was quiet.</p>";
          await frames2();
        }"""
    )
    assert {mark: one.tokens for mark, one in lag.read(measured).columns.items()} == {"a1": 1, "a2": 2}


def test_after_a_new_beginning_only_later_tokens_count(measured: Page) -> None:
    measured.evaluate("() => { window.a = make(true); say(a, 'a1', [Date.now() - 60000]); return frames2(); }")
    lag.begin(measured)
    measured.evaluate("() => { say(a, '', [Date.now()]); return frames2(); }")
    reading = lag.read(measured)
    assert reading.all.tokens == 1
    assert reading.all.most is not None
    assert reading.all.most < 60000


def test_a_page_that_is_already_open_can_be_measured_too(page: Page) -> None:
    page.goto(PAGE)
    page.evaluate(HELPERS)
    page.evaluate("window.a = make(true), null")
    lag.install(page)
    page.evaluate("() => { say(a, 'a1', [Date.now()]); return frames2(); }")
    assert lag.read(page).all.tokens == 1


def test_a_long_task_is_found_and_one_from_before_is_not(measured: Page) -> None:
    work = "(ms) => { const end = performance.now() + ms; while (performance.now() < end); }"
    measured.evaluate(work, 400)
    lag.begin(measured)
    # A task of its own: what the debugger runs itself is none of the page's.
    measured.evaluate(f"() => new Promise((done) => setTimeout(() => {{ ({work})(120); setTimeout(done, 0); }}, 0))")
    measured.wait_for_function("__lag.read().tasks.length > 0")
    longest = lag.read(measured).longest_task
    assert 115 <= longest < 400
