"""Turns a chat completion's chunks into deltas and an end. Refuses nothing but what cannot be an answer at all.

Everything in a chunk is a stranger's: each field is looked at before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from byok.core.provider import Provider
from byok.core.wire.content import first_choice, parts_of, storable
from byok.core.wire.refusals import read_error_in_stream, request_id_of, to_error
from byok.core.wire.scrub import holds
from byok.core.wire.shapes import Delta, Ended, FinishReason
from byok.core.wire.sse import Failure
from byok.core.wire.usage import find_usage, read_usage
from byok.ground.errors import BadAnswerError, ProviderError

FINISH_REASONS: Mapping[str, FinishReason] = MappingProxyType(
    {
        "stop": "stop",
        "eos": "stop",
        "end_turn": "stop",
        "stop_sequence": "stop",
        "length": "length",
        "max_tokens": "length",
        "model_length": "length",
        "content_filter": "filter",
        "refusal": "filter",
        "tool_calls": "tool",
        "function_call": "tool",
        "tool_use": "tool",
        "error": "error",
    }
)

# The scanner itself: json.loads adds two regular expressions and a guess at the encoding to each chunk.
_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class AnswerReader:
    """Reads one answer, event by event, and keeps what its end will say."""

    __slots__ = (
        "_done",
        "_finish",
        "_head",
        "_headers",
        "_high",
        "_model",
        "_provider",
        "_reasoning",
        "_secrets",
        "_seen",
        "_tail",
        "_usage",
        "_x_groq",
    )

    def __init__(self, provider: Provider, *, headers: Mapping[str, str], secrets: tuple[str, ...]) -> None:
        self._provider = provider
        self._headers = headers
        self._secrets = secrets
        self._reasoning = provider.reasoning_fields
        self._x_groq = provider.usage_at == "x_groq"
        self._model: object = None
        self._finish: object = None
        self._usage: Mapping[str, Any] | None = None
        self._high = ""
        self._done = False
        self._seen = False
        self._head = self._tail = b""

    def take(self, data: bytes) -> Delta | None:
        """The delta in one event's data, or None where it holds no text.

        Raises:
            ProviderError: the data is an error of the provider's, or no JSON object.
        """
        head = self._head
        if head and data.startswith(head) and data.endswith(self._tail) and type(data) is bytes:
            piece = data[len(head) : -len(self._tail)]
            if piece and b'"' not in piece and b"\\" not in piece:
                text = piece.decode("utf-8", "replace")
                if text.isprintable():
                    return Delta(text)
        elif data == b"[DONE]":
            self._done = True
            return None
        self._head = b""
        text = data.decode("utf-8", "replace")
        try:
            chunk, end = _scan(text, 0)
        except (StopIteration, ValueError, RecursionError):
            return self._take_odd(data)
        if end != len(text) and text[end:].strip():
            return self._take_odd(data)
        if type(chunk) is list and len(chunk) == 1:
            chunk = chunk[0]  # an error, wrapped
        if type(chunk) is not dict:
            raise self._unreadable()
        return self._read(chunk, "delta", data=data)

    def take_whole(self, parsed: object) -> Delta | None:
        """The text of an answer that was not streamed, as one delta.

        Raises:
            ProviderError: it is an error of the provider's, or no answer.
        """
        if isinstance(parsed, list) and len(parsed) == 1:
            parsed = parsed[0]
        if not isinstance(parsed, dict):
            raise self._unreadable()
        delta = self._read(parsed, "message")
        if not isinstance(parsed.get("choices"), list):
            raise self._unreadable()
        return delta

    def over(self) -> bool:
        """Whether `[DONE]` came: nothing after it counts."""
        return self._done

    @property
    def finished(self) -> bool:
        """Whether a finish reason came: what may still follow is usage."""
        return self._finish is not None

    def end(self) -> Ended:
        """The end, with the last usage that came.

        Raises:
            BadAnswerError: nothing of an answer came.
        """
        if not self._seen:
            raise self._unreadable()
        finish: FinishReason | None = None
        if self._finish is not None:
            finish = FINISH_REASONS.get(self._finish, "unknown") if isinstance(self._finish, str) else "unknown"
        # On one line, as a name stands; and none that repeats the key.
        model = " ".join(storable(self._model, "")[0].split()) if isinstance(self._model, str) else ""
        model = "" if holds(model, self._secrets) else model.removeprefix("models/")[:200]
        return Ended(
            finish_reason=finish,
            model=model or None,
            request_id=request_id_of(self._headers, secrets=self._secrets),
            usage=None if self._usage is None else read_usage(self._provider, self._usage),
        )

    def _read(self, chunk: dict[str, Any], place: str, *, data: bytes | None = None) -> Delta | None:
        failed = type(data) is Failure
        if failed or "error" in chunk or self._x_groq:
            self._raise_error(chunk, failed=failed)
        self._seen = True
        if "usage" in chunk or self._x_groq:
            self._usage = find_usage(self._provider, chunk) or self._usage
        self._model = chunk.get("model") or self._model
        choices = chunk.get("choices")
        if not choices or type(choices) is not list:
            if choices is None and (chunk.get("object") == "error" or "detail" in chunk):
                self._raise_error({"error": chunk}, failed=True)
            return None
        choice = choices[0] if len(choices) == 1 else first_choice(choices)
        if type(choice) is not dict:
            return None
        finish = choice.get("finish_reason")
        if finish is not None:
            self._finish = finish
        delta = choice.get(place)
        if type(delta) is not dict:
            return None
        text = delta.get("content")
        reasoning: Any = ""
        for name in self._reasoning:
            if found := delta.get(name):
                reasoning = found if type(found) is str else ""
                break
        escaped = data is None or b"\\u" in data
        if type(text) is not str:
            text, thought = parts_of(text)
            reasoning = reasoning or thought
        elif text and not reasoning and data is not None:
            self._learn(data, text)
        if text and (escaped or self._high):
            text, self._high = storable(text, self._high)
        if escaped and reasoning:
            reasoning = storable(reasoning, "")[0]
        if not text and not reasoning:
            return None
        return Delta(text, reasoning)

    def _learn(self, data: bytes, text: str) -> None:
        """Keeps what stands around the text, where that is certain: the next chunk mostly differs in its text alone.

        Without a backslash every string stands there as it is, and what is found only once cannot be another one.
        """
        if b"\\" in data or "\N{REPLACEMENT CHARACTER}" in text:
            return
        quoted = b'"%b"' % text.encode()
        at = data.find(quoted)
        if at != -1 and data.rfind(quoted) == at:
            self._head, self._tail = data[: at + 1], data[at + len(quoted) - 1 :]

    def _raise_error(self, chunk: Mapping[str, Any], *, failed: bool) -> None:
        error = chunk.get("error")
        if not error and self._x_groq and isinstance(chunk.get("x_groq"), dict):
            error = chunk["x_groq"].get("error")
        if error or failed:
            refusal = read_error_in_stream(error or chunk, headers=self._headers, secrets=self._secrets)
            raise to_error(self._provider, refusal)

    def _take_odd(self, data: bytes) -> Delta | None:
        """Data that is not one JSON value: padded with white space, or several events without a blank line."""
        stripped = data.strip()
        if not stripped:
            return None
        if type(data) is Failure:
            refusal = read_error_in_stream(
                data[:4096].decode("utf-8", "replace"), headers=self._headers, secrets=self._secrets
            )
            raise to_error(self._provider, refusal)
        if stripped != data:
            return self.take(stripped)
        lines = data.split(b"\n")
        if len(lines) == 1:
            raise self._unreadable()
        whole = Delta()
        for line in lines:
            piece = self.take(line)
            if piece is not None:
                whole.text += piece.text
                whole.reasoning += piece.reasoning
        return whole if whole.text or whole.reasoning else None

    def _unreadable(self) -> ProviderError:
        return BadAnswerError(
            f"{self._provider.name} sent an answer that cannot be read.",
            provider=self._provider.name,
            request_id=request_id_of(self._headers, secrets=self._secrets),
        )
