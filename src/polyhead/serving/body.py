"""The body of a request, read within its bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from polyhead.serving.limits import ServerLimits
from polyhead.serving.refusals import BODY_LARGE, BODY_SLOW, CLIENT_GONE, Refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LEFT = "polyhead.left"
"""Name, in the scope of a request, of the future that is done once the client has ended its side."""


@contextmanager
def client_leaving(scope: Scope, receive: Receive) -> Iterator[asyncio.Future[Any]]:
    """Give what is done once nobody waits for the answer any more; the body must have been read."""
    if LEFT in scope:
        yield scope[LEFT]
        return
    asking = asyncio.ensure_future(receive())
    try:
        yield asking
    finally:
        asking.cancel()


async def read_body(headers: list[tuple[bytes, bytes]], receive: Receive, limits: ServerLimits) -> bytes:
    """Read a body.

    Args:
        headers: Of the request.
        receive: Gives its parts.
        limits: How large it may be, and how long it may take.

    Raises:
        Refusal: If it is larger, or takes longer, or the client left.
    """
    told = next((value for name, value in headers if name == b"content-length"), b"0")
    if told.isdigit() and int(told) > limits.body_bytes:
        raise _too_large(limits)
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _whole(receive, limits)
    except TimeoutError:
        raise Refusal(BODY_SLOW, f"the body did not come within {limits.body_seconds:g} s") from None


async def _whole(receive: Receive, limits: ServerLimits) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(CLIENT_GONE)
        part = message.get("body", b"")
        size += len(part)
        if size > limits.body_bytes:  # chunks may come without a word of how much they are together
            raise _too_large(limits)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _too_large(limits: ServerLimits) -> Refusal:
    return Refusal(BODY_LARGE, f"a body may have {limits.body_bytes:,} bytes; send the texts in several requests")
