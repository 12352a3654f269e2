"""A workbench for the benchmarks: a home of its own, a provider that is the local server, and one saved key."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from byok.core.model_names import ModelName
from byok.ground.settings import Settings
from byok.process import Workbench
from byok.services.access import Actor
from local_server import MODEL

COMPANY = "bench"
NAME = ModelName("byok", "bench", MODEL)


def overlay(home: Path, base_url: str) -> Path:
    """The catalogue file that adds the provider."""
    file = home / "providers.toml"
    file.write_text(
        f'[bench]\nname = "Bench"\nbase_url = "{base_url}"\nprivate_network = true\ngenai_prices_id = "openai"\n'
        'stream_usage = "include_usage"\n',
        "utf-8",
    )
    return file


def settings(home: Path, base_url: str) -> Settings:
    """Settings with an empty database, no demo, and the provider."""
    return Settings(home=home, providers=overlay(home, base_url), demo=False)


def furnish(bench: Workbench) -> Actor:
    """A Pro company with one admin, who has tested and saved a key."""
    bench.accounts.add_company(slug=COMPANY, name="Bench", plan="pro")
    person = bench.accounts.add_person(
        company=COMPANY, username="ben", name="Ben", role="admin", password=SecretStr("bench-" + "password")
    )
    actor = Actor(bench.accounts.company(COMPANY).operator.company_id, person.id)
    draft = bench.keys.draft(actor, provider_id="bench", pasted=SecretStr("a-made-up-" + "key"))
    assert bench.keys.test_draft(actor, draft.id).verdict == "accepted"
    bench.keys.save_draft(actor, draft.id, label="Bench")
    return actor
