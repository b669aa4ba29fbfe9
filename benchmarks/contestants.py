"""Contestants of a benchmark that take turns, each in a process of its own that waits for its turn."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


class Contestant:
    """One of them.

    Args:
        command: What it runs, behind the interpreter; it reads a line of JSON a turn, and answers with one.
    """

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **what: Any) -> dict[str, float]:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(what), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("a contestant ended early; its error stands above")
        found: dict[str, float] = json.loads(answer)
        return found

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
