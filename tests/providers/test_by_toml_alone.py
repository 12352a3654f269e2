"""Two providers that the product has never heard of, brought in by a file: keys, models, chat and usage, no Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from byok.core.model_names import ModelName
from byok.ground.settings import Settings
from byok.process import Workbench
from byok.services.access import Actor
from tests.providers.answers import Answer, Request, chunk, said, tokens
from tests.providers.behaviour import MODEL, TEXT, Behaviour
from tests.providers.server import ProviderServer, serving
from tests.providers.world import made_up_key

TOML = """
[acme]
name = "Acme AI"
base_url = "{acme}"
private_network = true
auth = "x-api-key"
headers = {{ "acme-version" = "7" }}
models_wrapper = "array"
model_name = "title"
model_prices = "per_million"
chat_filter = "type_chat"
token_field = "max_completion_tokens"
stream_usage = "include_usage"

[beta]
name = "Beta Cloud"
base_url = "{beta}"
private_network = true
check = "one_token"
check_path = "chat/completions"
check_models = ["b-tiny", "m-large"]
check_cost = "Asks for one token."
models_path = "catalogue/models"
chat_deny = "(embed|voice)"
usage_at = "x_groq"
reasoning_fields = ["thoughts"]
signs = [{{ status = 418, says = "who are you", means = "rejected" }}]
"""


class Acme(Behaviour):
    """A bare array, a header of its own, prices in the list."""

    id = "acme"
    fields = frozenset({"model", "messages", "stream", "stream_options", "max_completion_tokens"})

    def door(self, request: Request) -> Answer | None:
        good = request.headers.get("x-api-key") == self.key and request.headers.get("acme-version") == "7"
        return None if good else self.wrong_key(request)

    def models(self, _request: Request) -> Answer:
        price = {"input": 2, "output": 4}
        named = {MODEL: ("Acme Large", "chat"), "acme-draws": ("Acme Draws", "image")}
        return said(200, [{"id": i, "title": t, "type": k, "pricing": price} for i, (t, k) in named.items()])


class Beta(Behaviour):
    """No free check, an odd sign for a wrong key, a public list elsewhere, usage and thoughts in odd places."""

    id = "beta"
    base = "/api"
    fields = frozenset({"model", "messages", "stream", "max_tokens"})

    def wrong_key(self, _request: Request) -> Answer:
        return said(418, {"detail": "Who are you?"})

    def route(self, request: Request) -> Answer:
        if request.path == f"{self.base}/catalogue/models":
            return said(200, {"data": [{"id": MODEL}, {"id": "b-embed"}, {"id": "b-voice"}]})
        if request.body.get("model") == "b-tiny":
            return self.error(404, "No such model.")
        return super().route(request)

    def chunks(self) -> tuple[object, ...]:
        thought = chunk()
        thought["choices"][0]["delta"] = {"thoughts": "Hm."}
        return (thought, *(chunk(one) for one in TEXT), chunk(finish="stop", x_groq={"usage": tokens(5, 6)}))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Workbench, Actor, dict[str, ProviderServer]]]:
    with serving(Acme(made_up_key())) as acme, serving(Beta(made_up_key())) as beta:
        file = tmp_path / "more.toml"
        file.write_text(TOML.format(acme=acme.base_url, beta=beta.base_url), "utf-8")
        bench = Workbench.open(Settings(home=tmp_path / "home", demo=False, providers=file))
        try:
            bench.accounts.add_company(slug="acme", name="Acme", plan="pro")
            person = bench.accounts.add_person(
                company="acme", username="ada", name="Ada", role="admin", password=SecretStr(made_up_key())
            )
            company_id = bench.accounts.company("acme").operator.company_id
            yield bench, Actor(company_id, person.id), {"acme": acme, "beta": beta}
        finally:
            bench.close()


@pytest.mark.parametrize(
    ("provider_id", "counted", "reasoning", "models"),
    [("acme", (9, 12), "", [("Acme Large", "2", "4")]), ("beta", (5, 6), "Hm.", [(MODEL, "None", "None")])],
)
def test_a_key_is_tested_saved_and_chatted_with(
    world: tuple[Workbench, Actor, dict[str, ProviderServer]],
    provider_id: str,
    counted: tuple[int, int],
    reasoning: str,
    models: list[Any],
) -> None:
    bench, ada, servers = world
    draft = bench.keys.draft(ada, provider_id=provider_id, pasted=SecretStr(made_up_key()))
    assert bench.keys.test_draft(ada, draft.id).verdict == "rejected"

    key = servers[provider_id].behaviour.key
    draft = bench.keys.draft(ada, provider_id=provider_id, pasted=SecretStr(key))
    assert bench.keys.test_draft(ada, draft.id).verdict == "accepted"
    bench.keys.save_draft(ada, draft.id, label="Main")
    own = [choice for choice in bench.models.menu(ada).choices if choice.source == "byok"]
    assert [(one.label, str(one.price_in), str(one.price_out)) for one in own] == models

    name = ModelName("byok", provider_id, MODEL)
    asked = bench.conversations.ask(ada, text="Hello", model=name)
    live = bench.runner.live(asked.answer_ids[0])
    assert live is None or live.wait_end(timeout=20)
    answer = bench.conversations.answer(ada, asked.answer_ids[0])
    assert (answer.text, answer.reasoning, answer.state) == ("".join(TEXT), reasoning, "complete")
    cost = {"acme": (9 * 2 + 12 * 4) * 10**6, "beta": None}[provider_id]  # pico-dollars, by the prices in its list
    assert answer.receipt is not None
    assert answer.receipt.cost_pico == cost
    (row,) = bench.usage.month(ada).rows
    assert (row.byok.answered, row.byok.tokens_in, row.byok.tokens_out) == (1, *counted)
