"""What every request goes through: its id, its key, its line in the log, and one form for what goes wrong."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polyhead.serving.keys import Keys
from polyhead.serving.refusals import CLIENT_GONE, INTERNAL, UNAUTHORIZED, Refusal
from polyhead.serving.service import Service

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_BEHIND_KEY = "/v1/"


class Gate:
    """Lets requests through to an application.

    Args:
        app: The application.
        service: Its log and counters are told.
        keys: Those that open what begins with ``/v1/``.
        paths: The paths there are; others are counted as one.
        direct: By method and path, what answers without the application around it, which costs a request of one text
            an eighth of its way through this process.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: Service,
        keys: Keys,
        paths: frozenset[str],
        direct: Mapping[tuple[str, str], ASGIApp],
    ) -> None:
        self._app, self._service, self._keys, self._paths, self._direct = app, service, keys, paths, direct

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given.decode() if _ID.fullmatch(given) else _new_id()
        about: dict[str, Any] = {}
        scope["polyhead"], scope["polyhead.start"], scope["polyhead.id"] = about, start, request_id
        answer = _Answer(send, request_id, last=self._service.draining)
        try:
            if self._keys and scope["path"].startswith(_BEHIND_KEY) and not self._keys.open(scope["headers"]):
                raise Refusal(UNAUTHORIZED)  # noqa: TRY301 (answered as all others are)
            app = self._direct.get((scope["method"], scope["path"]), self._app)
            await app(scope, receive, answer)
        except Refusal as refusal:
            await self._refuse(answer, refusal, about)
        except Exception as error:  # whatever it is: the client hears that something is wrong, and the log what
            self._service.log.fault(error, id=request_id)
            if not answer.status:
                await self._refuse(answer, Refusal(INTERNAL), about)
        self._count(scope, answer, time.perf_counter() - start, about)

    def tell(self, refusal: Refusal, client: str | None) -> str:
        """Count and log what was refused before it was a request.

        Args:
            refusal: What is answered.
            client: The client's address.

        Returns:
            The id it was given.
        """
        request_id, reason = _new_id(), refusal.reason
        self._service.metrics.requests.labels("other", str(reason.status)).inc()
        self._service.metrics.refusals.labels(reason.code).inc()
        if self._service.log.requests:
            self._service.log.event("refused", id=request_id, client=client, status=reason.status, reason=reason.code)
        return request_id

    async def _refuse(self, answer: _Answer, refusal: Refusal, about: dict[str, Any]) -> None:
        about["reason"] = refusal.reason.code
        body = refusal.body(answer.request_id)
        headers = [*refusal.headers(), (b"content-length", str(len(body)).encode())]
        await answer({"type": "http.response.start", "status": refusal.reason.status, "headers": headers})
        await answer({"type": "http.response.body", "body": body})

    def _count(self, scope: Scope, answer: _Answer, seconds: float, about: dict[str, Any]) -> None:
        service, path = self._service, scope["path"]
        known = path if path in self._paths else "other"
        service.metrics.requests.labels(known, str(answer.status)).inc()
        if "reason" in about:
            service.metrics.refusals.labels(about["reason"]).inc()
            if about["reason"] == CLIENT_GONE.code:
                service.metrics.gone.inc()
        elif "texts" in about:
            service.metrics.seconds.observe(seconds)
        if service.log.requests:
            client = scope.get("client")
            service.log.event(
                "request",
                id=answer.request_id,
                client=client[0] if client else None,
                method=scope["method"],
                path=path[:200],
                status=answer.status,
                milliseconds=round(1000 * seconds, 2),
                **about,
            )


def _new_id() -> str:
    return f"{random.getrandbits(64):016x}"


class _Answer:
    """Sends a response with the request's id, and remembers its status.

    Args:
        send: Sends it.
        request_id: The id.
        last: Whether the connection takes no further request.
    """

    def __init__(self, send: Send, request_id: str, *, last: bool) -> None:
        self._send, self.request_id, self.status = send, request_id, 0
        self._added = [(b"x-request-id", request_id.encode()), *([(b"connection", b"close")] if last else [])]

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._added]
        await self._send(message)
