"""Every error that the product raises on purpose, as one tree. Each says what happened and what to do next.

ByokError
├── SettingsError            the operator's configuration; the process refuses to start
│   └── CatalogueError       a data file: the message names the file, the row and the field
├── InvalidInputError        what a person typed; nothing was changed
├── NotFoundError            no such thing, or not this company's: the two are never told apart
├── NotSignedInError         no session, or one that has ended
├── TooManyTriesError        too many tries at a password or from an address; for a while
├── NotAllowedError          the person's role does not allow it
├── PlanError                the company's plan does not allow it
│   ├── ProPlanNeededError   bringing own keys needs the Pro plan
│   └── PlanUsedUpError      this month's messages are used up; own keys go on working
├── BudgetReachedError       the company's own budget for its keys does not allow this call
├── ModelGoneError           the model, or the key that opened it, is not there any more
├── KeyUnreadableError       a sealed key that does not open, whatever the reason; it must be entered again
├── NotSentError             a question that waited, and that nothing could be asked with when its turn came
├── RecordSpoiltError        an entry of the audit log holds what the product never writes, and cannot be shown
├── LocalModelError          the built-in model is not installed or did not start
└── ProviderError            the provider said no, or nothing; carries status, request id, Retry-After
    ├── KeyRejectedError     the provider's definite sign that the key is wrong
    ├── KeyLimitedError      the key lives, but may not do this
    ├── NoCreditError        the account has no credit or reached a spending limit
    ├── RateLimitedError     asked too often
    ├── RefusedRequestError  the provider refuses this request (model, field, content, length)
    ├── UnreachableError     no answer in time, or a connection that broke off: it may have been working all the same
    │   └── NoConnectionError  nobody answered the call, so nothing was sent
    │       └── PrivateAddressError  nobody was called: the address is private, and the catalogue does not allow that
    ├── ProviderDownError    5xx, a gateway's page, overloaded
    └── BadAnswerError       an answer that cannot be read

No message carries a key: the wire scrubs a provider's words before they get here.
"""

from __future__ import annotations


class ByokError(Exception):
    """Base of the tree. `str(error)` is one or two plain sentences for the person; `next_step` says what to do.

    Args:
        message: what happened, without markup and without any secret.
        next_step: what the person can do now; empty where the message already says it.
    """

    default_next_step = ""

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step or self.default_next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class SettingsError(ByokError):
    """The environment, the `.env` file or a master key file is missing, malformed or unsafe."""


class CatalogueError(SettingsError):
    """A data file does not validate; the message names file, row and field."""


class InvalidInputError(ByokError):
    """A value that cannot be used. `field` names the input, so that a page can point at it."""

    def __init__(self, message: str, *, field: str = "", next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.field = field


class NotFoundError(ByokError):
    """There is no such row for this company."""


class NotSignedInError(ByokError):
    """There is no session, or it has ended."""

    default_next_step = "Sign in again."


class TooManyTriesError(ByokError):
    """Too many tries. `wait_s` is how many seconds must pass before the next one counts."""

    default_next_step = "Try again later."

    def __init__(self, message: str, *, wait_s: int = 0, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.wait_s = wait_s


class NotAllowedError(ByokError):
    """The role does not allow it."""

    default_next_step = "Ask an admin of your company."


class PlanError(ByokError):
    """The company's plan does not allow it."""


class ProPlanNeededError(PlanError):
    """Own keys are part of the Pro plan."""

    default_next_step = "Upgrade to Pro to use your own keys."


class PlanUsedUpError(PlanError):
    """The month's plan messages are used up."""

    default_next_step = "Choose a model of your own key, or wait for the next month (UTC)."


class BudgetReachedError(ByokError):
    """A monthly budget that the company set for its own keys would be passed."""

    default_next_step = (
        "Set a shorter answer length, choose a standard model, or have an admin raise the budget in Usage."
    )


class ModelGoneError(ByokError):
    """The chosen model, or the key that opened it, is gone."""

    default_next_step = "Choose another model."


class KeyUnreadableError(ByokError):
    """A sealed key does not open: changed, moved, or sealed under a master key that is not here."""

    default_next_step = "Enter the key again."

    def __init__(self, message: str = "The stored key cannot be read any more.", *, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)


class NotSentError(ByokError):
    """A question waited for its turn and could not be sent then; no provider was asked."""


class RecordSpoiltError(ByokError):
    """Somebody wrote to the audit log past the product, so that an entry of it cannot be read."""

    default_next_step = "Tell the operator: `byok audit verify` says which."


class LocalModelError(ByokError):
    """The built-in model is not installed, or did not start."""


class ProviderError(ByokError):
    """A provider's refusal or silence.

    Attributes:
        provider: full name, e.g. "Google Gemini".
        status: HTTP status, or None where there was no answer.
        request_id: the provider's own id of the request, or None.
        retry_after: seconds the provider asks to wait, or None.
        words: the provider's own words, scrubbed of anything key-like; may be empty.
        taken_on: it had said yes to the question before it failed, so that asking again may cost twice.
        hopeless: it says itself that asking the same again is of no use.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        words: str = "",
        taken_on: bool = False,
        hopeless: bool = False,
        next_step: str = "",
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.provider = provider
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.words = words
        self.taken_on = taken_on
        self.hopeless = hopeless


class KeyRejectedError(ProviderError):
    """The provider's definite sign that the key is wrong."""

    default_next_step = "Check the key on the provider's page, or replace it in API Keys."


class KeyLimitedError(ProviderError):
    """The key lives, but may not do this."""

    default_next_step = "Change the key's permissions on the provider's page, or choose another model."


class NoCreditError(ProviderError):
    """The account behind the key has no credit or reached a spending limit."""

    default_next_step = "Add credit or raise the limit on the provider's billing page."


class RateLimitedError(ProviderError):
    """Asked too often, or too much at once."""

    default_next_step = "Wait a little and try again."


class RefusedRequestError(ProviderError):
    """The provider refuses this very request."""


class UnreachableError(ProviderError):
    """No answer in time, or a connection that broke off."""

    default_next_step = "Try again; if it lasts, check the network and the provider's status page."


class NoConnectionError(UnreachableError):
    """No connection at all: nothing was sent."""


class PrivateAddressError(NoConnectionError):
    """The provider's name leads into a private network, or to where no provider is; nothing was sent."""

    default_next_step = (
        "Ask the operator to check the provider's base_url and name server; an own server on a private network needs "
        "private_network = true in its row of the catalogue."
    )

    def __init__(self, message: str, *, provider: str = "", next_step: str = "") -> None:
        super().__init__(message, provider=provider, hopeless=True, next_step=next_step)


class ProviderDownError(ProviderError):
    """The provider has an outage or is overloaded."""

    default_next_step = "Try again in a moment, or choose another model."


class BadAnswerError(ProviderError):
    """The answer cannot be read."""

    default_next_step = "Try again; if it lasts, choose another model."
