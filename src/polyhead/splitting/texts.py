"""Which records have equal texts, and which labels they show: what splits and hold-outs go by."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from polyhead.records import Record, text_key
from polyhead.tasks import Task

Shown = frozenset[tuple[str, Hashable]]
"""Labels with their tasks; with `None` for a label: that the task annotates the record at all."""


def text_digest(text: str) -> bytes:
    """Return 16 bytes that texts share whose `text_key` is one."""
    return hashlib.blake2b(text_key(text).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def texts_of(digests: bytes | bytearray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the different texts in the order in which they come.

    Args:
        digests: The `text_digest` of each record, one behind the other.

    Returns:
        By record, the number of its text; by text, its first record.
    """
    if not len(digests):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    halves = np.frombuffer(digests, dtype="<u8").reshape(-1, 2)
    by_digest = np.lexsort((halves[:, 1], halves[:, 0]))  # stable, so that equal ones stay in their order
    ordered = halves[by_digest]
    is_new = np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)])
    firsts = by_digest[is_new]
    numbers = np.empty(len(firsts), dtype=np.int64)
    numbers[np.argsort(firsts)] = np.arange(len(firsts))
    of_record = np.empty(len(halves), dtype=np.int64)
    of_record[by_digest] = numbers[np.cumsum(is_new) - 1]
    return of_record, np.sort(firsts)


class Shows:
    """Numbers the different combinations of labels that records show.

    Args:
        tasks: They say which labels a record shows; that a task annotates it at all counts as a label of its own.

    Attributes:
        combinations: By number.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._numbers: dict[Shown, int] = {}
        self.combinations: list[Shown] = []

    def number_of(self, record: Record) -> int:
        """Return the number of what a record shows."""
        shown: set[tuple[str, Hashable]] = set()
        for task in self._tasks:
            if task.name in record.annotations:
                shown.add((task.name, None))
                shown.update((task.name, label) for label in task.labels_in(record.annotations[task.name]))
        return self._number(frozenset(shown))

    def both(self, one: int, other: int) -> int:
        """Return the number of what two combinations show together."""
        return one if one == other else self._number(self.combinations[one] | self.combinations[other])

    def _number(self, shown: Shown) -> int:
        number = self._numbers.setdefault(shown, len(self.combinations))
        if number == len(self.combinations):
            self.combinations.append(shown)
        return number
