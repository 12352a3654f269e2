"""The provider with set speeds: what a test of eight columns relies on."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.paced import Paced, paced

QUESTION = [{"role": "user", "content": "one two three"}]


@pytest.fixture(scope="module")
def provider() -> Iterator[Paced]:
    with paced("pace-7-7") as running:
        yield running


def asked(provider: Paced, model: str, **more: Any) -> Iterator[dict[str, Any]]:
    """The chunks of a streamed answer, as they come."""
    body = {"model": model, "messages": QUESTION, "stream": True, **more}
    url = f"{provider.base_url}/chat/completions"
    with httpx.Client(trust_env=False, timeout=20) as client, client.stream("POST", url, json=body) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            if line and line != "data: [DONE]":
                yield json.loads(line.removeprefix("data: "))


def text_of(chunks: Iterator[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])


def test_it_lists_the_models_and_those_that_were_named(provider: Paced) -> None:
    listed = httpx.get(f"{provider.base_url}/models", trust_env=False).json()["data"]
    names = [one["id"] for one in listed]
    assert {"pace-100-4000", "plain-100-400", "refuse-401", "hang", "drop-50", "markdown", "slow-first-3"} < {*names}
    assert names[-1] == "pace-7-7"


def test_each_token_holds_the_moment_it_was_written_and_none_comes_before_its_time(provider: Paced) -> None:
    before = time.time() * 1000
    text = text_of(asked(provider, "pace-200-100"))
    after = time.time() * 1000
    moments = [int(one) for one in re.findall(r"\bt(\d{13})\b", text)]
    assert len(moments) == 100
    assert sorted({*moments}) == moments
    assert before - 1 <= moments[0]
    assert moments[-1] <= after + 1
    seen = provider.seen()[-1]
    assert text.startswith(f"a{seen.id} t")
    assert [len(one.split()) for one in text.split("\n\n")] == [41, 40, 20]  # the first one holds the mark too
    assert all(moment >= seen.began * 1000 + 5 * n - 2 for n, moment in enumerate(moments))


def test_a_late_token_makes_no_later_one_late(provider: Paced) -> None:
    text = text_of(asked(provider, "pace-500-400"))
    moments = [int(one) for one in re.findall(r"\bt(\d{13})\b", text)]
    late = [moment - moments[0] - 2 * n for n, moment in enumerate(moments)]
    # Four hundred delays of a fraction of a millisecond would add up; on a busy machine some token still is in time.
    assert min(late[-200:]) <= 10


def test_prose_is_prose_and_is_cut_where_the_question_says(provider: Paced) -> None:
    chunks = list(asked(provider, "plain-1000-60", max_tokens=50))
    assert text_of(iter(chunks)).startswith("The harbour was quiet that morning, and")
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert provider.seen()[-1].tokens == 50


def test_usage_comes_in_a_last_chunk_when_it_was_asked_for(provider: Paced) -> None:
    *_, last = asked(provider, "plain-1000-20", stream_options={"include_usage": True})
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 3, "completion_tokens": 20, "total_tokens": 23}
    assert all("usage" not in chunk for chunk in asked(provider, "plain-1000-20"))


def test_a_question_that_wants_no_stream_is_answered_in_one_piece(provider: Paced) -> None:
    body = {"model": "plain-1000-3", "messages": QUESTION}
    answer = httpx.post(f"{provider.base_url}/chat/completions", json=body, trust_env=False).json()
    assert answer["choices"][0]["message"]["content"] == "The harbour was"
    assert answer["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize(("model", "status", "code"), [("refuse-401", 401, "invalid_api_key"), ("nothing", 404, None)])
def test_a_refusal_has_the_shape_of_openai(provider: Paced, model: str, status: int, code: str | None) -> None:
    body = {"model": model, "messages": QUESTION, "stream": True}
    answer = httpx.post(f"{provider.base_url}/chat/completions", json=body, trust_env=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_client_that_leaves_is_noticed_also_where_nothing_is_ever_answered(provider: Paced) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{provider.base_url}/chat/completions",
            json={"model": "hang", "messages": QUESTION, "stream": True},
            timeout=httpx.Timeout(5, read=0.2),
            trust_env=False,
        )
    seen = provider.seen_when(lambda all_seen: all_seen[-1].aborted)[-1]
    assert seen.body == {"model": "hang", "messages": QUESTION, "stream": True}
    assert (seen.ended, seen.tokens, seen.open) == (None, 0, False)


def test_a_client_that_leaves_in_the_middle_is_noticed_before_the_next_token(provider: Paced) -> None:
    chunks = asked(provider, "pace-0.1-3")
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    seen = provider.seen_when(lambda all_seen: all_seen[-1].aborted, timeout=5)[-1]
    assert seen.tokens == 1


def test_a_whole_answer_is_no_abort(provider: Paced) -> None:
    text_of(asked(provider, "plain-1000-5"))
    seen = provider.seen_when(lambda all_seen: not all_seen[-1].open)[-1]
    assert seen.ended is not None
    assert seen.aborted is None


def test_fifty_tokens_arrive_before_the_connection_is_reset(provider: Paced) -> None:
    chunks = asked(provider, "drop-50")
    heard: list[str] = []
    with pytest.raises(httpx.ReadError):
        heard.extend(chunk["choices"][0]["delta"]["content"] for chunk in chunks)
    assert len(heard) == 50


def test_the_first_token_can_be_held_back(provider: Paced) -> None:
    chunks = asked(provider, "slow-first-0.3")
    next(chunks)
    assert time.time() >= provider.seen()[-1].began + 0.29
    chunks.close()  # type: ignore[attr-defined]


def test_the_markdown_has_all_that_is_hard_to_draw(provider: Paced) -> None:
    text = text_of(asked(provider, "markdown"))
    for piece in ("# A report", "|:------|", "```python\n", "1. Ask", "   - not", "$a^2 + b^2", "![a cat](", "[a page"):
        assert piece in text
    assert text.endswith("b=2).\n")
