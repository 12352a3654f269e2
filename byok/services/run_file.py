"""The run file: what was asked of which models with which settings, and what came of it, as JSON to be run anew.

Holds no key, nor anything of one. Refuses a file that is not of this form, naming the place where it is not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from byok.core.model_names import ModelName
from byok.core.parameters import Parameters
from byok.core.run import storable
from byok.ground.errors import InvalidInputError
from byok.services.columns import LONGEST_PROMPT, MOST_COLUMNS, ColumnSetup
from byok.services.messages import LONGEST, MOST_REPEATS, MOST_TURNS, Ask

FORMAT: Final = "aimy-byok-run"
LARGEST: Final = 50 * 1024 * 1024  # bytes of a file that is opened
LONGEST_WORD: Final = 200  # characters that a refusal quotes of a file


def _a_name(text: str) -> str:
    try:
        return str(ModelName.parse(text))
    except InvalidInputError as error:
        raise ValueError(error.message) from None


# Bounded by what the ledger can keep, so that whoever opens a file can count with its figures.
Count = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
Number = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Rate = Annotated[Decimal, Field(ge=0, lt=10**23, decimal_places=1)]
Money = Annotated[Decimal, Field(ge=0, le=Decimal(2**63 - 1).scaleb(-12), decimal_places=12)]
Said = Annotated[str, AfterValidator(storable)]
Name = Annotated[str, AfterValidator(_a_name)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Settings(_Part):
    """A model and how it is asked."""

    model: Name
    parameters: dict[str, Any] = Field(default_factory=dict)
    system_prompt: Said = Field(default="", max_length=LONGEST_PROMPT)

    @field_validator("parameters")
    @classmethod
    def _can_be_sent(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            return Parameters.of(value).to_json()
        except InvalidInputError as error:
            raise ValueError(error.message) from None


class RunColumn(_Settings):
    """A column, by its number; `removed` ones keep their answers and are not asked anew."""

    column: Number
    removed: Annotated[bool, Field(strict=True)] = False


class RunNumbers(_Part):
    """Figures as on the screen; null where one is not known. Costs are exact decimal numbers of USD, as text."""

    ttft_ms: Count | None = None
    duration_ms: Count | None = None
    tokens_per_s: Rate | None = None
    tokens_in: Count | None = None
    tokens_out: Count | None = None
    tokens_cached: Count | None = None
    tokens_reasoning: Count | None = None
    cost_usd: Money | None = None


class RunPrice(_Part):
    """What the cost was reckoned with: USD for a million tokens, where from, and of which day."""

    origin: str
    date: str
    in_usd_per_million: Money | None = None
    out_usd_per_million: Money | None = None


class RunAnswer(_Settings):
    """One version of a column's answer. `paid_by` is `own key`, `plan`, or null where nothing was sent.

    `instead_of` is the model that was asked for, where a chatbot's settings led to another: `model` is that one.
    `prompt_sha256` is of what the person put in: see `prompt_hash`. `text_sha256` is of the answer's text.
    """

    column: Number
    version: Number
    state: Literal["running", "complete", "stopped", "interrupted", "failed"]
    text: str = ""
    reasoning: str = ""
    error: str | None = None
    finish_reason: str | None = None
    provider: str | None = None
    model_answered: str | None = None
    paid_by: Literal["own key", "plan"] | None = None
    instead_of: Name | None = None
    started_at: str
    finished_at: str | None = None
    numbers: RunNumbers
    price: RunPrice | None = None
    prompt_sha256: str
    text_sha256: str


class RunTurn(_Part):
    """A message: what it follows, whom it was put to, how often, and the answers."""

    turn: Number
    follows: Number | None = None
    text: Said = Field(max_length=LONGEST)
    repeats: int = Field(default=1, strict=True, ge=1, le=MOST_REPEATS)
    columns: list[Number]
    answers: list[RunAnswer] = Field(default_factory=list)

    @field_validator("text")
    @classmethod
    def _is_said(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("the message is empty")
        return value


class RunFile(_Part):
    """A whole run. Turns are in the order in which they were asked; `newest` is the last of the branch to run anew."""

    format: Literal["aimy-byok-run"] = FORMAT
    version: Literal[1] = 1
    made_by: str = ""
    made_at: str = ""
    title: Said = Field(default="", max_length=200)
    columns: list[RunColumn] = Field(min_length=1)
    turns: list[RunTurn]
    newest: Number | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        columns = {one.column for one in self.columns}
        if len(columns) < len(self.columns):
            raise ValueError("two columns have one number")
        seen: set[int] = set()
        for turn in self.turns:
            if turn.turn in seen:
                raise ValueError(f"two turns have the number {turn.turn}")
            if turn.follows is not None and turn.follows not in seen:
                raise ValueError(f"turn {turn.turn} follows turn {turn.follows}, which does not stand before it")
            versions = {(answer.column, answer.version) for answer in turn.answers}
            if not columns.issuperset(turn.columns) or not columns.issuperset(column for column, _ in versions):
                raise ValueError(f"turn {turn.turn} names a column that is not there")
            if len(versions) < len(turn.answers):
                raise ValueError(f"turn {turn.turn} has two answers of one column and version")
            seen.add(turn.turn)
        if self.newest is not None and self.newest not in seen:
            raise ValueError(f"there is no turn {self.newest}")
        active = [one for one in self.columns if not one.removed]
        if not 1 <= len(active) <= MOST_COLUMNS:
            raise ValueError(f"1 to {MOST_COLUMNS} columns can be asked, not {len(active)}")
        return self

    @classmethod
    def read(cls, data: bytes) -> Self:
        """The run that a file holds.

        Raises:
            InvalidInputError: it holds none; the message names the first place that is not as it should be.
        """
        if len(data) > LARGEST:
            raise InvalidInputError(f"The file is larger than {LARGEST // 1024**2} MB.", field="file")
        try:
            return cls.model_validate(json.loads(data))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = _quoted(".".join(str(part) for part in first["loc"])) or "the file"
            what = _quoted(first["msg"].removeprefix("Value error, ").rstrip("."))
            problem = f"This is no run file that can be opened: {place}: {what}."
        except json.JSONDecodeError as error:
            problem = f"This is no run file: it is not JSON, from line {error.lineno}, column {error.colno} on."
        except (ValueError, RecursionError):
            problem = "This is no run file: the file is not JSON that can be read."
        raise InvalidInputError(problem, field="file", next_step="Export one with Export, JSON, and open that.")

    def dump(self) -> bytes:
        """The file."""
        return (self.model_dump_json(indent=2) + "\n").encode("utf-8", "replace")

    def setups(self) -> dict[int, ColumnSetup]:
        """The columns to ask anew, by their numbers; each with its company's default key, whichever that is."""
        return {
            one.column: ColumnSetup(
                ModelName.parse(one.model), parameters=Parameters.of(one.parameters), system_prompt=one.system_prompt
            )
            for one in self.columns
            if not one.removed
        }

    def asks(self, setups: dict[int, ColumnSetup]) -> list[Ask]:
        """The messages of the branch to run anew, oldest first, each to the columns that it was put to.

        Raises:
            InvalidInputError: none of them was put to a column that is still there, or they are too many.
        """
        turns = {turn.turn: turn for turn in self.turns}
        line: list[RunTurn] = []
        at: int | None = self.newest if self.newest is not None else next(reversed(turns), None)
        while at is not None:
            line.append(turns[at])
            at = turns[at].follows
        asks = [
            Ask(turn.text, to={setups[one].id for one in turn.columns if one in setups}, repeats=turn.repeats)
            for turn in reversed(line)
        ]
        asks = [ask for ask in asks if ask.to]
        if not 1 <= len(asks) <= MOST_TURNS:
            raise InvalidInputError(f"1 to {MOST_TURNS} messages can be run anew, not {len(asks)}.", field="file")
        return asks


def prompt_hash(settings: _Settings | ColumnSetup, messages: Sequence[str]) -> str:
    """SHA-256 of what a person put in: model, parameters, system prompt, and the messages of the branch up to here.

    Neither the models' own answers nor a length set by a budget are part of it, so that a run anew has the same one.
    """
    parameters = settings.parameters if isinstance(settings, _Settings) else settings.parameters.to_json()
    whole = {"messages": list(messages), "model": str(settings.model), "parameters": parameters}
    whole["system_prompt"] = settings.system_prompt
    return text_hash(json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def _quoted(words: str) -> str:
    """Words of a file, on one line and short enough for a message."""
    return " ".join(storable(words[:LONGEST_WORD]).split())


def text_hash(text: str) -> str:
    """SHA-256 of a text as UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
