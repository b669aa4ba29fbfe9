"""A server that keeps to the HTTP contract and can be told to be busy, away or odd; and the two clients as one."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from polyhead import AsyncClient, Client

URL = "http://server.test"
Reaction = Callable[[httpx.Request], httpx.Response]


def error(
    status: int, code: str, *, message: str = "no", headers: dict[str, str] | None = None, **more: str
) -> Reaction:
    """React with an error as the contract has it."""
    said = {"error": {"code": code, "message": message, "request_id": "r-1", **more}}
    return lambda request: httpx.Response(status, json=said, headers=headers or {})


def away(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


def slow(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("timed out", request=request)


def busy(seconds: int | None = None) -> Reaction:
    return error(429, "queue_full", headers={} if seconds is None else {"retry-after": str(seconds)})


@dataclass
class FakeServer:
    """Answers each text by its length.

    Attributes:
        texts: Texts of a request.
        body_bytes: Bytes of a request.
        characters: Characters of a text.
        key: What it asks for.
        model: The model's name.
        pending: What it does instead, once each, with the next requests to predict.
        seen: The requests, as (method, path, texts).
        most: How many requests to predict were there at once.
    """

    texts: int = 256
    body_bytes: int = 1 << 20
    characters: int = 1000
    key: str | None = None
    model: str = "one"
    pending: deque[Reaction] = field(default_factory=deque)
    seen: list[tuple[str, str, list[Any] | None]] = field(default_factory=list)
    headers: list[httpx.Headers] = field(default_factory=list)
    inside: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content) if request.content else None
        with self.lock:
            self.seen.append((request.method, request.url.path, asked and asked["texts"]))
            self.headers.append(request.headers)
            react = self.pending.popleft() if request.url.path == "/v1/predict" and self.pending else None
        if react:
            return react(request)
        if (
            request.url.path.startswith("/v1/")
            and self.key
            and request.headers.get("authorization") != f"Bearer {self.key}"
        ):
            return error(401, "unauthorized")(request)
        return self.react(request, asked)

    def react(self, request: httpx.Request, asked: dict[str, Any] | None) -> httpx.Response:
        match request.method, request.url.path:
            case "GET", "/v1/model":
                return httpx.Response(200, json=self.described())
            case "POST", "/v1/reload":
                self.model += "+"
                return (
                    httpx.Response(200, json=self.described()) if self.key else error(403, "reload_needs_key")(request)
                )
            case "GET", "/v2/health/live":
                return httpx.Response(200, json={"live": True})
            case "GET", "/v2/health/ready":
                return httpx.Response(200, json={"ready": True})
            case "POST", "/v1/predict":
                assert asked is not None
                return self.predicted(request, asked)
        return error(404, "not_found")(request)

    def described(self) -> dict[str, Any]:
        limits = {
            "texts": self.texts,
            "characters": self.characters,
            "body_bytes": self.body_bytes,
            "deadline_seconds": 30,
        }
        return {
            "name": "fake",
            "model": self.model,
            "limits": limits,
            "tasks": [{"name": "length", "kind": "regression", "labels": []}],
        }

    def predicted(self, request: httpx.Request, asked: dict[str, Any]) -> httpx.Response:
        assert set(asked) - {"top_k"} == {"texts", "tasks", "min_confidence", "truncate"}
        if len(request.content) > self.body_bytes:
            return error(413, "body_too_large")(request)
        if not 1 <= len(asked["texts"]) <= self.texts:
            return error(422, "invalid", message=f"texts: at most {self.texts}", field="texts")(request)
        for index, text in enumerate(asked["texts"]):
            if len(text) > self.characters and not asked["truncate"]:
                message = f"texts[{index}] has {len(text)} characters, the limit is {self.characters}"
                return error(422, "invalid", message=message, field=f"texts[{index}]")(request)
        results = [answer(text, self.characters) for text in asked["texts"]]
        return httpx.Response(200, json={"results": results, "model": self.model, "milliseconds": 1.0})


def answer(text: Any, characters: int = 1000) -> dict[str, Any]:
    first, *second = [text] if isinstance(text, str) else text
    pair = {"second": second[0]} if second else {}
    return {
        "text": first[:characters],
        **pair,
        "windows": 1,
        "truncated": len(first) > characters,
        "length": {"value": len(first)},
    }


class Blocking:
    """`Client`; waits are noted, not waited."""

    def __init__(self, server: Reaction, **options: Any) -> None:
        self.waits: list[float] = []
        self.client = Client(URL, transport=httpx.MockTransport(server), **options)
        self.client._pause = lambda seconds, gone: self.waits.append(seconds)  # type: ignore[method-assign]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def stream(self, texts: Iterable[Any], **options: Any) -> Any:
        return self.client.stream(texts, **options)


class Awaited:
    """`AsyncClient`, awaited call by call; waits are noted, not waited."""

    def __init__(self, server: Reaction, **options: Any) -> None:
        self.waits: list[float] = []
        self.client = AsyncClient(URL, transport=httpx.MockTransport(server), **options)

        async def pause(seconds: float) -> None:
            self.waits.append(seconds)

        self.client._pause = pause  # type: ignore[method-assign]

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        return lambda *args, **options: asyncio.run(method(*args, **options)) if callable(method) else method

    def stream(self, texts: Iterable[Any], **options: Any) -> Any:
        found = self.client.stream(texts, **options)
        with asyncio.Runner() as runner:
            try:
                while True:
                    yield runner.run(anext(found))  # type: ignore[arg-type]
            except StopAsyncIteration:
                return
            finally:
                runner.run(found.aclose())
