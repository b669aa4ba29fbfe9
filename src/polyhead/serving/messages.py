"""What goes over the wire, as it is checked and as `/openapi.json` tells it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polyhead.serving.refusals import INVALID, Refusal


class PredictRequest(BaseModel):
    """Texts to answer."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True, frozen=True)

    texts: Annotated[list[str | Annotated[list[str], Field(min_length=2, max_length=2)]], Field(min_length=1)]
    """The texts; for a model that reads two together, pairs."""
    tasks: Annotated[list[str], Field(min_length=1)] | None = None
    """The tasks to answer; all where not given."""
    min_confidence: float = Field(default=0.0, ge=0.0, le=1.0)
    """What is held less probable is left out."""
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
        return PredictRequest.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise Refusal(INVALID, _said(found["msg"]), field=_field(found["loc"])) from None


def _field(place: tuple[int | str, ...]) -> str | None:
    """Return where in the body something is: ``texts[3]``; what pydantic adds of its own choices is left out."""
    if not place:
        return None
    inner = "".join(f"[{part}]" for part in place[1:] if isinstance(part, int))
    return f"{str(place[0])[:80]}{inner}"


def _said(message: str) -> str:
    return message[:1].lower() + message[1:]
