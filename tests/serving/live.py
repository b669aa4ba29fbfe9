"""A server in a process of its own, and what it says of itself."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

COMMAND = (sys.executable, "-m", "polyhead", "serve")
DOUBLE = (sys.executable, "-m", "tests.serving.serve_double")
"""The same, but for the processes that answer: they load no model (`double.py`)."""
ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds: machines that test are busy."""


class Server:
    """A server, from its start to its end.

    Args:
        arguments: The model, and options; the port is any that is free.
        command: Starts it.
        environment: What it finds in its environment beside ours.
    """

    def __init__(
        self, *arguments: object, command: Sequence[str] = COMMAND, environment: Mapping[str, str] | None = None
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [*command, *map(str, arguments), "--port", "0"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
        )
        self._heard = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(5)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._heard:
                self.lines.append(line)
                if line.startswith("{"):
                    self.events.append(json.loads(line))
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()

    def wait_for(self, event: str, *, count: int = 1, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait until it has logged an event so often, and return the last of them."""

        def found() -> list[dict[str, Any]]:
            return [one for one in self.events if one["event"] == event]

        with self._heard:
            if not self._heard.wait_for(lambda: len(found()) >= count, seconds):
                raise AssertionError(f"no {count} of {event!r} in {''.join(self.lines[-50:])}")
            return found()[count - 1]

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return what it logged of a sort so far."""
        return [one for one in list(self.events) if one["event"] == event]

    def ready(self) -> Self:
        """Wait until it answers."""
        self.wait_for("ready")
        return self

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.wait_for("listening")["url"].rsplit(":", 1)[1])

    def ask(
        self, path: str, body: object = None, *, method: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, content, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def predict(self, *texts: object, **more: object) -> Answer:
        """Ask for answers."""
        return self.ask("/v1/predict", {"texts": texts, **more})

    def metric(self, name: str) -> float:
        """Return a figure from its metrics."""
        lines = self.ask("/metrics").body.decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    @property
    def children(self) -> list[psutil.Process]:
        """The processes that answer."""
        return psutil.Process(self.process.pid).children()

    def open_files(self) -> int:
        """How many files and connections it has open."""
        return psutil.Process(self.process.pid).num_fds()

    def end(self, wish: signal.Signals = signal.SIGTERM, *, seconds: float = PATIENCE) -> int:
        """Tell it to end, and return its status."""
        self.process.send_signal(wish)
        return self.process.wait(seconds)


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The word for why there is no answer."""
        return str(self.json()["error"]["code"])

    def __repr__(self) -> str:
        return f"{self.status} {self.body[:300]!r}"


def eventually(check: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it never came to be so"
        time.sleep(0.02)
