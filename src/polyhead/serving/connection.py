"""A connection that minds time and size: uvicorn's has no bound on the head of a request, or on a slow reader.

It also differs in how it ends. A client that is answered before it has sent everything, with a 413 say, would lose
the answer to a reset of the connection; so what it still sends is read for a moment. And the end of a client's side is
the end of its request: HTTP has no other word for "never mind".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from polyhead.serving.body import LEFT
from polyhead.serving.limits import ServerLimits
from polyhead.serving.refusals import CONNECTIONS, HEAD_LARGE, HEAD_SLOW, MALFORMED, Refusal

Tell = Callable[[Refusal, str | None], str]
"""Is told of a refusal and of the client's address, and gives the request an id."""
_LINGER_SECONDS = 2.0
"""Time for a client that was answered early to stop sending."""
_LAST_SECONDS = 0.2
"""Time for a request to come in while the server ends."""
_AROUND = 4
"""Bytes around name and value of a field."""
_OF_UPGRADES = (b"connection", b"upgrade", b"http2-settings")
_PIPELINED = 64
"""Requests that may wait on one connection behind the one that is being answered."""


class Connection(HttpToolsProtocol):
    """A connection. `of` makes a class of it with a server's limits, since uvicorn makes connections itself."""

    limits = ServerLimits()
    tell: Tell

    @classmethod
    def of(cls, limits: ServerLimits, tell: Tell) -> type[Connection]:
        """Return the class of a server's connections.

        Args:
            limits: What they take.
            tell: Is told of what is refused before the application sees it.
        """
        return type("Connection", (cls,), {"limits": limits, "tell": staticmethod(tell)})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._lingering: asyncio.TimerHandle | None = None
        self._in_head, self._begun, self._head_bytes, self._fields = True, False, 0, 0
        self._upgrading = False
        self._left: asyncio.Future[None] = self.loop.create_future()

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
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, as long as they are no endless head."""
        if self.over:
            return
        if self._in_head:
            if self._head is None:
                self._await_head()  # the head of a further request on a connection that was kept
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.header_bytes + self.limits.body_bytes:
                self._close_with(Refusal(HEAD_LARGE))
                return
        self._unset_keepalive_if_required()
        self._feed(data)
        # A body may come with its head, so that only a head that has not ended is known to be so large.
        if self._in_head and self._head_bytes > self.limits.header_bytes and not self.over:
            self._close_with(Refusal(HEAD_LARGE))

    def eof_received(self) -> bool:  # type: ignore[override]
        """Take the end of the client's side.

        Returns:
            Whether the connection stays open, for an answer.
        """
        self._leave()
        if self.over:
            return False
        if self._begun:
            self._close_with(Refusal(MALFORMED, "the client ended its side within the request"))
            return True
        if self.cycle is None or self.cycle.response_complete:
            return False
        self.cycle.keep_alive = False
        return True

    def on_message_begin(self) -> None:
        """Begin with a request."""
        super().on_message_begin()
        self._in_head, self._begun, self._fields = True, True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head."""
        self._fields += len(name) + len(value) + _AROUND
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Go on to the body, unless the head was too large."""
        self._in_head, self._head_bytes = False, 0
        if self._head is not None:
            self._head.cancel()
            self._head = None
        if self.over:
            return
        if self._fields + len(self.url) > self.limits.header_bytes:
            self._close_with(Refusal(HEAD_LARGE))
        elif len(self.pipeline) >= _PIPELINED:
            self._close_with(Refusal(MALFORMED, f"more than {_PIPELINED} requests wait on this connection"))
        elif self.parser.should_upgrade():
            self._upgrading = True
        else:
            self.scope[LEFT] = self._left  # type: ignore[literal-required]
            super().on_headers_complete()
            self.cycle.transport = _Way(self)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        if not self.over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if self._upgrading:
            return
        self._in_head, self._begun = True, False
        if not self.over:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request, unless this one is still coming in though it is answered."""
        if self._begun and not self.pipeline and not self.over:
            self.finish()
        if not self.over:
            super().on_response_complete()

    def shutdown(self) -> None:
        """Take no further request, but for one that is on its way already."""
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(_LAST_SECONDS, super().shutdown)
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """Wait for a client that takes no more, for a while."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.limits.stalled_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (what the parser says is always the same)
        """Answer what is no HTTP."""
        if not self.over:
            self._close_with(Refusal(MALFORMED))

    @property
    def over(self) -> bool:
        """Whether no further request is taken."""
        return self._lingering is not None or self.transport.is_closing()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._feed_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("")

    def _feed_without_upgrade(self, rest: bytes) -> None:
        """Read a request as if it had not asked for another protocol, as some clients always do.

        The parser takes what follows such a head for that protocol, and not for a body.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self.send_400_response("")
            return
        fields = [b"%b: %b\r\n" % field for field in self.headers if field[0] not in _OF_UPGRADES]
        head = b"%b %b HTTP/1.1\r\n%b\r\n" % (method, self.url, b"".join(fields))
        self.parser = httptools.HttpRequestParser(self)
        self._upgrading = False
        self._feed(head + rest)

    def _leave(self) -> None:
        if not self._left.done():
            self._left.set_result(None)

    def _await_head(self) -> None:
        self._head = self.loop.call_later(self.limits.header_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head = None
        if self.over:
            return
        if self._head_bytes:
            self._close_with(Refusal(HEAD_SLOW))
        else:
            self.transport.close()  # opened ahead, as browsers do, and not used

    def _close_with(self, refusal: Refusal) -> None:
        """Answer without looking at the request, and close."""
        request_id = self.tell(refusal, self.client[0] if self.client else None)
        body = refusal.body(request_id)
        fields = [*refusal.headers(), (b"content-length", str(len(body)).encode())]
        fields += [(b"connection", b"close"), (b"x-request-id", request_id.encode())]
        head = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
        self.transport.write(STATUS_LINE[refusal.reason.status] + head + b"\r\n" + body)
        self._begun = True  # whatever state it is in: more of it may be on its way
        self.finish()

    def finish(self) -> None:
        """Close; while the client sends, only once it had a moment to read the answer."""
        self._cancel()
        if self.transport.is_closing():
            return
        if not self._begun or self._left.done():
            self.transport.close()
            return
        self._lingering = self.loop.call_later(_LINGER_SECONDS, self.transport.close)
        self.flow.resume_reading()
        self.transport.write_eof()

    def _cancel(self) -> None:
        for timer in (self._head, self._lingering):
            if timer is not None:
                timer.cancel()
        self._head = None
        self._unset_keepalive_if_required()
        if self._stalled is not None and self.transport.is_closing():
            self._stalled.cancel()


class _Way:
    """What a response is written to; how the connection is closed is not its business.

    Args:
        connection: The connection.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        """Write, unless it is over: an answer behind the last one is for nobody."""
        if not self.is_closing():
            self._connection.transport.write(data)

    def is_closing(self) -> bool:
        """Whether it is over."""
        return self._connection.over

    def close(self) -> None:
        """Close it, once the client could read what was written."""
        self._connection.finish()
