"""Texts in an order by which parts of the data can be taken that show labels in the proportions of the whole."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyhead.records import Record, text_key
from polyhead.tasks import Task

__all__ = ["Shown", "Texts", "sort_texts", "text_key"]

Shown = frozenset[tuple[str, Hashable]]


@dataclass(frozen=True)
class Texts:
    """The different texts of some records, in a few tens of bytes a record.

    Attributes:
        of_record: By record, the number of its text.
        combinations: The different sets of labels that texts show.
        combination_of: By text, the number of the set of labels of all tasks that its records show.
        order: Numbers of texts: sorted by the labels shown, shuffled among those that show the same. What is taken at
            even distances from it shows each combination of labels in its share.
    """

    of_record: NDArray[np.int64]
    combinations: list[Shown]
    combination_of: NDArray[np.int64]
    order: NDArray[np.int64]

    def shown(self, text: int) -> Shown:
        """Return the labels that a text shows."""
        return self.combinations[self.combination_of[text]]

    def records_of(self, texts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the places of the records of some texts, in the order of the records."""
        chosen = np.zeros(len(self.combination_of), dtype=np.bool_)
        chosen[texts] = True
        return np.flatnonzero(chosen[self.of_record])


def sort_texts(records: Sequence[Record], tasks: Sequence[Task], random: np.random.Generator) -> Texts:
    """Find out which records have equal texts, and put these in order.

    Args:
        records: The records.
        tasks: They say which labels a record shows.
        random: Shuffles.
    """
    shows = _Shows(tasks)
    digests = bytearray()
    own = np.empty(len(records), dtype=np.int64)
    for index, record in enumerate(records):
        digests += hashlib.blake2b(text_key(record.text).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        own[index] = shows.number_of(record)
    of_record, firsts = _texts_of(np.frombuffer(digests, dtype="V16"))
    combination_of = own[firsts]
    # Most texts stand in one record, and show what it shows; where there are more, what all of them show.
    for index in np.flatnonzero(firsts[of_record] != np.arange(len(own))).tolist():
        text = of_record[index]
        combination_of[text] = shows.both(int(combination_of[text]), int(own[index]))
    ranks = _ranks(shows.combinations)
    shuffled = random.permutation(len(firsts))
    order = shuffled[np.argsort(ranks[combination_of[shuffled]], kind="stable")]
    return Texts(of_record, shows.combinations, combination_of, order)


def _texts_of(digests: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the different texts in the order in which they come.

    Returns:
        By record, the number of its text; by text, its first record.
    """
    if not len(digests):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    halves = digests.view("<u8").reshape(-1, 2)
    by_digest = np.lexsort((halves[:, 1], halves[:, 0]))  # stable, so that equal ones stay in their order
    ordered = halves[by_digest]
    is_new = np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)])
    firsts = by_digest[is_new]
    numbers = np.empty(len(firsts), dtype=np.int64)
    numbers[np.argsort(firsts)] = np.arange(len(firsts))
    of_record = np.empty(len(digests), dtype=np.int64)
    of_record[by_digest] = numbers[np.cumsum(is_new) - 1]
    return of_record, np.sort(firsts)


def _ranks(combinations: Sequence[Shown]) -> NDArray[np.int64]:
    """Return, by combination, its place in an order; those that read the same have one place."""
    keys = [tuple(sorted(map(repr, shown))) for shown in combinations]
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return np.array([places[key] for key in keys], dtype=np.int64)


class _Shows:
    """Numbers the different combinations of labels that records show.

    Args:
        tasks: They say which labels a record shows; that a task annotates it at all counts as a label of its own.
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
