"""The catalogue: the shipped rows, what an operator merges over them, and how a mistake is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from byok.core.catalogue import PROVIDERS_FILE, Catalogue
from byok.ground.errors import CatalogueError, NotFoundError

SHIPPED = Catalogue.load()
ACME = '[acme]\nname = "Acme"\nbase_url = "https://api.acme.example/v1"\n'


def overlay(tmp_path: Path, text: str) -> Catalogue:
    file = tmp_path / "mine.toml"
    file.write_text(text, "utf-8")
    return Catalogue.load(PROVIDERS_FILE, file)


def test_the_eight_stand_in_the_order_of_the_documentation_and_the_built_in_one_follows() -> None:
    assert [p.name for p in SHIPPED.all()] == [
        "OpenAI",
        "Google Gemini",
        "Mistral",
        "Groq",
        "Together AI",
        "OpenRouter",
        "Anthropic (Claude)",
        "Nvidia NIM",
        "Local (llama.cpp)",
    ]


def test_every_shipped_row_says_when_it_was_checked() -> None:
    assert all(p.checked is not None for p in SHIPPED.all())


def test_only_anthropic_cannot_be_chatted_with() -> None:
    assert [p.id for p in SHIPPED.all() if not p.chat] == ["anthropic"]


def test_only_the_built_in_one_may_live_on_a_private_network() -> None:
    assert [p.id for p in SHIPPED.all() if p.private_network] == ["local"]


def test_a_key_is_bound_to_the_origin_and_for_the_built_in_one_to_its_id() -> None:
    assert SHIPPED.get("groq").binding == "https://api.groq.com"
    assert SHIPPED.get("local").binding == "local"


def test_an_operator_overrides_a_field_and_adds_a_provider(tmp_path: Path) -> None:
    catalogue = overlay(tmp_path, '[groq]\nbase_url = "https://gate.example:8443/groq/v1"\n' + ACME)
    assert catalogue.get("groq").binding == "https://gate.example:8443"
    assert catalogue.get("groq").token_field == "max_completion_tokens"
    assert [p.id for p in catalogue.all()][-2:] == ["local", "acme"]
    assert catalogue.get("acme").chat


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ('[groq]\ntoken_field = "tokens"', "token_field"),
        ('[groq]\nspeed = "high"', "speed"),
        ('[groq]\nchat_deny = "("', "chat_deny"),
        ('[groq]\nsearches = "("', "searches"),
        ('[groq]\nmodels_path = "https://elsewhere.example/models"', "models_path"),
        ('[groq]\nbase_url = "http://api.groq.com"', "https"),
        ('[groq]\nbase_url = "https://10.0.0.7/v1"', "private_network"),
        ('[groq]\nbase_url = "https://localhost/v1"', "private_network"),
        ('[groq]\nbase_url = "https://me@api.groq.com/v1"', "base_url"),
        ('[groq]\ncheck = "one_token"', "check_models"),
        ('[groq]\ncheck = "identity"', "check_path"),
        ('[groq]\nheaders = { "X-Title" = "Aimy – Workbench" }', "headers"),
        ('[groq]\nheaders = { "X Title" = "Aimy" }', "headers"),
        ('[groq]\nheaders = { "X-Title" = "a\\r\\nb" }', "headers"),
        ('[groq]\nsigns = [{ status = 401, means = "wrong" }]', "signs.0.means"),
        ('groq = "x"', "not a table"),
    ],
)
def test_a_mistake_names_file_row_and_field(tmp_path: Path, row: str, named: str) -> None:
    with pytest.raises(CatalogueError, match=r"mine\.toml: \[groq\]") as caught:
        overlay(tmp_path, row)
    assert named in str(caught.value)


def test_a_key_is_tested_at_the_path_that_its_check_needs(tmp_path: Path) -> None:
    catalogue = overlay(tmp_path, ACME + '\n[groq]\ncheck = "one_token"\ncheck_models = ["m"]')
    assert catalogue.get("acme").key_test_path == "models"
    assert catalogue.get("groq").key_test_path == "chat/completions"
    assert catalogue.get("openrouter").key_test_path == "key"


def test_a_file_that_is_no_toml_or_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="mine"):
        overlay(tmp_path, "[groq")
    with pytest.raises(CatalogueError, match="nowhere"):
        Catalogue.load(tmp_path / "nowhere.toml")


def test_an_operator_s_file_that_is_not_there_is_named_with_its_variable(tmp_path: Path) -> None:
    file = tmp_path / "nope.toml"
    with pytest.raises(CatalogueError) as caught:
        Catalogue.load(PROVIDERS_FILE, file)
    assert str(caught.value) == (
        f"BYOK_PROVIDERS: {file} cannot be read: No such file or directory. "
        "Correct BYOK_PROVIDERS, or give this process the right to read it."
    )


def test_a_private_address_is_allowed_where_the_row_says_so(tmp_path: Path) -> None:
    catalogue = overlay(tmp_path, '[acme]\nname = "A"\nbase_url = "http://10.0.0.7:8080/v1/"\nprivate_network = true')
    assert catalogue.get("acme").base_url == "http://10.0.0.7:8080/v1"


def test_an_unknown_provider_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="acme"):
        SHIPPED.get("acme")


def shaped(*parts: str) -> SecretStr:
    return SecretStr("".join(parts))


@pytest.mark.parametrize(
    ("key", "whose"),
    [
        (shaped("sk-", "proj-", "a1" * 30), "openai"),
        (shaped("sk-", "a1" * 20), "openai"),
        (shaped("sk-", "or-v1-", "a1" * 32), "openrouter"),
        (shaped("sk-", "ant-api03-", "a1" * 46), "anthropic"),
        (shaped("gsk", "_", "a1" * 26), "groq"),
        (shaped("AI", "za", "a" * 35), "gemini"),
        (shaped("AQ", ".", "a1" * 20), "gemini"),
        (shaped("tgp", "_v1_", "a" * 43), "together"),
        (shaped("a1" * 32), "together"),
        (shaped("Z9" * 16), "mistral"),
        (shaped("nv", "api-", "a1" * 32), "nvidia"),
    ],
)
def test_whose_key_it_looks_like(key: SecretStr, whose: str) -> None:
    guessed = SHIPPED.guess(key)
    assert guessed is not None
    assert guessed.id == whose


def test_of_a_provider_whose_keys_have_no_known_shape_only_anothers_prefix_tells(tmp_path: Path) -> None:
    catalogue = overlay(tmp_path, ACME)
    plain, marked = shaped("sk-", "a1" * 20), shaped("gsk", "_", "a1" * 26)
    found = {key: catalogue.mistaken_for(catalogue.get("acme"), key) for key in (plain, marked)}
    assert [one and one.id for one in found.values()] == [None, "groq"]
    mistral = catalogue.mistaken_for(catalogue.get("mistral"), plain)
    assert mistral is not None
    assert mistral.id == "openai"
    assert catalogue.mistaken_for(catalogue.get("openai"), plain) is None


@pytest.mark.parametrize("text", ["", "hello", "x" * 200])
def test_a_shape_that_tells_nothing_is_nobodys(text: str) -> None:
    assert SHIPPED.guess(SecretStr(text)) is None


def test_a_key_that_cannot_ask_models_is_named_for_what_it_is() -> None:
    warning = SHIPPED.get("openai").key_warning(shaped("sk-", "admin-", "a" * 30))
    assert warning is not None
    assert "admin key" in warning
    assert SHIPPED.get("openai").key_warning(shaped("sk-", "proj-", "a" * 30)) is None


def test_every_pattern_compiles_and_no_row_holds_a_whole_key() -> None:
    for provider in SHIPPED.all():
        assert provider.key_pattern is None or not re.fullmatch(provider.key_pattern, provider.key_format)
