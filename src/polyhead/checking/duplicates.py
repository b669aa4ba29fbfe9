"""Texts that stand in the data several times, and what is annotated differently in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.records import Record, Text, text_key
from polyhead.tasks import Task

_MOST_ANSWERS = 32
"""Different annotations of one text that are compared with one another."""


def digest_of(texts: Text) -> bytes:
    """Return 16 bytes that stand for a text, or two, whatever their case and white space."""
    keys = [text_key(text) for text in ((texts,) if isinstance(texts, str) else texts)]
    return hashlib.blake2b("\0".join(keys).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def groups_of(digests: bytes | bytearray) -> NDArray[np.int64]:
    """Find equal texts.

    Args:
        digests: 16 bytes a record, see `digest_of`.

    Returns:
        By record, the first record with its text.
    """
    halves = np.frombuffer(bytes(digests), dtype="<u8").reshape(-1, 2)
    first = np.arange(len(halves))
    if not len(halves):
        return first
    order = np.lexsort((halves[:, 1], halves[:, 0]))  # stable: equal ones stay in their order
    ordered = halves[order]
    is_new = np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)])
    first[order] = order[is_new][np.cumsum(is_new) - 1]
    return first


@dataclass(frozen=True)
class Twin:
    """A record whose text another one has, too.

    Attributes:
        record: The later one.
        other: The first one: of an earlier split where there is one in any.
        across: Whether they are of different splits.
    """

    record: int
    other: int
    across: bool


def twins_of(first: NDArray[np.int64], split_of: NDArray[np.uint8]) -> Iterator[Twin]:
    """Yield a twin for each record whose text stands before it.

    Args:
        first: By record, the first with its text.
        split_of: By record, the number of its split; records stand split after split.
    """
    for record in np.flatnonzero(first != np.arange(len(first))).tolist():
        other = int(first[record])
        yield Twin(record, other, bool(split_of[other] != split_of[record]))


@dataclass(frozen=True)
class Conflict:
    """Two records of equal text that are annotated differently.

    Attributes:
        task: The task's name.
        record: One of them.
        other: The first that it differs from.
        given: What it is annotated with, in words.
        others: What the other one is.
    """

    task: str
    record: int
    other: int
    given: str
    others: str


def conflicts_of(records: Sequence[Record], first: NDArray[np.int64], tasks: Sequence[Task]) -> Iterator[Conflict]:
    """Yield each record that differs from another one of its text.

    Args:
        records: The records.
        first: By record, the first with its text.
        tasks: Those whose annotations are compared.
    """
    later = np.flatnonzero(first != np.arange(len(first)))
    members = np.unique(np.concatenate([later, first[later]]))
    members = members[np.argsort(first[members], kind="stable")]
    for group in np.split(members, np.flatnonzero(np.diff(first[members])) + 1) if len(members) else ():
        own = {int(at): records[int(at)] for at in group}
        for task in tasks:
            yield from _in_group(own, task)


def _in_group(group: dict[int, Record], task: Task) -> Iterator[Conflict]:
    """Compare what is annotated; the same answer is compared once, however often it is given."""
    by_answer: dict[tuple[str, str], list[int]] = {}
    for at, record in group.items():
        if task.name in record.annotations:
            key = record.text, repr(record.annotations[task.name])
            by_answer.setdefault(key, []).append(at)
    answers = [members[0] for members in by_answer.values()][:_MOST_ANSWERS]
    found = []
    for members in by_answer.values() if len(by_answer) > 1 else ():
        own = group[members[0]]
        against = next((at for at in answers if at != members[0] and _differ(own, group[at], task)), None)
        if against is not None:
            found += [(at, against) for at in members]
    for at, against in sorted(found):
        words = (_words(task, group[number]) for number in (at, against))
        yield Conflict(task.name, at, against, *words)


def _differ(one: Record, other: Record, task: Task) -> bool:
    """Whether both cannot be right. Where white space or case differ, so do places, and words are compared."""
    if not task.differ(one.annotations[task.name], other.annotations[task.name]):
        return False
    return one.text == other.text or text_key(_words(task, one)) != text_key(_words(task, other))


def _words(task: Task, record: Record) -> str:
    annotation: Any = record.annotations[task.name]
    return task.in_words(annotation, record.text)
