"""Which records have equal texts, and which labels they show: what splits and hold-outs go by."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from polyhead.checking.duplicates import groups_of
from polyhead.records import Record
from polyhead.tasks import Task

Shown = frozenset[tuple[str, Hashable]]
"""Labels with their tasks; with `None` for a label: that the task annotates the record at all."""


def texts_of(digests: bytes | bytearray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the different texts in the order in which they come.

    Args:
        digests: The `digest_of` each record's text, one behind the other.

    Returns:
        By record, the number of its text; by text, its first record.
    """
    firsts, of_record = np.unique(groups_of(digests), return_inverse=True)
    return of_record, firsts


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
