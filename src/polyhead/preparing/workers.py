"""Chunks that are encoded by several processes, and come back in their order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from itertools import cycle

from polyhead.ahead import in_order
from polyhead.machine import cores
from polyhead.preparing.encoding import Chunk, ChunkEncoder, NoticeState, Recipe
from polyhead.preparing.packing import Packed
from polyhead.preparing.worker import read_answer
from polyhead.processes import EndedError, Process

MANY = 20_000
"""Records from which on other processes are worth their start."""
_AHEAD = 2
"""Chunks that a process has at a time: one that it encodes, and the next."""
_MOST = 16

Answer = tuple[Packed, NoticeState]


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
    except EndedError as error:
        say(f"a process that encodes texts {error}; the rest is encoded by this one")
    yield from map(encoder.encode, chunks[done:])


def _by_others(chunks: Sequence[Chunk], recipe: Recipe, processes: int) -> Iterator[Answer]:
    with ExitStack() as stack:
        workers = [stack.enter_context(_Worker(recipe)) for _ in range(min(processes, len(chunks)))]
        for worker in workers:
            worker.begin()
        turns = cycle(workers)

        def begin(chunk: Chunk) -> _Worker:
            worker = next(turns)
            worker.give(chunk)
            return worker

        yield from in_order(chunks, begin, lambda worker: worker.take(), ahead=lambda _: _AHEAD * len(workers) - 1)


class _Worker(Process):
    """A process that encodes chunks."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__("polyhead.preparing.worker")
        self._recipe = recipe

    def begin(self) -> None:
        """Tell it what it needs; it hears of it when it has imported what it needs, as do the others meanwhile."""
        self.send(asdict(self._recipe))

    def give(self, chunk: Chunk) -> None:
        """Have it encode a chunk."""
        self.send(asdict(chunk))

    def take(self) -> Answer:
        """Wait for the first of the chunks that it has."""
        try:
            return read_answer(self.answers)
        except EOFError:
            raise self.ended() from None
