"""One row of the catalogue: a provider and its habits, each habit a named value. Refuses what it does not know.

A habit's meaning lives where it is used, as one small function for each value: `core.wire` reads them all.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cached_property
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from byok.core.addresses import fault_of_host, is_plain_url

AuthName = Literal["bearer", "x-api-key", "x-goog-api-key"]
Meaning = Literal["rejected", "limited", "no_credit", "rate_limited", "refused", "down", "unsure"]


class Sign(BaseModel):
    """What one answer of a provider means. The first sign that fits wins, before the rules common to all.

    `says` is a regular expression, searched without regard to case in the error's code, type, status, reasons and
    message. `unsure` says nothing about the key. `rejected` holds in JSON alone: plain text may be a gateway's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    means: Meaning
    status: int | None = Field(default=None, ge=400, le=599)
    says: str = ""

    @field_validator("says")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return _regex(value)


class Provider(BaseModel):
    """A provider, as `data/providers.toml` describes it. Docstrings of the fields stand in that file's head."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    name: str = Field(min_length=1)
    checked: date | None = None
    note: str = ""
    protocol: Literal["openai_chat", "anthropic_messages"] = "openai_chat"
    base_url: str
    private_network: bool = False
    launch: Literal["none", "llama_cpp"] = "none"

    key_page: str | None = None
    billing_page: str | None = None
    key_format: str = ""
    key_pattern: str | None = None
    key_prefixes: tuple[str, ...] = ()
    key_refused: dict[str, str] = Field(default_factory=dict)

    auth: AuthName = "bearer"
    native_auth: AuthName | None = None
    headers: dict[str, str] = Field(default_factory=dict)

    check: Literal["list", "identity", "key_card", "one_token"] = "list"
    check_path: str = ""
    check_models: tuple[str, ...] = ()
    check_timeout: float = Field(default=15, gt=0, le=120)
    check_cost: str = "Free: it only asks for the list of models."
    not_proven: str = "Whether the account has credit."
    signs: tuple[Sign, ...] = ()

    models_path: str = "models"
    models_wrapper: Literal["data", "array", "models"] = "data"
    models_pages: Literal["none", "after_id", "page_token"] = "none"
    model_id: str = "id"
    model_name: str | None = None
    model_context: str | None = None
    model_retires: str | None = None
    model_prices: Literal["none", "per_token", "per_million"] = "none"
    searches: str | None = None
    chat_filter: Literal["all", "active", "completion_chat", "generate_content", "text_output", "type_chat"] = "all"
    chat_deny: str | None = None

    token_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105 - a field's name
    seed_field: Literal["seed", "random_seed"] = "seed"
    at_once: int = Field(default=16, ge=1, le=512)
    stream_usage: Literal["unasked", "include_usage", "include_usage_unpadded"] = "unasked"
    usage_at: Literal["usage", "x_groq"] = "usage"
    tokens_out_at: Literal["completion", "rest_of_total"] = "completion"
    cost_at: Literal["none", "usage_or_upstream"] = "none"
    reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning")
    pending: Literal["none", "nvcf"] = "none"
    first_token_timeout: float = Field(default=60, gt=0, le=600)

    genai_prices_id: str | None = None

    @property
    def chat(self) -> bool:
        """Whether it can be chatted with: it speaks the OpenAI-compatible protocol."""
        return self.protocol == "openai_chat"

    @cached_property
    def binding(self) -> str:
        """What a sealed key is bound to: the origin of the base URL, or the id where the address changes."""
        if self.launch != "none":
            return self.id
        return origin_of(self.base_url)

    def searches_by_itself(self, model: str) -> bool:
        """Whether a model looks things up unasked, for a fee each time: then its tokens' price is not all."""
        return self.searches is not None and re.search(self.searches, model, re.IGNORECASE) is not None

    def key_warning(self, key: SecretStr) -> str | None:
        """Why a key of this shape cannot work here, e.g. an admin key; None where nothing is known against it."""
        text = key.get_secret_value()
        return next((why for prefix, why in self.key_refused.items() if text.startswith(prefix)), None)

    @field_validator("base_url")
    @classmethod
    def _is_plain_url(cls, value: str) -> str:
        origin_of(value)
        if not is_plain_url(value):
            raise ValueError("must be a plain address, without a user, a query or escaped characters")
        return value.rstrip("/")

    @field_validator("check_path", "models_path")
    @classmethod
    def _stays_at_origin(cls, value: str) -> str:
        if "//" in value or "\\" in value or ":" in value or value.startswith("/"):
            raise ValueError("must be relative to the base URL, e.g. 'models' or '../models'")
        return value

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
                raise ValueError(f"{name!r} is not the name of a header")
            if not re.fullmatch(r"[ -~]*", text) or text != text.strip():
                raise ValueError(f"{name}: only printable ASCII can be sent in a header, without blanks around it")
        return value

    @field_validator("key_pattern", "searches", "chat_deny")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        return None if value is None else _regex(value)

    @field_validator("key_page", "billing_page")
    @classmethod
    def _is_web_page(cls, value: str | None) -> str | None:
        if value and not value.startswith("https://"):
            raise ValueError("must start with https://")
        return value or None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        parts = urlsplit(self.base_url)
        if parts.scheme != "https" and not self.private_network:
            raise ValueError("base_url must be https:// (private_network = true allows http://)")
        fault = fault_of_host(parts.hostname or "", private=self.private_network)
        if fault:
            raise ValueError(f"base_url {fault}")
        if self.check == "one_token" and not self.check_models:
            raise ValueError("check = 'one_token' needs check_models")
        if self.check in ("identity", "key_card") and not self.check_path:
            raise ValueError(f"check = {self.check!r} needs check_path")
        return self

    @property
    def key_test_path(self) -> str:
        """The path of a key test, relative to the base URL."""
        return self.check_path or ("chat/completions" if self.check == "one_token" else "models")


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, e.g. `https://api.openai.com`; a default port is left out.

    Raises:
        ValueError: it is no http or https address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("must be an http or https address")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if parts.port in (None, default) else f":{parts.port}")


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return value
