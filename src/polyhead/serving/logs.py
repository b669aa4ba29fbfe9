"""What a server says of itself: a line of JSON each, without the texts of requests unless that was asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any


class Log:
    """Writes lines of JSON.

    Args:
        write: Takes a line; standard error where not given.
        requests: Whether each request has a line.
        texts: Whether it has the texts.
    """

    def __init__(
        self, write: Callable[[str], object] | None = None, *, requests: bool = True, texts: bool = False
    ) -> None:
        self._write = write or _to_stderr
        self.requests, self.texts = requests, texts

    def event(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Write a line.

        Args:
            event: What happened.
            level: ``info``, ``warning`` or ``error``.
            **fields: What else is known of it.
        """
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._write(json.dumps({"time": time, "level": level, "event": event, **fields}) + "\n")


def _to_stderr(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()
