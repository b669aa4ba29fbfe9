"""The servers that `benchmarks/serving.py` compares: processes of their own, their processors and their memory."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contestants import Contestant

HERE = Path(__file__).parent
_START_SECONDS = 300.0
_TICK = os.sysconf("SC_CLK_TCK")


class Server:
    """A server in a process of its own.

    Args:
        command: What it runs.
        log: Where it writes.
        health: The path that answers 200 once it is ready.
        path: Where texts are sent.
        environment: What is added to its environment.
    """

    def __init__(self, command: list[str], log: Path, *, health: str, path: str, environment: dict[str, str]) -> None:
        self.path = path
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, *command], stdout=file, stderr=file, env={**os.environ, **environment}
            )
        self.port = self._port(log, health)
        self.load = Contestant([str(HERE / "load.py"), "127.0.0.1", str(self.port)])

    def _port(self, log: Path, health: str) -> int:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            time.sleep(0.1)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text()):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}{health}", timeout=5):
                        return int(found[1])
                except OSError:
                    continue
        raise SystemExit(f"the server did not start:\n{log.read_text()[-2000:]}")

    def ask(self, bodies: Path, **what: Any) -> dict[str, Any]:
        """Send requests, and tell what came, and how many processors each side took."""
        before, started = self.cpu_seconds(), time.perf_counter()
        found: dict[str, Any] = self.load.ask(bodies=str(bodies), path=self.path, **what)
        seconds = time.perf_counter() - started
        found["server_cores"] = (self.cpu_seconds() - before) / seconds
        found["load_cores"] = found["cpu_seconds"] / seconds
        return found

    def processes(self) -> list[int]:
        """Return its processes' numbers."""
        parents = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
            except OSError:  # it ended in this moment
                continue
        family = [self._process.pid]
        for number in family:
            family += [child for child, parent in parents.items() if parent == number]
        return family

    def cpu_seconds(self) -> float:
        """Return what its processes have taken so far."""
        fields = [Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split() for number in self.processes()]
        return sum(int(one[11]) + int(one[12]) for one in fields) / _TICK

    def megabytes(self) -> float:
        """Return what its processes hold in memory."""
        lines = [
            line for number in self.processes() for line in Path(f"/proc/{number}/status").read_text().splitlines()
        ]
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024

    def close(self) -> int:
        self.load.close()
        self._process.terminate()
        return self._process.wait(60)


@contextmanager
def polyhead_server(options: argparse.Namespace, folder: Path, work: Path) -> Iterator[Server]:
    command = ["-m", "polyhead", "serve", str(folder / "exported"), "--port", "0", "--runtime", options.runtime]
    command += ["--precision", options.precision] if options.precision else []
    command += ["--workers", str(options.workers)]
    server = Server(command, work / "polyhead.log", health="/v2/health/ready", path="/v1/predict", environment={})
    try:
        yield server
    finally:
        server.close()


@contextmanager
def peer_server(folder: Path, work: Path) -> Iterator[Server]:
    command = ["-m", "uvicorn", "--app-dir", str(HERE), "fastapi_peer:app", "--port", "0"]
    models = {"PEER_MODELS": str(folder)}
    server = Server(command, work / "peer.log", health="/health", path="/predict", environment=models)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def watched(server: Server) -> Iterator[list[float]]:
    """Note what the server's processes hold, once a second."""
    found: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            found.append(server.megabytes())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
