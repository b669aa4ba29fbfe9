"""A server with the routes that the page asks, whose answers are known, and whose refusals a text may choose.

A text that holds ``ERR:429`` (or another status) is refused with it; ``ERR:429x2`` twice, and answered then;
``ERR:slow`` is answered after half a second. Answers are found by words: names, places, and a topic by the first.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from polyhead.serving.page import page_routes

CODES = {
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    408: "body_too_slow",
    413: "body_too_large",
    422: "invalid",
    429: "queue_full",
    500: "internal",
    503: "draining",
    504: "deadline",
}
NO_KEY = "this server asks for a key"
MARKS = [
    ("places", r"a flight to \w+", "TRIP"),
    ("places", r"New York City", "LOC"),
    ("places", r"York City Hall", "ORG"),
    ("places", r"Berlin|İzmir|<script>.*</script>|北京市", "LOC"),
    ("slots", r"John|Zoë|👩\u200d💻", "PER"),
    ("slots", r"Berlin|İzmir|<script>.*</script>|New York|北京市|Łódź", "LOC"),
]
SURE = {"PER": 0.88, "LOC": 0.98, "ORG": 0.61, "TRIP": 0.74}
POS = {"to": "ADP", "in": "ADP", "books": "VERB", "moved": "VERB"}
TASKS: list[dict[str, Any]] = [
    {"name": "topic", "kind": "single_label", "labels": ["travel", "people", "weather"]},
    {"name": "themes", "kind": "multi_label", "labels": ["places", "names", "questions"]},
    {"name": "slots", "kind": "tagging", "labels": ["PER", "LOC"]},
    {"name": "places", "kind": "spans", "labels": ["LOC", "ORG", "TRIP"]},
    {"name": "pos", "kind": "token_label", "labels": ["NOUN", "VERB", "ADP", "X"]},
    {"name": "stars", "kind": "regression", "labels": []},
    {"name": "odd", "kind": "of_another_package", "labels": []},
]
EXAMPLES = [
    "John books a flight to Berlin.",
    "Zoë 👩‍💻 moved from İzmir to New York City Hall in March.",
    "What is the weather like?",
]


class PredictRequest(BaseModel):
    """Texts to answer."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"texts": ["John lives in Berlin."]}]})
    texts: list[str | list[str]] = Field(min_length=1, description="The texts, or pairs for a model that reads two.")
    tasks: list[str] | None = Field(default=None, description="Tasks to answer; all where it is left out.")
    min_confidence: float = Field(default=0.0, ge=0.0, le=1.0, description="What is held less probable is left out.")
    top_k: int | None = Field(default=None, ge=1, le=100, description="So many classes stand beside an answer.")
    truncate: bool = Field(default=False, description="Cut a text that is too long, instead of refusing it.")


class PredictResponse(BaseModel):
    """One result a text, in their order."""

    results: list[dict[str, Any]]
    model: str
    milliseconds: float


class ErrorAccount(BaseModel):
    """Why there is no answer."""

    code: str
    message: str
    field: str | None = None
    request_id: str


class ErrorResponse(BaseModel):
    """Why there is no answer."""

    error: ErrorAccount


class Tree(BaseModel):
    """Knows itself."""

    children: list[Tree] = Field(default_factory=list)


class Double:
    """What the double knows of its requests, and what a test may set."""

    def __init__(self, *, key: str | None = None, reads_second: bool | str = False, **limits: float) -> None:
        self.key = key
        self.reads_second = reads_second
        self.limits = {"texts": 4, "characters": 1000, "body_bytes": 4096, "deadline_seconds": 10.0, **limits}
        self.bodies: list[dict[str, Any]] = []
        self.refused: Counter[str] = Counter()
        self.ready = True

    def lets(self, request: Request) -> bool:
        return self.key is None or request.headers.get("authorization") == f"Bearer {self.key}"

    def model(self) -> dict[str, Any]:
        examples: list[Any] = [[text, "He travels."] for text in EXAMPLES] if self.reads_second else EXAMPLES
        return {
            "name": "hotels & <b>flights</b>",
            "model": "3f2a9c0d",
            "generation": 1,
            "loaded_at": "2026-11-26T10:00:00Z",
            "encoder": "minilm",
            "runtime": "onnxruntime",
            "precision": "fp32",
            "reads_second": self.reads_second,
            "tasks": TASKS,
            "limits": self.limits,
            "examples": examples,
            "versions": {"polyhead": "0.8.0", "bundle": "3"},
            "checksums": {"model.onnx": "3f2a9c0d" * 8},
        }


