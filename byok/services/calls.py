"""Makes the call of a route and its parameters, at once or when its turn has come. Refuses to know who asks, or why."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from byok.core.parameters import Parameters
from byok.core.wire import ChatCall
from byok.ground.errors import ByokError, NotSentError
from byok.services.routes import Route


def ready(
    route: Route, messages: Sequence[Mapping[str, str]], parameters: Parameters
) -> ChatCall | functools.partial[ChatCall]:
    """The call; for a provider that this process launches, a function: its address is known once its server is up."""
    make = functools.partial(
        ChatCall,
        provider=route.provider,
        model=route.name.model,
        messages=messages,
        auth=route.auth,
        temperature=parameters.temperature,
        max_tokens=parameters.max_tokens,
        top_p=parameters.top_p,
        seed=parameters.seed,
        stop=parameters.stop,
    )
    if route.provider.launch == "none":
        return make(base_url=route.base_url)
    return functools.partial(_located, make, route)


def _located(make: functools.partial[ChatCall], route: Route) -> ChatCall:
    return make(base_url=route.base_url)


@contextmanager
def or_not_sent() -> Iterator[None]:
    """Whatever is refused in the block is why a question that waited is not sent.

    Raises:
        NotSentError: something was.
    """
    try:
        yield
    except ByokError as error:
        raise NotSentError(f"Not sent. {error.message}", next_step=error.next_step) from None
