"""The paths of the server, and what `/openapi.json` says of them."""

from __future__ import annotations

import time
from collections import defaultdict
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from polyhead.serving import refusals as reasons
from polyhead.serving.body import client_leaving, read_body
from polyhead.serving.gate import Gate
from polyhead.serving.keys import Keys
from polyhead.serving.messages import (
    ErrorResponse,
    Live,
    ModelResponse,
    PredictRequest,
    PredictResponse,
    Ready,
    parse_request,
)
from polyhead.serving.metrics import CONTENT_TYPE
from polyhead.serving.page import page_routes
from polyhead.serving.refusals import Reason, Refusal
from polyhead.serving.service import Service

PREDICT = "/v1/predict"
_OF_BODIES = (reasons.BODY_SLOW, reasons.BODY_LARGE, reasons.INVALID)
_OF_HEADS = (reasons.MALFORMED, reasons.CLIENT_GONE, reasons.HEAD_SLOW, reasons.HEAD_LARGE, reasons.CONNECTIONS)
"""Answered before a path is looked at."""


def create_app(service: Service, keys: Keys | None = None) -> Gate:
    """Return the server's application.

    Args:
        service: What answers.
        keys: Those that open the API; it is open where not given.
    """
    keys = keys or Keys()
    app = FastAPI(
        title="polyhead",
        version=version("polyhead"),
        description="One encoder, many heads: every task's answer from one pass over the text.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_exception_handler(HTTPException, _of_framework)  # type: ignore[arg-type]
    app.add_exception_handler(Refusal, _refused)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _faulty)
    predict = _add_predict(app, service, keys)
    _add_model(app, service, keys)
    _add_health(app, service)
    app.router.routes.extend(page_routes())
    _describe(app, keys)
    paths = frozenset(route.path for route in app.routes if hasattr(route, "path"))
    return Gate(app, service=service, keys=keys, paths=paths, direct={("POST", PREDICT): predict})


def _add_predict(app: FastAPI, service: Service, keys: Keys) -> _Predict:
    schema = {"application/json": {"schema": {"$ref": "#/components/schemas/PredictRequest"}}}

    @app.post(
        PREDICT,
        response_model=PredictResponse,
        responses=_responses(
            *_OF_BODIES,
            reasons.QUEUE_FULL,
            reasons.INTERNAL,
            reasons.DRAINING,
            reasons.NOT_READY,
            reasons.DEADLINE,
            keys=keys,
        ),
        openapi_extra={"requestBody": {"required": True, "content": schema}},
        summary="Answer every task for texts",
    )
    async def predict() -> None:
        """Answer every task for texts, in one pass of the encoder; one result a text, in their order."""

    # Not by way of the framework's dependencies and response models: results come as bytes that are ready to be sent.
    answering = _Predict(service)
    route = next(route for route in app.routes if isinstance(route, APIRoute) and route.path == PREDICT)
    route.app = answering  # for who sends it otherwise than the gate does: with a prefix of a proxy, say
    return answering


