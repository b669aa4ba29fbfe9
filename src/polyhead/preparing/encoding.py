"""The records of a run to arrays, a chunk at a time, by whichever process."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from polyhead.batching import Example
from polyhead.encoding import TextEncoder
from polyhead.notices import Notices
from polyhead.preparing.examples import TEXTS_AT_ONCE, examples_of
from polyhead.preparing.packing import Packed, pack
from polyhead.preparing.spool import StoredRecords
from polyhead.tasks import Task

NoticeState = list[tuple[str, str, int]]


@dataclass(frozen=True)
class Chunk:
    """Some records of one data set.

    Attributes:
        source: The number of the data set.
        start: The first of them, in the data set.
        stop: One past the last.
        first: The number of the first of them among those of all sets.
    """

    source: int
    start: int
    stop: int
    first: int


def chunks_of(sizes: Sequence[int]) -> Iterator[Chunk]:
    """Yield all chunks of data sets of some sizes, in order."""
    first = 0
    for source, size in enumerate(sizes):
        for start in range(0, size, TEXTS_AT_ONCE):
            yield Chunk(source, start, min(start + TEXTS_AT_ONCE, size), first + start)
        first += size


@dataclass(frozen=True)
class ChunkEncoder:
    """Encodes chunks.

    Attributes:
        sets: The records of each data set.
        weights: The weight of each.
        tasks: The tasks.
        encoder: The tokenizer, set up.
        strict: Whether notices are errors.
    """

    sets: Sequence[StoredRecords]
    weights: Sequence[float]
    tasks: Sequence[Task]
    encoder: TextEncoder
    strict: bool

    def encode(self, chunk: Chunk) -> tuple[Packed, NoticeState]:
        """Return a chunk's rows, and what is odd about them.

        Raises:
            PolyheadError: If they cannot be encoded.
        """
        notices = Notices(strict=self.strict)
        records = self.sets[chunk.source][chunk.start : chunk.stop]
        texts = self._examples(records, chunk.source, notices)
        heads = {task.name: task.head() for task in self.tasks}
        with _no_collection():
            return pack(texts, heads, self.encoder, first=chunk.first), notices.state()

    def again(self, text: int) -> list[Example]:
        """Make one text's rows anew.

        Args:
            text: Its number among those of all sets.
        """
        for source, records in enumerate(self.sets):
            if text < len(records):
                (rows,) = self._examples(records[text : text + 1], source, Notices())
                return rows
            text -= len(records)
        raise IndexError(text)

    def _examples(self, records: StoredRecords, source: int, notices: Notices) -> Iterator[list[Example]]:
        weight = self.weights[source]
        return examples_of(records, self.tasks, self.encoder, notices, weight=weight, source=source)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Look for no cycles of objects: a chunk has none, and many objects; looking took a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(frozen=True)
class Recipe:
    """What another process needs to make the same `ChunkEncoder`, as JSON.

    Attributes:
        folder: The entry of the records.
        places: The files of the places of each data set's records.
        weights: The weight of each data set.
        tasks: As `task_state` gives them.
        tokenizer_json: The tokenizer.
        encoding: How texts become rows.
        strict: Whether notices are errors.
    """

    folder: str
    places: list[str]
    weights: list[float]
    tasks: Sequence[Mapping[str, Any]]
    tokenizer_json: str
    encoding: Mapping[str, Any]
    strict: bool
