"""Records on disk: written once as a stream, read back one by one or in order, none of them held.

records.jsonl   a line a record, see `codec.py`
offsets.npy     where each line begins, and where the last one ends
carried.npy     by record and task: whether it carries the task's annotation
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from polyhead.preparing.arrays import ArrayWriter, open_array
from polyhead.preparing.codec import annotation_of, record_line, record_of
from polyhead.records import Record

LINES, OFFSETS, CARRIED, PATHS = "records.jsonl", "offsets.npy", "carried.npy", "paths.json"
FILES = (LINES, OFFSETS, CARRIED, PATHS)
_AT_ONCE = 512
"""Records whose lines are read in one go."""
_MOST_BYTES = 8 * 2**20
"""That a go may read; longer records are read one by one."""

Places = NDArray[np.int64]


class Spool:
    """Writes records.

    Args:
        folder: Where its files go.
        tasks: The tasks whose annotations records carry.
    """

    def __init__(self, folder: Path, tasks: Sequence[str]) -> None:
        self._folder, self._tasks = folder, tuple(tasks)
        self._paths: dict[str, int] = {}
        self._count = self._end = 0
        self._lines = (folder / LINES).open("wb")
        self._offsets = ArrayWriter(folder / OFFSETS, np.int64)
        self._carried = ArrayWriter(folder / CARRIED, np.bool_, (len(self._tasks),))
        self._offsets.append(np.zeros(1, dtype=np.int64))
        self._stored = RecordFile(folder, self._tasks)

    def keep(self, records: Iterable[Record]) -> StoredRecords:
        """Write records, and return them as they are to be read once all are written.

        Raises:
            CannotStoreError: If an annotation has a type that is not known here.
            OSError: If the disk does not take them.
        """
        first = self._count
        lines: list[bytes] = []
        carried: list[list[bool]] = []
        for record in records:
            lines.append(record_line(record, self._number(record)))
            carried.append([name in record.annotations for name in self._tasks])
            if len(lines) == _AT_ONCE:
                self._write(lines, carried)
                lines, carried = [], []
        self._write(lines, carried)
        return StoredRecords(self._stored, np.arange(first, self._count))

    def close(self) -> None:
        """Have the files hold all that was written; from now on it can be read."""
        self._lines.close()
        self._offsets.close()
        self._carried.close()
        (self._folder / PATHS).write_text(json.dumps({"paths": list(self._paths), "tasks": self._tasks}), "utf-8")
        self._stored.open()  # now, since the folder may get another name

    def _number(self, record: Record) -> int:
        path = record.source.path if record.source else ""
        return self._paths.setdefault(path, len(self._paths))

    def _write(self, lines: Sequence[bytes], carried: Sequence[Sequence[bool]]) -> None:
        if not lines:
            return
        self._lines.write(b"".join(lines))
        ends = self._end + np.cumsum([len(line) for line in lines])
        self._offsets.append(ends)
        self._carried.append(np.array(carried, dtype=np.bool_).reshape(len(lines), len(self._tasks)))
        self._count, self._end = self._count + len(lines), int(ends[-1])


class RecordFile:
    """The files of a spool, held open once they are opened: whoever moves or removes them then changes nothing.

    Args:
        folder: Where they are then.
        tasks: The tasks whose annotations records carry.
    """

    def __init__(self, folder: Path, tasks: Sequence[str]) -> None:
        self._folder, self.tasks = folder, tuple(tasks)

    @classmethod
    def opened(cls, folder: Path) -> RecordFile:
        """Open files that are whole."""
        found = cls(folder, json.loads((folder / PATHS).read_text("utf-8"))["tasks"])
        found.open()
        return found

    def open(self) -> None:
        """Open the files now."""
        _ = self.handle, self.offsets, self.carried, self.paths

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def handle(self) -> int:
        """The open file of the lines."""
        return os.open(self._folder / LINES, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Where each line begins, and where the last one ends."""
        return open_array(self._folder / OFFSETS)

    @cached_property
    def carried(self) -> NDArray[np.bool_]:
        """By record and task: whether it carries the task's annotation."""
        return open_array(self._folder / CARRIED)

    @cached_property
    def paths(self) -> list[str]:
        """The files that records came from, as the user named them."""
        paths: list[str] = json.loads((self._folder / PATHS).read_text("utf-8"))["paths"]
        return paths

    def line(self, place: int) -> bytes:
        """Return a record's line."""
        start, stop = int(self.offsets[place]), int(self.offsets[place + 1])
        return _read(self.handle, start, stop)

    def lines(self, places: Places) -> Iterator[bytes]:
        """Yield records' lines, a go after the other; not by pages, of which the process would be held to be full."""
        for at in range(0, len(places), _AT_ONCE):
            own = places[at : at + _AT_ONCE]
            starts, stops = self.offsets[own], self.offsets[own + 1]
            first, last = int(starts.min()), int(stops.max())
            if last - first > _MOST_BYTES:
                yield from (self.line(int(place)) for place in own)
                continue
            block = _read(self.handle, first, last)
            for start, stop in zip((starts - first).tolist(), (stops - first).tolist(), strict=True):
                yield block[start:stop]

    def __del__(self) -> None:
        if "handle" in self.__dict__:
            os.close(self.handle)


def _read(handle: int, start: int, stop: int) -> bytes:
    parts = []
    while start < stop and (part := os.pread(handle, stop - start, start)):
        parts.append(part)
        start += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class StoredRecords(Sequence[Record]):
    """Some of a spool's records.

    Args:
        file: The spool's files.
        places: Which records, in which order.
    """

    def __init__(self, file: RecordFile, places: Places) -> None:
        self.file, self.places = file, places

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> StoredRecords: ...
    def __getitem__(self, index: int | slice) -> Record | StoredRecords:
        if isinstance(index, slice):
            return self.at(np.arange(len(self))[index])
        return record_of(self.file.line(int(self.places[index])), self.file.paths)

    def __iter__(self) -> Iterator[Record]:
        paths = self.file.paths
        return (record_of(line, paths) for line in self.file.lines(self.places))

    def at(self, indices: Places) -> StoredRecords:
        """Return those at some places of these."""
        return StoredRecords(self.file, self.places[indices])

    def carry(self, task: str) -> NDArray[np.bool_]:
        """Return, by record, whether it carries a task's annotation."""
        carried: NDArray[np.bool_] = self.file.carried[self.places, self.file.tasks.index(task)]
        return carried

    def annotated(self) -> NDArray[np.bool_]:
        """Return, by record, whether it carries any task's annotation."""
        return np.asarray(self.file.carried[self.places].any(axis=1))


class StoredAnnotations(Sequence[Any]):
    """One task's annotations of stored records; each is made anew whenever it is looked at.

    Args:
        records: Records that all carry it.
        task: The task.
    """

    def __init__(self, records: StoredRecords, task: str) -> None:
        self._records, self._task = records, task

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> StoredAnnotations: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return StoredAnnotations(self._records[index], self._task)
        return self._records[index].annotations[self._task]

    def __iter__(self) -> Iterator[Any]:
        file = self._records.file
        return (annotation_of(line, self._task) for line in file.lines(self._records.places))
