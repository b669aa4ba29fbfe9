"""A stratified part of the training data, held out as dev data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

from polyhead.records import Record
from polyhead.tasks import Task

_FEWEST = 10
"""With fewer different texts than this nothing is held out."""


def hold_out(
    records: Sequence[Record], tasks: Sequence[Task], *, seed: int, share: float = 0.1
) -> tuple[list[Record], list[Record]]:
    """Split off dev data.

    Records of equal text stay on one side. Texts are sorted by the labels they show, shuffled among those that show
    the same, and every tenth is taken, so that each combination gives its share. A text goes back to training when it
    alone shows some label.

    Args:
        records: The training data.
        tasks: They say which labels a record shows.
        seed: The split is a function of the records and this.
        share: How much is held out.

    Returns:
        What stays, and what is held out, both in the order of the data; nothing is held out from very small data.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        groups[" ".join(record.text.casefold().split())].append(index)
    if len(groups) < _FEWEST:
        return list(records), []
    random = np.random.default_rng(seed)
    texts = list(groups.values())
    shown = [_labels([records[index] for index in text], tasks) for text in texts]
    order = sorted(random.permutation(len(texts)), key=lambda text: sorted(map(repr, shown[text])))
    every = round(1 / share)
    chosen = order[int(random.integers(every)) :: every]
    left = Counter(label for text in set(order) - set(chosen) for label in shown[text])
    taken: set[int] = set()
    for text in chosen:
        if all(left[label] for label in shown[text]):
            taken.update(texts[text])
        else:
            left.update(shown[text])
    stays = [record for index, record in enumerate(records) if index not in taken]
    return stays, [records[index] for index in sorted(taken)]


def _labels(records: Sequence[Record], tasks: Sequence[Task]) -> set[tuple[str, Hashable]]:
    """Return what records of one text show; that a task annotates them at all counts as a label of its own."""
    shown: set[tuple[str, Hashable]] = set()
    for record in records:
        for task in tasks:
            if task.name in record.annotations:
                labels = task.labels_in(record.annotations[task.name])
                shown |= {(task.name, None), *((task.name, label) for label in labels)}
    return shown
