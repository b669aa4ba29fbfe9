"""Some of many records, whether these are in memory or on disk."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.preparing.spool import StoredAnnotations, StoredRecords
from polyhead.records import Record


def taken(records: Sequence[Record], indices: NDArray[np.int64]) -> Sequence[Record]:
    """Return the records at some places."""
    if isinstance(records, StoredRecords):
        return records.at(indices)
    return [records[index] for index in indices.tolist()]


def together(parts: Sequence[Sequence[Record]]) -> Sequence[Record]:
    """Return the records of several parts, one after the other."""
    first = parts[0] if parts else []
    if len(parts) == 1:
        return first
    stored = [part for part in parts if isinstance(part, StoredRecords)]
    if (
        isinstance(first, StoredRecords)
        and len(stored) == len(parts)
        and {part.file for part in stored} == {first.file}
    ):
        return StoredRecords(first.file, np.concatenate([part.places for part in stored]))
    return [record for part in parts for record in part]


def annotations_of(records: Sequence[Record], task: str) -> Sequence[Any]:
    """Return a task's annotations of those records that carry one."""
    if isinstance(records, StoredRecords):
        return StoredAnnotations(records.at(np.flatnonzero(records.carry(task))), task)
    return [record.annotations[task] for record in records if task in record.annotations]


def how_many(records: Sequence[Record], task: str) -> int:
    """Return how many records carry a task's annotation."""
    if isinstance(records, StoredRecords):
        return int(records.carry(task).sum())
    return sum(task in record.annotations for record in records)


def carrying(records: Sequence[Record], tasks: Collection[str]) -> Sequence[Record]:
    """Return the records that carry an annotation of one of some tasks."""
    if isinstance(records, StoredRecords):
        has = np.logical_or.reduce([records.carry(task) for task in tasks])
        return records.at(np.flatnonzero(has))
    return [record for record in records if not record.annotations.keys().isdisjoint(tasks)]


def annotated(records: Sequence[Record]) -> NDArray[np.bool_]:
    """Return, by record, whether it carries an annotation of any task."""
    if isinstance(records, StoredRecords):
        return records.annotated()
    return np.fromiter((bool(record.annotations) for record in records), dtype=np.bool_, count=len(records))
