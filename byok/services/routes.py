"""Who pays for a message, and how is that model called? Answers for one model at a time, from the database.

Refuses before any key is opened: the wrong plan, a model or key that is gone, a key that must be entered again.
Another key than the one meant is never used instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import SecretStr

from byok.core.catalogue import Catalogue, Provider
from byok.core.local_model import LocalModel
from byok.core.model_names import ModelName
from byok.core.plans import Plans
from byok.core.vault import AUTH_HEADERS, Vault
from byok.ground.errors import (
    ByokError,
    InvalidInputError,
    KeyUnreadableError,
    ModelGoneError,
    NotFoundError,
    ProPlanNeededError,
)
from byok.ground.settings import Settings
from byok.services.access import Grant, Reads, connection_of
from byok.services.key_use import KeyUse, SavedKey, saved_keys

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Route:
    """How to call a model. `auth` writes the key into the request's header; nothing here holds it in the clear.

    `key_id`, `key_label` and `key_hint` are those of the company's key, and None for a standard model.
    """

    name: ModelName
    provider: Provider
    auth: httpx.Auth = field(repr=False)
    key_id: UUID | None
    key_label: str | None
    key_hint: str | None
    locate: Callable[[], str] = field(repr=False)

    @property
    def base_url(self) -> str:
        """Where to send it. Starts the built-in model's server, and so may block for half a second.

        Raises:
            LocalModelError: the built-in model did not start.
        """
        return self.locate()


class Routes:
    """Finds the route of a model for a company that was just admitted."""

    def __init__(
        self, *, catalogue: Catalogue, plans: Plans, vault: Vault, local: LocalModel, settings: Settings
    ) -> None:
        self._catalogue, self._plans, self._settings = catalogue, plans, settings
        self._vault, self._local = vault, local
        self._use = KeyUse(catalogue=catalogue, vault=vault, local=local)

    def find(self, session: Reads, grant: Grant, name: ModelName, *, key_id: UUID | None = None) -> Route:
        """The route of that model.

        Args:
            key_id: pins one of the company's keys; without it `byok:` means the default key.

        Raises:
            ProPlanNeededError: an own key, on a plan without BYOK.
            ModelGoneError: the plan, the catalogue or the company's keys do not bring this model (any more).
            KeyUnreadableError: the key needs to be entered again.
            InvalidInputError: a key is pinned to a standard model.
        """
        provider, key = self._judge(session, grant, name, key_id)
        if key is not None:
            auth = self._use.auth(key)
        else:
            header, prefix = AUTH_HEADERS[provider.auth]
            auth = self._vault.platform_auth(self._platform_key(provider), header=header, prefix=prefix)
        return Route(
            name=name,
            provider=provider,
            auth=auth,
            key_id=key.id if key else None,
            key_label=key.label if key else None,
            key_hint=key.hint if key else None,
            locate=lambda: self._use.base_url(provider),
        )

    def reason_gone(
        self, session: Reads, grant: Grant, name: ModelName, *, key_id: UUID | None = None
    ) -> ByokError | None:
        """Why `find` would refuse the model, or None where it would not."""
        try:
            self._judge(session, grant, name, key_id)
        except ByokError as error:
            return error
        return None

    def _judge(
        self, session: Reads, grant: Grant, name: ModelName, key_id: UUID | None
    ) -> tuple[Provider, SavedKey | None]:
        try:
            provider = self._catalogue.get(name.provider_id)
        except NotFoundError:
            raise ModelGoneError(f"There is no provider {name.provider_id!r} any more.") from None
        if not provider.chat:
            raise ModelGoneError(f"Models of {provider.name} cannot be chatted with here.")
        if name.source == "byok":
            return provider, self._own_key(session, grant, provider, key_id)
        if key_id is not None:
            raise InvalidInputError(
                "A standard model uses no key of yours, so none can be pinned to it.", field="model"
            )
        self._check_standard(grant, provider, name)
        return provider, None

    def _check_standard(self, grant: Grant, provider: Provider, name: ModelName) -> None:
        wanted = f"{name.provider_id}/{name.model}"
        if wanted not in grant.plan.models:
            others = ", ".join(plan.name for plan in self._plans.all() if wanted in plan.models)
            raise ModelGoneError(
                f"{name.model} is not among the standard models of the {grant.plan.name} plan.",
                next_step=f"It is part of: {others}. Choose another model." if others else "",
            )
        if provider.launch == "none":
            if self._settings.platform_key(provider.id) is None:
                raise ModelGoneError(f"The platform has no key for {provider.name}, so {name.model} is not offered.")
        elif not self._local.installed:
            raise ModelGoneError(self._local.missing)

    def _own_key(self, session: Reads, grant: Grant, provider: Provider, key_id: UUID | None) -> SavedKey:
        if not grant.plan.byok:
            raise ProPlanNeededError(f"Own keys are not part of the {grant.plan.name} plan.")
        keys = saved_keys(connection_of(session), company_id=grant.company.id, provider_id=provider.id)
        if key_id is not None:
            key = next((key for key in keys if key.id == key_id), None)
            if key is None:
                raise ModelGoneError(f"The {provider.name} key that this model was chosen with has been deleted.")
        else:
            key = next((key for key in keys if key.is_default), None)
            if key is None and keys:
                raise ModelGoneError(
                    f"None of your {provider.name} keys is the default one.",
                    next_step="An admin can make one the default in API Keys; or name one (--key), or another model.",
                )
            if key is None:
                raise ModelGoneError(f"There is no {provider.name} key any more.")
        if not self._use.opens(key):
            raise KeyUnreadableError(
                f"The {provider.name} key “{key.label}” cannot be read any more.",
                next_step="An admin must enter it again in API Keys.",
            )
        if provider.launch != "none" and not self._local.installed:
            raise ModelGoneError(self._local.missing)
        return key

    def _platform_key(self, provider: Provider) -> SecretStr:
        key = self._local.key if provider.launch != "none" else self._settings.platform_key(provider.id)
        if key is None:
            raise ModelGoneError(f"The platform has no key for {provider.name}.")
        return key
