"""A stratified part of the training data, held out as dev data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from polyhead.preparing import StoredRecords
from polyhead.preparing.choosing import taken
from polyhead.records import Record
from polyhead.tasks import Task
from polyhead.training.strata import Texts, sort_texts

_FEWEST = 10
"""With fewer different texts than this nothing is held out."""
_NONE = np.zeros(0, dtype=np.int64)


def hold_out(
    records: Sequence[Record], tasks: Sequence[Task], *, seed: int, share: float = 0.1
) -> tuple[Sequence[Record], Sequence[Record]]:
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
        return records if isinstance(records, StoredRecords) else list(records), taken(records, _NONE)
    every = round(1 / share)
    chosen = texts.order[int(random.integers(every)) :: every]
    left = _left(texts, chosen)
    out = []
    for text in chosen.tolist():
        if all(left[label] for label in texts.shown(text)):
            out.append(text)
        else:
            left.update(texts.shown(text))
    held_out = texts.records_of(np.array(out, dtype=np.int64))
    stays = np.ones(len(records), dtype=np.bool_)
    stays[held_out] = False
    return taken(records, np.flatnonzero(stays)), taken(records, held_out)


def _left(texts: Texts, chosen: NDArray[np.int64]) -> Counter[tuple[str, Hashable]]:
    """Count the texts that show each label when some are held out."""
    counts = np.bincount(texts.combination_of, minlength=len(texts.combinations))
    counts -= np.bincount(texts.combination_of[chosen], minlength=len(texts.combinations))
    left: Counter[tuple[str, Hashable]] = Counter()
    for shown, count in zip(texts.combinations, counts.tolist(), strict=True):
        for label in shown:
            left[label] += count
    return left
