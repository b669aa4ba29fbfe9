"""What a server says of itself: a line of JSON each, without the texts of requests unless that was asked for."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

_LIBRARIES = {"uvicorn": logging.ERROR, "asyncio": logging.WARNING}
"""The server below warns of each request that is none, which is told already."""
_FRAMES = 5


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
        """Write a line; a log that cannot be written to, on a full disk say, is no reason to answer nobody.

        Args:
            event: What happened.
            level: ``info``, ``warning`` or ``error``.
            **fields: What else is known of it.
        """
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        with suppress(OSError, ValueError):
            self._write(json.dumps({"time": time, "level": level, "event": event, **fields}) + "\n")

    def fault(self, error: BaseException, *, event: str = "fault", **fields: Any) -> None:
        """Write where an error nobody expected came from; not what it says, which may quote a text.

        Args:
            error: The error.
            event: What happened.
            **fields: What else is known of it.
        """
        self.event(event, level="error", error=type(error).__name__, where=places(error), **fields)

    def take_over(self) -> None:
        """Have what the libraries below say come here, too, so that every line is JSON."""
        for name, level in _LIBRARIES.items():
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [_Handler(self)], False
            logger.setLevel(level)


class _Handler(logging.Handler):
    """Writes what a library says to a log; the words of the library, and not those of an error."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        level = "error" if record.levelno >= logging.ERROR else "warning"
        about: dict[str, Any] = {"library": record.name, "message": str(record.msg).partition("\n")[0][:200]}
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            about |= {"error": type(error).__name__, "where": places(error)}
        self._log.event("library", level=level, **about)


def places(error: BaseException) -> list[str]:
    """Return the innermost places that an error passed."""
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-_FRAMES:]]


def _to_stderr(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()
