"""Texts in an order by which parts of the data can be taken that show labels in the proportions of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyhead.checking.duplicates import digest_of
from polyhead.records import Record
from polyhead.splitting.texts import Shown, Shows, texts_of
from polyhead.tasks import Task


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
    shows = Shows(tasks)
    digests = bytearray()
    own = np.empty(len(records), dtype=np.int64)
    for index, record in enumerate(records):
        digests += digest_of(record.text)
        own[index] = shows.number_of(record)
    of_record, firsts = texts_of(digests)
    combination_of = own[firsts]
    # Most texts stand in one record, and show what it shows; where there are more, what all of them show.
    for index in np.flatnonzero(firsts[of_record] != np.arange(len(own))).tolist():
        text = of_record[index]
        combination_of[text] = shows.both(int(combination_of[text]), int(own[index]))
    ranks = _ranks(shows.combinations)
    shuffled = random.permutation(len(firsts))
    order = shuffled[np.argsort(ranks[combination_of[shuffled]], kind="stable")]
    return Texts(of_record, shows.combinations, combination_of, order)


def _ranks(combinations: Sequence[Shown]) -> NDArray[np.int64]:
    """Return, by combination, its place in an order; those that read the same have one place."""
    keys = [tuple(sorted(map(repr, shown))) for shown in combinations]
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return np.array([places[key] for key in keys], dtype=np.int64)