def answer(text: str, task: str, least: float, top: int | None = None) -> Any:
    """Return the answer of one task, in the shape of its kind's `Prediction.to_json`."""
    words = text.split()

    def beside(*scores: tuple[str, float]) -> dict[str, Any]:
        ranked = sorted(scores, key=lambda own: -own[1])[:top]
        return {"classes": [{"label": own, "score": sure} for own, sure in ranked if sure >= least]} if top else {}

    if task == "topic":
        label = {"John": "travel", "Zoë": "people"}.get(words[0] if words else "", "weather")
        score = round(0.5 + (len(text) * 37 % 490) / 1000, 6)
        first, second = [own for own in TASKS[0]["labels"] if own != label]
        others = [(first, round(0.25 * (1 - score), 6)), (second, round(0.75 * (1 - score), 6))]
        return {"label": label if score >= least else None, "score": score, **beside((label, score), *others)}
    if task == "themes":
        given = [("places", 0.998, "to " in text), ("names", 0.61, "John" in text), ("questions", 0.9999, "?" in text)]
        labels = [{"label": own, "score": sure} for own, sure, here in given if here and sure >= least]
        return {"labels": labels, **beside(*((own, sure if here else 0.08) for own, sure, here in given))}
    if task in {"slots", "places"}:
        found = [
            {"start": at.start(), "end": at.end(), "label": label, "text": at.group(), "score": SURE[label]}
            for own, pattern, label in MARKS
            if own == task
            for at in re.finditer(pattern, text)
        ]
        return {"entities": [own for own in found if own["score"] >= least]}
    if task == "pos":
        tags = [POS.get(word, "NOUN") for word in words[:-1]]
        return {
            "words": words,
            "labels": [*tags, None][: len(words)],
            "scores": [*[0.91] * len(tags), None][: len(words)],
        }
    return {"value": -0.5 + len(words)} if task == "stars" else {"nested": {"of": ["another", "shape"]}}


def make_app(double: Double) -> FastAPI:
    """Make the app around what a test holds in its hands."""
    app = FastAPI(title="polyhead", version="0.8.0", docs_url=None, redoc_url=None, routes=page_routes())
    told = {status: {"model": ErrorResponse, "description": code.replace("_", " ")} for status, code in CODES.items()}

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return refusal(error.status_code, str(error.detail))

    @app.get("/v1/model", summary="The model", responses={401: told[401]})
    async def model(request: Request) -> Any:
        if not double.ready:
            return refusal(503, "no model is loaded at present", code="not_ready")
        return double.model() if double.lets(request) else refusal(401, NO_KEY)

    @app.post("/v1/predict", summary="Answer texts", response_model=PredictResponse, responses=told)
    async def predict(request: Request, given: PredictRequest) -> Any:
        """Answers every task for every text, in one pass of the encoder.

        What `predict --json` prints, and `truncated`.
        """
        return await respond(double, given, await request.body()) if double.lets(request) else refusal(401, NO_KEY)

    @app.get("/v1/tree/{name}", summary="Something that knows itself")
    async def tree(name: str, deep: int = 3) -> Tree:
        return Tree()

    return app


async def respond(double: Double, given: PredictRequest, body: bytes) -> Any:
    double.bodies.append(json.loads(body))
    if len(body) > double.limits["body_bytes"]:
        return refusal(413, f"the body has more than {double.limits['body_bytes']} bytes")
    for at, own in enumerate(given.texts):
        text = "\n".join([own] if isinstance(own, str) else own)
        if len(text) > double.limits["characters"] and not given.truncate:
            return refusal(
                422, f"has {len(text)} characters, the limit is {double.limits['characters']}", f"texts[{at}]"
            )
        found = re.search(r"ERR:(\d+)(?:x(\d+))?", text)
        if found and (not found[2] or double.refused[text] < int(found[2])):
            double.refused[text] += 1
            return refusal(int(found[1]), f"chosen by the text: {found[0]}", f"texts[{at}]")
        if "ERR:slow" in text:
            await asyncio.sleep(0.5)
    return {"results": [result(own, given, double) for own in given.texts], "model": "3f2a9c0d", "milliseconds": 4.14}


def result(given: str | list[str], asked: PredictRequest, double: Double) -> dict[str, Any]:
    text, *second = [given] if isinstance(given, str) else given
    cut = text[: int(double.limits["characters"])]
    names = [task["name"] for task in TASKS if asked.tasks is None or task["name"] in asked.tasks]
    return {
        "text": cut,
        **({"second": second[0]} if second else {}),
        "windows": 1 + len(cut) // 500,
        "truncated": cut != text,
        **{name: answer(cut, name, asked.min_confidence, asked.top_k) for name in names},
    }


def refusal(status: int, message: str, field: str | None = None, *, code: str = "") -> JSONResponse:
    """Return an error as the contract has it."""
    said = {"code": code or CODES.get(status, "refused"), "message": message, "request_id": "7d1c0f"}
    headers = {"Retry-After": "1"} if status in {429, 503} else {}
    return JSONResponse({"error": {**said, **({"field": field} if status == 422 else {})}}, status, headers)
