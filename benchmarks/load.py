"""Sends requests to a server, as cheaply as it can, for it shares the processors with whom it measures.

    python benchmarks/load.py HOST PORT

Reads a line of JSON a turn and answers with one:
`{"bodies": FILE, "path": "/v1/predict", "clients": 8, "seconds": 5}` for clients that each send the next request when
they have the answer of the one before (closed loop); with `"rate": 900` instead of clients, requests come at random
times at that rate, whatever becomes of those before (open loop), and a time is counted from when a request was due.
FILE holds a JSON list of bodies. One thread, raw sockets, requests that are put together before.
"""

from __future__ import annotations

import heapq
import json
import random
import resource
import select
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LENGTH = b"\r\ncontent-length:"
_CHUNK = 262_144
_SAT_OUT = 0.1
"""Seconds that a client of a closed loop does nothing after a refusal; a real one would back off for longer."""
_MOST_CONNECTIONS = 3000
_CONNECT_SECONDS = 5.0
LIMIT_SECONDS = 60.0
"""After this, what has no answer is counted as lost."""


@dataclass(eq=False)
class Connection:
    """A connection, and the request that is on its way."""

    socket: socket.socket
    due: float = 0.0
    got: bytearray = field(default_factory=bytearray)
    wants: int = 0
    busy: bool = False


@dataclass
class Found:
    """What came of a turn."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


class Load:
    """Sends requests to one server."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._poll = select.epoll()
        self._open: dict[int, Connection] = {}
        self._free: list[Connection] = []
        self._requests: list[bytes] = []
        self._at = 0

    def take(self, bodies: list[str], path: str) -> None:
        """Put requests together."""
        self._requests = [request(self._address, path, body.encode()) for body in bodies]
        self._at = 0  # another size has fewer of them

    def closed(self, clients: int, warm: float, seconds: float) -> Found:
        """Have so many clients ask one request after the other."""
        found, start = Found(), time.perf_counter()
        begin, end = start + warm, start + warm + seconds
        waiting: list[tuple[float, int]] = [(start, number) for number in range(clients)]
        busy = 0
        while (now := time.perf_counter()) < end:
            while waiting and waiting[0][0] <= now:
                heapq.heappop(waiting)
                self._send(time.perf_counter())
                busy += 1
            pause = min(end, waiting[0][0] if waiting else end) - now
            for connection, status in self._answers(pause):
                busy -= 1
                done = time.perf_counter()
                if done >= begin:
                    note(found, status, done - connection.due)
                if status == "200":
                    self._send(done)
                    busy += 1
                else:
                    heapq.heappush(waiting, (done + _SAT_OUT, 0))
        self._finish(busy)
        return found

    def opened(self, rate: float, seconds: float, seed: int) -> Found:
        """Send at random times, at a rate, whatever becomes of it."""
        found, draw, start = Found(), random.Random(seed), time.perf_counter()
        due, end, busy = start, start + seconds, 0
        while due < end or busy:
            now = time.perf_counter()
            if now > end + LIMIT_SECONDS:
                break
            while due <= now and due < end:
                if self._send(due):
                    busy += 1
                    found.late.append(time.perf_counter() - due)
                else:
                    found.statuses["not sent"] += 1
                due += draw.expovariate(rate)
            pause = min(due, end) - time.perf_counter() if due < end else 1.0
            for connection, status in self._answers(max(0.0, pause)):
                busy -= 1
                note(found, status, time.perf_counter() - connection.due)
        if busy:
            found.statuses["lost"] += busy
        self._close()
        return found

    def _send(self, due: float) -> bool:
        connection = self._free.pop() if self._free else self._connect()
        if connection is None:
            return False
        sent = self._requests[self._at]
        self._at = (self._at + 1) % len(self._requests)
        connection.due, connection.busy = due, True
        try:
            if connection.socket.send(sent) != len(sent):
                raise SystemExit("a request does not fit into a socket's buffer")
        except OSError:  # closed by the server while it was idle
            self._drop(connection)
            return self._send(due)
        return True

    def _connect(self) -> Connection | None:
        if len(self._open) >= _MOST_CONNECTIONS:
            return None
        try:
            made = socket.create_connection(self._address, timeout=_CONNECT_SECONDS)
        except OSError:
            return None
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
        connection = self._open[made.fileno()] = Connection(made)
        self._poll.register(made, select.EPOLLIN)
        return connection

    def _answers(self, seconds: float) -> list[tuple[Connection, str]]:
        """Return the connections whose answers are whole, after at most so many seconds."""
        done = []
        for number, _ in self._poll.poll(max(0.0, seconds)):
            connection = self._open[number]
            try:
                came = connection.socket.recv(_CHUNK)
            except OSError:
                came = b""
            if not came:
                self._drop(connection)
                if connection.busy:
                    done.append((connection, "broken"))
                continue
            if status := whole(connection, came):
                connection.busy = False
                self._free.append(connection)
                done.append((connection, status))
        return done

    def _drop(self, connection: Connection) -> None:
        self._poll.unregister(connection.socket)
        del self._open[connection.socket.fileno()]
        connection.socket.close()
        if connection in self._free:
            self._free.remove(connection)

    def _finish(self, busy: int) -> None:
        end = time.perf_counter() + LIMIT_SECONDS
        while busy > 0 and time.perf_counter() < end:
            busy -= len(self._answers(1.0))
        self._close()

    def _close(self) -> None:
        for connection in list(self._open.values()):
            self._drop(connection)


def request(address: tuple[str, int], path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: {address[0]}:{address[1]}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def whole(connection: Connection, came: bytes) -> str:
    """Take bytes; return the status once the answer is whole."""
    got = connection.got
    got += came
    if not connection.wants:
        end = got.find(b"\r\n\r\n")
        if end < 0:
            return ""
        head = bytes(got[:end]).lower() + b"\r\n"
        at = head.find(_LENGTH)
        if at < 0:
            raise SystemExit(f"an answer without content-length: {head[:300]!r}")
        connection.wants = end + 4 + int(head[at + len(_LENGTH) : head.find(b"\r\n", at + 2)])
    if len(got) < connection.wants:
        return ""
    status = bytes(got[9:12]).decode()
    got.clear()
    connection.wants = 0
    return status


def note(found: Found, status: str, seconds: float) -> None:
    found.statuses[status] += 1
    if status == "200":
        found.seconds.append(seconds)


def milliseconds(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        name: 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
        if ordered
    }


def own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def turn(load: Load, what: dict[str, Any]) -> dict[str, Any]:
    load.take(json.loads(Path(what["bodies"]).read_text(encoding="utf-8")), what["path"])
    before = own_seconds()
    if "rate" in what:
        found = load.opened(what["rate"], what["seconds"], what.get("seed", 0))
    else:
        found = load.closed(what["clients"], what.get("warm", 0.0), what["seconds"])
    return {
        "statuses": dict(found.statuses),
        "requests_per_second": found.statuses["200"] / what["seconds"],
        **milliseconds(found.seconds),
        "late": milliseconds(found.late).get("p99", 0.0),
        "cpu_seconds": own_seconds() - before,
    }


def main() -> None:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    load = Load(sys.argv[1], int(sys.argv[2]))
    for line in sys.stdin:
        print(json.dumps(turn(load, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
