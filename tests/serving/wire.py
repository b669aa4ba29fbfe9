"""Raw bytes to a server and back: what no client library would send."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, Self

PATIENCE = 30.0


class Response(NamedTuple):
    """An answer as it was read."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["error"]["code"])

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._left = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> Self:
        self.socket.sendall(data)
        return self

    def send_while_it_may(self, data: bytes) -> Self:
        """Send what the server may not want to read to its end."""
        with suppress(OSError):
            self.socket.sendall(data)
        return self

    def end(self) -> Self:
        """Send no more."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def read(self) -> Response:
        """Read an answer; interim ones are passed over."""
        while b"\r\n\r\n" not in self._left:
            self._left += self._more()
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ")[1])
        if status < 200:
            return self.read()
        while len(self._left) < int(headers.get("content-length", 0)):
            self._left += self._more()
        size = int(headers.get("content-length", 0))
        body, self._left = self._left[:size], self._left[size:]
        return Response(status, headers, body)

    def _more(self) -> bytes:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"the server closed; {self._left[:200]!r} was read")
        return data

    def closed(self, seconds: float = PATIENCE) -> bool:
        """Whether the server closes without a further word."""
        self.socket.settimeout(seconds)
        try:
            return not self._left and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def post(body: bytes, *fields: bytes, path: bytes = b"/v1/predict", length: bool = True) -> bytes:
    """Make a request of its parts."""
    own = [b"content-length: %d" % len(body)] if length else []
    return b"POST %b HTTP/1.1\r\nhost: a\r\n%b\r\n" % (path, b"".join(one + b"\r\n" for one in (*own, *fields))) + body


def predict(*texts: str, **more: object) -> bytes:
    """Make a request for answers."""
    return post(json.dumps({"texts": texts, **more}).encode())


def exchange(port: int, data: bytes) -> Response:
    """Send bytes, and read an answer."""
    with Wire(port) as wire:
        return wire.send_while_it_may(data).read()


def took(start: float) -> float:
    return time.monotonic() - start
