"""What the server says where it has no answer: one form for all of it."""

from __future__ import annotations

import json
from math import ceil
from typing import NamedTuple


class Reason(NamedTuple):
    """Why there is no answer.

    Attributes:
        status: The HTTP status.
        code: The word for it, for programs.
        meaning: What it means, for people.
    """

    status: int
    code: str
    meaning: str


MALFORMED = Reason(400, "malformed", "the request is no HTTP/1.1")
CLIENT_GONE = Reason(400, "client_gone", "the client ended its side of the connection before it had its answer")
UNAUTHORIZED = Reason(401, "unauthorized", "no key, or not one of this server's keys")
NEEDS_KEY = Reason(403, "reload_needs_key", "models are exchanged on servers with keys alone; send SIGHUP instead")
NOT_FOUND = Reason(404, "not_found", "there is nothing at this path")
NOT_ALLOWED = Reason(405, "method_not_allowed", "the path does not take this method")
BODY_SLOW = Reason(408, "body_too_slow", "the body did not come in time")
HEAD_SLOW = Reason(408, "head_too_slow", "the head of the request did not come in time")
RELOADING = Reason(409, "reload_running", "a model is being loaded already")
BODY_LARGE = Reason(413, "body_too_large", "the body has more bytes than the server takes")
INVALID = Reason(422, "invalid", "the body is no such JSON object; `field` says where")
MODEL_REFUSED = Reason(422, "model_refused", "the new model cannot be used; the old one stays")
QUEUE_FULL = Reason(429, "queue_full", "as much waits as may wait; come again after `Retry-After` seconds")
HEAD_LARGE = Reason(431, "head_too_large", "the head of the request has more bytes than the server takes")
INTERNAL = Reason(500, "internal", "a fault of the server; its log has it under the request's id")
DRAINING = Reason(503, "draining", "the server is about to end")
NOT_READY = Reason(503, "not_ready", "no model is loaded at present")
CONNECTIONS = Reason(503, "too_many_connections", "as many connections are open as may be")
DEADLINE = Reason(504, "deadline", "there was no answer in time")


_LONGEST_WAIT = 60
"""Seconds after which it is worth trying again, whatever was measured."""


class Refusal(Exception):  # noqa: N818 (no error of ours: an answer)
    """An answer that is none.

    Args:
        reason: Why.
        message: What was found, and what to do; the reason's meaning where not given.
        field: What of the body it is about.
        retry_after: Seconds after which it is worth trying again.
        allow: The methods that the path takes.
    """

    def __init__(
        self,
        reason: Reason,
        message: str = "",
        *,
        field: str | None = None,
        retry_after: float | None = None,
        allow: str | None = None,
    ) -> None:
        super().__init__(message or reason.meaning)
        self.allow = allow
        self.reason, self.message, self.field = reason, message or reason.meaning, field
        self.retry_after = retry_after

    def body(self, request_id: str) -> bytes:
        """Return the body of the response."""
        field = {} if self.field is None else {"field": self.field}
        error = {"code": self.reason.code, "message": self.message, **field, "request_id": request_id}
        return json.dumps({"error": error}).encode()  # all ASCII: a message may quote half a surrogate pair

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return what of the head of the response is due to the reason."""
        found = [(b"content-type", b"application/json")]
        if self.retry_after is not None:
            found.append((b"retry-after", str(min(_LONGEST_WAIT, max(1, ceil(self.retry_after)))).encode()))
        if self.allow is not None:
            found.append((b"allow", self.allow.encode()))
        if self.reason is UNAUTHORIZED:
            found.append((b"www-authenticate", b"Bearer"))
        if self.reason in (BODY_LARGE, BODY_SLOW):  # what is left of the body is not read
            found.append((b"connection", b"close"))
        return found
