"""A stratified part of the training data, held out as dev data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from polyhead.records import Record
from polyhead.tasks import Task

_FEWEST = 10
"""With fewer different texts than this nothing is held out."""


def hold_out(
    records: Sequence[Record], tasks: Sequence[Task], *, seed: int, share: float = 0.1
) -> tuple[list[Record], list[Record]]:
    """Split off dev data.

    Records of equal text stay on one side. Texts are sorted by stratum (which tasks annotate them, and how) and
    shuffled inside it; then every tenth is taken, so that each stratum gives its share. What is the only one of its
    stratum stays in training.

    Args:
        records: The training data.
        tasks: They say what a stratum is.
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
    by_stratum: dict[str, list[list[int]]] = defaultdict(list)
    for indices in groups.values():
        by_stratum[_stratum(records[indices[0]], tasks)].append(indices)
    order: list[list[int]] = []
    for stratum in sorted(by_stratum):
        members = by_stratum[stratum]
        if len(members) > 1:
            order += [members[at] for at in random.permutation(len(members))]
    every = round(1 / share)
    taken = {index for group in order[int(random.integers(every)) :: every] for index in group}
    stays = [record for index, record in enumerate(records) if index not in taken]
    return stays, [records[index] for index in sorted(taken)]


def _stratum(record: Record, tasks: Sequence[Task]) -> str:
    annotations = record.annotations
    return repr([task.stratum(annotations[task.name]) if task.name in annotations else None for task in tasks])
