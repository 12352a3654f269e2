"""The error tree: the docstring draws exactly the classes there are."""

from __future__ import annotations

import inspect

import pytest

from byok.ground import errors
from byok.ground.errors import ByokError, KeyUnreadableError, NotSignedInError, ProviderError

TREE = {name: cls for name, cls in vars(errors).items() if inspect.isclass(cls)}


def drawn() -> dict[str, str | None]:
    """Each name in the docstring's tree, and the name it hangs from."""
    parents: dict[str, str | None] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        name = line.lstrip("│├└─ ").split(" ")[0]
        if name.endswith("Error") and ("─" in line or not parents):
            depth = (len(line) - len(line.lstrip("│├└─ "))) // 4
            parents[name] = above[depth - 1] if depth else None
            above[depth:] = [name]
    return parents


def test_the_docstring_draws_the_classes_as_they_are() -> None:
    real = {name: cls.__bases__[0].__name__ if cls is not ByokError else None for name, cls in TREE.items()}
    assert drawn() == real


@pytest.mark.parametrize("cls", TREE.values(), ids=TREE)
def test_each_error_reads_as_what_happened_and_what_to_do(cls: type[ByokError]) -> None:
    error = cls("It broke.", next_step="Mend it.")
    assert str(error) == "It broke. Mend it."
    assert (error.message, error.next_step) == ("It broke.", "Mend it.")


def test_an_error_without_a_next_step_of_its_own_says_its_kinds() -> None:
    assert str(NotSignedInError("The session has ended.")) == "The session has ended. Sign in again."


def test_an_unreadable_key_needs_no_words() -> None:
    assert str(KeyUnreadableError()) == "The stored key cannot be read any more. Enter the key again."


def test_a_provider_error_carries_what_the_answer_said() -> None:
    error = ProviderError("No.", provider="Groq", status=429, request_id="r1", retry_after=2.5, words="slow down")
    carried = (error.provider, error.status, error.request_id, error.retry_after, error.words)
    assert carried == ("Groq", 429, "r1", 2.5, "slow down")
