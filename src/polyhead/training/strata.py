"""Texts in an order by which parts of the data can be taken that show labels in the proportions of the whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from polyhead.records import Record
from polyhead.tasks import Task

Shown = frozenset[tuple[str, Hashable]]


@dataclass(frozen=True)
class Texts:
    """The different texts of some records.

    Attributes:
        records: By text, the places of its records.
        shown: By text, the labels of all tasks that its records show.
        order: Places in `records`: sorted by the labels shown, shuffled among those that show the same. What is taken
            at even distances from it shows each combination of labels in its share.
    """

    records: list[list[int]]
    shown: list[Shown]
    order: list[int]


def text_key(text: str) -> str:
    """Return what texts share that differ in case and white space only."""
    return " ".join(text.casefold().split())


def sort_texts(records: Sequence[Record], tasks: Sequence[Task], random: np.random.Generator) -> Texts:
    """Find out which records have equal texts, and put these in order.

    Args:
        records: The records.
        tasks: They say which labels a record shows.
        random: Shuffles.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        groups[text_key(record.text)].append(index)
    texts = list(groups.values())
    shown = [_labels([records[index] for index in text], tasks) for text in texts]
    order = sorted(random.permutation(len(texts)).tolist(), key=lambda text: sorted(map(repr, shown[text])))
    return Texts(texts, shown, order)


def _labels(records: Sequence[Record], tasks: Sequence[Task]) -> Shown:
    """Return what records of one text show; that a task annotates them at all counts as a label of its own."""
    shown: set[tuple[str, Hashable]] = set()
    for record in records:
        for task in tasks:
            if task.name in record.annotations:
                labels = task.labels_in(record.annotations[task.name])
                shown |= {(task.name, None), *((task.name, label) for label in labels)}
    return frozenset(shown)
