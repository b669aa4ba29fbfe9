"""A connection that minds time and size: uvicorn's has no bound on the head of a request, or on a slow reader."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from polyhead.serving.limits import ServerLimits
from polyhead.serving.refusals import CONNECTIONS, HEAD_LARGE, HEAD_SLOW, MALFORMED, Refusal


class Connection(HttpToolsProtocol):
    """A connection. `of` makes a class of it with a server's limits, since uvicorn makes connections itself."""

    limits = ServerLimits()

    @classmethod
    def of(cls, limits: ServerLimits) -> type[Connection]:
        """Return the class of a server's connections."""
        return type("Connection", (cls,), {"limits": limits})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._in_head, self._head_bytes, self._fields = True, 0, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; the first request has as long as any other to come."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._close_with(Refusal(CONNECTIONS, retry_after=1))
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, as long as they are no endless head."""
        if self.transport.is_closing():
            return
        if self._in_head:
            if self._head is None:
                self._await_head()  # the head of a further request on a connection that was kept
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.header_bytes + self.limits.body_bytes:
                self._close_with(Refusal(HEAD_LARGE))
                return
        super().data_received(data)
        # A body may come with its head, so that only a head that has not ended is known to be so large.
        if self._in_head and self._head_bytes > self.limits.header_bytes and not self.transport.is_closing():
            self._close_with(Refusal(HEAD_LARGE))

    def on_message_begin(self) -> None:
        """Begin with a request."""
        super().on_message_begin()
        self._in_head, self._fields = True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head."""
        self._fields += len(name) + len(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Go on to the body, unless the head was too large."""
        self._in_head, self._head_bytes = False, 0
        if self._head is not None:
            self._head.cancel()
            self._head = None
        if self._fields + len(self.url) > self.limits.header_bytes:
            self._close_with(Refusal(HEAD_LARGE))
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._in_head = True
        if not self.transport.is_closing():
            super().on_message_complete()

    def pause_writing(self) -> None:
        """Wait for a client that takes no more, for a while."""
        super().pause_writing()
        loop = asyncio.get_running_loop()
        self._stalled = loop.call_later(self.limits.stalled_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (what the parser says is always the same)
        """Answer what is no HTTP."""
        self._close_with(Refusal(MALFORMED))

    def _await_head(self) -> None:
        loop = asyncio.get_running_loop()
        self._head = loop.call_later(self.limits.header_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head = None
        if not self.transport.is_closing():
            self._close_with(Refusal(HEAD_SLOW))

    def _close_with(self, refusal: Refusal) -> None:
        """Answer without looking at the request, and close."""
        self._cancel()
        body = refusal.body("")
        fields = [*refusal.headers(), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
        head = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
        self.transport.write(STATUS_LINE[refusal.reason.status] + head + b"\r\n" + body)
        self.transport.close()

    def _cancel(self) -> None:
        for timer in (self._head, self._stalled):
            if timer is not None:
                timer.cancel()
        self._head = self._stalled = None
