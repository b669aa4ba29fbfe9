"""What goes over the wire, as it is checked and as `/openapi.json` tells it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polyhead.errors import name_the_known
from polyhead.records import is_unicode
from polyhead.serving.refusals import INVALID, Refusal
from polyhead.strict_json import JsonError, parse_json

_LONGEST_NAME = 80
"""Characters of a name of the client's own that are told back."""


class PredictRequest(BaseModel):
    """Texts to answer."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True, frozen=True)

    texts: Annotated[
        list[str | Annotated[list[str], Field(min_length=2, max_length=2)]], Field(min_length=1, fail_fast=True)
    ]
    """The texts; for a model that reads two together, pairs."""
    tasks: Annotated[list[str], Field(min_length=1, fail_fast=True)] | None = None
    """The tasks to answer; all where not given."""
    min_confidence: float = Field(default=0.0, ge=0.0, le=1.0)
    """What is held less probable is left out."""
    top_k: Annotated[int, Field(ge=1, le=100)] | None = None
    """So many of the most probable classes are shown beside an answer of classes; none where not given."""
    truncate: bool = False
    """Cut a text that is longer than the server takes, and say so in its result, instead of refusing it."""


class PredictResponse(BaseModel):
    """One result a text, in their order."""

    results: list[dict[str, Any]]
    """As `polyhead predict --json` prints them: ``text``, by task its answer, ``windows`` (into how many it was cut,
    being longer than the encoder takes) and ``truncated`` (whether characters were cut off)."""
    model: str
    """Which model answered: the beginning of its checksum."""
    milliseconds: float
    """From the request's arrival."""


class TaskAccount(BaseModel):
    """A task of the model."""

    name: str
    kind: str
    labels: list[str]


class LimitsAccount(BaseModel):
    """What the server takes in a request."""

    texts: int
    characters: int
    body_bytes: int
    deadline_seconds: float


class ModelResponse(BaseModel):
    """The model that answers."""

    name: str
    model: str
    generation: int
    loaded_at: str
    encoder: str
    runtime: str
    precision: str
    reads_second: bool | Literal["optional"]
    tasks: list[TaskAccount]
    limits: LimitsAccount
    examples: list[str]
    versions: dict[str, str]
    checksums: dict[str, str]


class ErrorAccount(BaseModel):
    """Why there is no answer."""

    code: str
    message: str
    field: str | None = None
    request_id: str


class ErrorResponse(BaseModel):
    """Why there is no answer."""

    error: ErrorAccount


class Live(BaseModel):
    """Whether the server runs."""

    live: bool


class Ready(BaseModel):
    """Whether the server answers texts."""

    ready: bool


def parse_request(body: bytes) -> PredictRequest:
    """Read the body of a request.

    Raises:
        Refusal: If it is no such object; the field is named.
    """
    try:
        value = parse_json(body.decode())
    except UnicodeDecodeError as error:
        raise Refusal(INVALID, f"the body is not UTF-8, at byte {error.start}") from None
    except JsonError as error:
        raise Refusal(INVALID, f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refusal(INVALID, "the body is no JSON object")
    for name in value.keys() - PredictRequest.model_fields.keys():
        shown = name[:_LONGEST_NAME]
        raise Refusal(INVALID, f"there is no such field; {name_the_known(shown, _FIELDS)}", field=shown)
    try:
        request = PredictRequest.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise Refusal(INVALID, _said(found["msg"], found["loc"], value), field=_field(found["loc"])) from None
    for at, text in enumerate(request.texts):
        if not all(map(is_unicode, (text,) if isinstance(text, str) else text)):
            raise Refusal(INVALID, "half of a surrogate pair is no character", field=f"texts[{at}]")
    return request


_FIELDS = tuple(PredictRequest.model_fields)


def _field(place: tuple[int | str, ...]) -> str:
    """Return where in the body something is: ``texts[3]``; what pydantic adds of its own choices is left out."""
    return f"{place[0]}" + "".join(f"[{part}]" for part in place[1:2] if isinstance(part, int))


def _said(message: str, place: tuple[int | str, ...], body: dict[str, Any]) -> str:
    """Return what is wrong; pydantic's own words where there is nothing to choose from."""
    if place[0] != "texts" or len(place) == 1:
        return message[:1].lower() + message[1:]
    pair = isinstance(body["texts"][place[1]], list)
    return "a pair is a list of two strings" if pair else "a text is a string, or a pair of strings"