class _Predict:
    """`POST /v1/predict`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service, about = self._service, scope["polyhead"]
        service.in_flight += 1
        try:
            service.generation()  # a server that drains need not read what it will not answer
            request = parse_request(await read_body(scope["headers"], receive, service.limits))
            about["texts"] = len(request.texts)
            if service.log.texts:
                about["asked"] = request.texts
            with client_leaving(scope, receive) as left:
                results, model = await service.predict(request, left)
            taken = round(1000 * (time.perf_counter() - scope["polyhead.start"]), 2)
            body = b'{"results":[%b],"model":"%b","milliseconds":%b}' % (results, model.encode(), str(taken).encode())
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        finally:
            service.in_flight -= 1


def _add_model(app: FastAPI, service: Service, keys: Keys) -> None:
    @app.get(
        "/v1/model",
        response_model=ModelResponse,
        responses=_responses(reasons.DRAINING, reasons.NOT_READY, keys=keys),
        summary="Say which model answers",
    )
    async def model() -> dict[str, Any]:
        """Say which model answers: its tasks and labels, what the server takes, versions and checksums."""
        return service.account()

    @app.post(
        "/v1/reload",
        response_model=ModelResponse,
        responses=_responses(
            reasons.NEEDS_KEY, reasons.RELOADING, reasons.MODEL_REFUSED, reasons.DRAINING, reasons.NOT_READY, keys=keys
        ),
        summary="Load the model anew",
    )
    async def reload() -> dict[str, Any]:
        """Load the model anew from its place; the old one answers until the new one has answered texts of its own."""
        if not keys:
            raise Refusal(reasons.NEEDS_KEY)
        return await service.reload()


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/v2/health/live", response_model=Live, responses=_responses(), summary="Whether the server runs")
    async def live() -> dict[str, bool]:
        """Say that the server runs."""
        return {"live": True}

    @app.get(
        "/v2/health/ready",
        response_model=Ready,
        responses={503: {"model": Ready, "description": "A model is being loaded, or the server is about to end."}},
        summary="Whether texts are answered",
    )
    async def ready() -> Response:
        """Say whether texts are answered."""
        return JSONResponse({"ready": service.ready}, status_code=200 if service.ready else 503)

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
        summary="Counters, for Prometheus",
    )
    async def metrics() -> Response:
        """Return what the server counted, as Prometheus reads it."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)


def _responses(*refused: Reason, keys: Keys | None = None) -> dict[int | str, dict[str, Any]]:
    """Return what an operation may answer beside 200, as FastAPI takes it."""
    by_status: dict[int, list[Reason]] = defaultdict(list)
    for reason in (*refused, *((reasons.UNAUTHORIZED,) if keys else ())):
        by_status[reason.status].append(reason)
    return {
        status: {
            "model": ErrorResponse,
            "description": "; ".join(f"`{reason.code}`: {reason.meaning}" for reason in found),
            **({"headers": _RETRY} if status in (429, 503) else {}),
        }
        for status, found in sorted(by_status.items())
    }


_RETRY = {
    "Retry-After": {"description": "Seconds after which it is worth trying again.", "schema": {"type": "integer"}}
}


def _describe(app: FastAPI, keys: Keys) -> None:
    """Complete the schema: what bodies are, which operations ask for a key, what any path may answer."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        schema = made()
        parts = schema["components"]["schemas"]
        asked = PredictRequest.model_json_schema(ref_template="#/components/schemas/{model}")
        parts.update(asked.pop("$defs", {}), PredictRequest=asked)
        if keys:
            schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        anywhere = "; ".join(f"{reason.status} `{reason.code}`: {reason.meaning}" for reason in _OF_HEADS)
        schema["info"]["description"] += (
            f"\n\nAny request may also be answered so, before its path is looked at: {anywhere}."
        )
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                operation["responses"].pop("422", None) if path != PREDICT and path != "/v1/reload" else None
                if keys and path.startswith("/v1/"):
                    operation["security"] = [{"key": []}]
        app.openapi_schema = schema
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


async def _of_framework(request: Request, error: HTTPException) -> Response:
    """Answer what the framework refuses, a path that is not there or a method that it does not take, in our form."""
    reason = {404: reasons.NOT_FOUND, 405: reasons.NOT_ALLOWED}.get(error.status_code, reasons.MALFORMED)
    return await _refused(request, Refusal(reason, allow=(error.headers or {}).get("Allow")))


async def _faulty(request: Request, _: Exception) -> Response:
    """Answer what nobody expected; the log has it."""
    return await _refused(request, Refusal(reasons.INTERNAL))


async def _refused(request: Request, refusal: Refusal) -> Response:
    request.scope["polyhead"]["reason"] = refusal.reason.code
    response = Response(refusal.body(request.scope["polyhead.id"]), status_code=refusal.reason.status)
    response.raw_headers.extend(refusal.headers())
    return response
