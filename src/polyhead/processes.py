"""Other processes of this program, which are told what to do by lines of JSON."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO, Self, cast

from polyhead import errors
from polyhead.errors import PolyheadError
from polyhead.machine import CORES


def answer_a_process(answer: Callable[[BinaryIO, BinaryIO], None], *, finish: bool = False) -> None:
    """Be the other process: answer what comes in until nothing more does.

    Args:
        answer: Reads from the first file, and writes to the second.
        finish: Whether what was asked is still answered once whoever asks has ended its side. Otherwise this process
            ends at once: whoever asked was killed, and would have it work on for hours, for nobody.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches whoever started this one, and ends it in its own way
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints must not get between
    if not finish and hasattr(select, "poll"):
        Thread(target=_end_without, args=(source,), daemon=True).start()
    with suppress(BrokenPipeError):  # nobody waits for the answer any more
        answer(source, sink)


def _end_without(source: BinaryIO) -> None:
    """End this process once the other end of a pipe is closed."""
    poll = select.poll()
    poll.register(source, 0)  # of no event but that one, which need not be asked for
    poll.poll()
    os._exit(0)


def write_error(sink: BinaryIO, error: PolyheadError) -> None:
    """Write a line of JSON that says what went wrong."""
    sink.write(json.dumps({"error": type(error).__name__, "message": str(error)}).encode() + b"\n")


def read_header(source: BinaryIO) -> dict[str, Any]:
    """Read the line of JSON that an answer begins with.

    Raises:
        PolyheadError: The error that was written.
        EOFError: If there is nothing to read: the process ended.
    """
    line = source.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    return parse_header(line)


def parse_header(line: bytes) -> dict[str, Any]:
    """Read a line of JSON.

    Raises:
        PolyheadError: The error that was written.
    """
    header: dict[str, Any] = json.loads(line)
    if "error" in header:
        kind: type[PolyheadError] = getattr(errors, header["error"], PolyheadError)
        raise kind.__new__(kind, header["message"])  # as it was: some are constructed of other things than a message
    return header


def command_of(
    module: str, *, cores: int, environment: Mapping[str, str] | None = None
) -> tuple[list[str], dict[str, str]]:
    """Return command and environment of another process of this program.

    Args:
        module: What it runs, as by ``python -m``.
        cores: How many it may keep busy.
        environment: What it is to find in its environment beside ours.
    """
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    threads = dict.fromkeys((CORES, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(cores))
    own = {"TOKENIZERS_PARALLELISM": str(cores > 1).lower(), **threads, **(environment or {})}
    return [sys.executable, "-P", "-m", module], {**os.environ, **own, "PYTHONPATH": paths}


class EndedError(Exception):
    """A process ended before it had answered."""


class Process:
    """Another process, for as long as the block lasts.

    Its name is that of our own interpreter, and it finds modules where we do. It is no fork, and no copy of the script
    that is being run: that need not expect to be imported.

    Args:
        module: What it runs, as by ``python -m``.
        cores: How many it may keep busy.
        environment: What it is to find in its environment beside ours.
    """

    def __init__(self, module: str, *, cores: int = 1, environment: Mapping[str, str] | None = None) -> None:
        self._command, self._environment = command_of(module, cores=cores, environment=environment)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 (our own module, by our own interpreter)
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._environment
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with suppress(OSError):
            self._process.communicate()

    @property
    def answers(self) -> BinaryIO:
        """What it writes."""
        assert self._process.stdout is not None  # noqa: S101 (as it was started)
        return cast("BinaryIO", self._process.stdout)

    def send(self, value: object) -> None:
        """Send it a line of JSON.

        Raises:
            EndedError: If it has ended.
        """
        assert self._process.stdin is not None  # noqa: S101 (as it was started)
        try:
            self._process.stdin.write(json.dumps(value).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self.ended() from None

    def ended(self) -> EndedError:
        """Return the error that says that it ended, and how."""
        return EndedError(f"ended by itself (status {self._process.wait()})")
