"""`polyhead serve` in a process of its own, and what it makes of arguments."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import typer

from polyhead import Client
from polyhead.cli.app import app

LIMIT = 120


class Serving:
    """`polyhead serve` in a process of its own."""

    def __init__(self, model: Path, *options: object, port: int = 0) -> None:
        command = [sys.executable, "-m", "polyhead", "serve", model, "--port", port, *options]
        self.process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
        assert self.process.stderr
        self.events: list[dict[str, Any]] = []
        for line in self.process.stderr:
            assert line.startswith("{"), line + self.process.stderr.read()
            self.events.append(json.loads(line))
            if "url" in self.events[-1]:
                break
        self.url = self.events[-1]["url"]
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stderr
        self.events += [json.loads(line) for line in self.process.stderr if line.startswith("{")]

    def ready(self) -> Serving:
        end = time.monotonic() + LIMIT
        with Client(self.url) as client:
            while not client.ready():
                assert self.process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.05)
        return self

    def close(self, sent: int = signal.SIGTERM) -> int:
        self.process.send_signal(sent)
        status = self.process.wait(LIMIT)
        self.reader.join(LIMIT)
        return status


def parsed(arguments: list[str]) -> dict[str, Any]:
    """What `polyhead serve` makes of arguments."""
    command = typer.main.get_command(app).get_command(None, "serve")  # type: ignore[attr-defined, arg-type]
    return dict(command.make_context("serve", list(arguments)).params)
