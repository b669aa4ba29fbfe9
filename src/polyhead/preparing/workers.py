"""Chunks that are encoded by several processes, and come back in their order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Self, cast

from polyhead.preparing.encoding import Chunk, ChunkEncoder, NoticeState, Recipe
from polyhead.preparing.packing import Packed
from polyhead.preparing.worker import read_answer

MANY = 20_000
"""Records from which on other processes are worth their start."""
_AHEAD = 2
"""Chunks that a process has at a time: one that it encodes, and the next."""
_MOST = 16
_QUOTA = Path("/sys/fs/cgroup/cpu.max")

Answer = tuple[Packed, NoticeState]


def cores() -> int:
    """Return how many cores this process may keep busy: those it is bound to, and what its container may use."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        share, period = _QUOTA.read_text().split()
        if share != "max":
            return max(1, min(bound, round(int(share) / int(period))))
    return bound


def how_many(records: int) -> int:
    """Return by how many other processes so many records are best encoded; 0: by none."""
    found = min(cores(), _MOST)
    return found if records >= MANY and found > 1 and sys.executable else 0


def encoded(
    chunks: Sequence[Chunk], encoder: ChunkEncoder, recipe: Recipe, *, processes: int, say: Callable[[str], None]
) -> Iterator[Answer]:
    """Yield what becomes of each chunk, in their order.

    Args:
        chunks: The chunks.
        encoder: Encodes them, where this is done here.
        recipe: By which other processes make the same.
        processes: How many; 0: it is done here.
        say: Hears of a process that ended by itself; what is left is then done here.

    Raises:
        PolyheadError: If a chunk cannot be encoded: the first of those that cannot, as it would be here.
    """
    done = 0
    try:
        for answer in _by_others(chunks, recipe, processes) if processes else ():
            yield answer
            done += 1
    except _EndedError as error:
        say(f"{error}; the rest is encoded by this one")
    yield from map(encoder.encode, chunks[done:])


def _by_others(chunks: Sequence[Chunk], recipe: Recipe, processes: int) -> Iterator[Answer]:
    with ExitStack() as stack:
        workers = [stack.enter_context(_Worker(recipe)) for _ in range(min(processes, len(chunks)))]
        for worker in workers:
            worker.begin()
        waiting: deque[_Worker] = deque()
        for number, chunk in enumerate(chunks):
            if len(waiting) == _AHEAD * len(workers):
                yield waiting.popleft().take()
            worker = workers[number % len(workers)]
            worker.give(chunk)
            waiting.append(worker)
        while waiting:
            yield waiting.popleft().take()


class _EndedError(Exception):
    """A process ended before it had answered."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(f"a process that encodes texts ended by itself (status {process.wait()})")


class _Worker:
    """Another process.

    Its name is that of our own interpreter, and it finds modules where we do. It is no fork, and no copy of the script
    that is being run: that need not expect to be imported.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def __enter__(self) -> Self:
        threads = {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "polyhead.preparing.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **threads, "PYTHONPATH": paths},
        )
        return self

    def begin(self) -> None:
        """Tell it what it needs; it hears of it when it has imported what it needs, as do the others meanwhile."""
        self._send(asdict(self._recipe))

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with suppress(OSError):
            self._process.communicate()

    def give(self, chunk: Chunk) -> None:
        """Have it encode a chunk."""
        self._send(asdict(chunk))

    def take(self) -> Answer:
        """Wait for the first of the chunks that it has."""
        assert self._process.stdout is not None  # noqa: S101 (as it was started)
        try:
            return read_answer(cast("BinaryIO", self._process.stdout))
        except EOFError:
            raise _EndedError(self._process) from None

    def _send(self, value: object) -> None:
        assert self._process.stdin is not None  # noqa: S101 (as it was started)
        try:
            self._process.stdin.write(json.dumps(value).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise _EndedError(self._process) from None
