"""What a server takes before it says no."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServerLimits:
    """What a server takes before it says no.

    Attributes:
        texts: Texts in a request.
        characters: Characters in a text; the model's own limit where `None`.
        body_bytes: Bytes in a body.
        queue_requests: Requests that may wait.
        queue_tokens: Tokens that may wait, as estimated from characters. A request that comes when nothing waits is
            taken whatever its size.
        batch_tokens: Tokens in a batch, as estimated.
        deadline_seconds: A request that has no answer after this gets none.
        body_seconds: Time in which a body must have come.
        header_seconds: Time in which the head of a request must have come.
        header_bytes: Bytes of a head.
        stalled_seconds: Time after which a client that takes no answer is cut off.
        idle_seconds: Time that a connection may be open without a request.
        connections: Connections open at once.
        drain_seconds: Time to finish what is in flight once the server is told to end.
    """

    texts: int = 256
    characters: int | None = None
    body_bytes: int = 2**20
    queue_requests: int = 1024
    queue_tokens: int = 65_536
    batch_tokens: int = 4096
    deadline_seconds: float = 10.0
    body_seconds: float = 10.0
    header_seconds: float = 10.0
    header_bytes: int = 32_768
    stalled_seconds: float = 20.0
    idle_seconds: float = 75.0
    connections: int = 4096
    drain_seconds: float = 20.0
