"""A part whose entities the other parts do not show.

Records that share an entity's value are put together, rare values first, as long as the group stays small. Values in
too many records tie too much together: they are let go. The part is then made of the groups with the fewest of these,
each label in its share.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.records import Record
from polyhead.splitting.grouping import Joined
from polyhead.tasks import Task

_SHARES_OF_PART = (1.0, 0.3, 0.1, 0.03, 0.0)
"""Of the part's records, those that a group may have: each is tried, and that which leaves the most unseen is kept."""
Values = Sequence[Sequence[int]]
"""By record, the numbers of the values of its entities, each once."""


@dataclass(frozen=True)
class Pool:
    """What a part can be made of.

    Attributes:
        group_of: By record, the number of its group.
        shared: By group, how many mentions it has of values that other groups show, too.
        mentions: By group, how many it has of all values.
    """

    group_of: NDArray[np.int64]
    shared: NDArray[np.int64]
    mentions: NDArray[np.int64]


def values_of(records: Sequence[Record], tasks: Sequence[Task]) -> tuple[list[list[int]], int]:
    """Number the values of the entities that records show: task, type, and surface with its case and blanks aside.

    Returns:
        By record, the numbers of its values, each once; how many values there are.
    """
    numbers: dict[Hashable, int] = {}
    found = []
    for record in records:
        own: dict[int, None] = {}
        for task in tasks:
            for span in task.annotated(record.annotations[task.name]) if task.name in record.annotations else ():
                surface = " ".join(record.text[span.start : span.end].casefold().split())
                own[numbers.setdefault((task.name, span.label, surface), len(numbers))] = None
        found.append(list(own))
    return found, len(numbers)


def pools(joined: Sequence[int], values: Values, *, count: int, size: int) -> list[Pool]:
    """Return what a part can be made of, in several ways.

    Args:
        joined: By record, the number of the group that it is in already.
        values: By record, the values of its entities.
        count: How many values there are.
        size: How many records the part is to have.
    """
    showing: list[list[int]] = [[] for _ in range(count)]
    for record, own in enumerate(values):
        for value in own:
            showing[value].append(record)
    rare_first = sorted((value for value in range(count) if len(showing[value]) > 1), key=lambda at: len(showing[at]))
    found = []
    for share in _SHARES_OF_PART:
        groups = Joined(len(values))
        groups.join_equal(joined)
        for value in rare_first if share else ():
            _join_if_small(groups, showing[value], limit=share * size)
        group_of = groups.numbers()
        found.append(_pool(group_of, values, showing))
    return found


def _join_if_small(groups: Joined, records: Sequence[int], *, limit: float) -> None:
    sizes = {groups.root(record): groups.size(record) for record in records}
    if sum(sizes.values()) <= limit:
        for record in records[1:]:
            groups.join(records[0], record)


def _pool(group_of: NDArray[np.int64], values: Values, showing: Sequence[Sequence[int]]) -> Pool:
    own = group_of.tolist()
    is_shared = [len({own[record] for record in records}) > 1 for records in showing]
    shared, mentions = np.zeros((2, int(group_of.max()) + 1), dtype=np.int64)
    for group, found in zip(own, values, strict=True):
        mentions[group] += len(found)
        shared[group] += sum(is_shared[value] for value in found)
    return Pool(group_of, shared, mentions)


def unseen(values: Values, is_in: NDArray[np.bool_]) -> dict[str, Any]:
    """Count the entities of a part by whether the others show them.

    Args:
        values: By record, the values of its entities.
        is_in: By record, whether it is in the part.

    Returns:
        ``{"values": n, "unseen": n, "mentions": n, "unseen_mentions": n}``; a value is mentioned by each record once.
    """
    inside = [value for record in np.flatnonzero(is_in).tolist() for value in values[record]]
    seen = {value for record in np.flatnonzero(~is_in).tolist() for value in values[record]}
    distinct = set(inside)
    return {
        "values": len(distinct),
        "unseen": len(distinct - seen),
        "mentions": len(inside),
        "unseen_mentions": sum(value not in seen for value in inside),
    }
