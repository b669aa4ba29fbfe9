"""A stratified part of the training data, held out as dev data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from polyhead.records import Record
from polyhead.tasks import Task
from polyhead.training.strata import sort_texts

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
    random = np.random.default_rng(seed)
    texts = sort_texts(records, tasks, random)
    if len(texts.order) < _FEWEST:
        return list(records), []
    every = round(1 / share)
    chosen = texts.order[int(random.integers(every)) :: every]
    left = Counter(label for text in set(texts.order) - set(chosen) for label in texts.shown[text])
    taken: set[int] = set()
    for text in chosen:
        if all(left[label] for label in texts.shown[text]):
            taken.update(texts.records[text])
        else:
            left.update(texts.shown[text])
    stays = [record for index, record in enumerate(records) if index not in taken]
    return stays, [records[index] for index in sorted(taken)]
