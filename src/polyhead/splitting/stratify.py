"""Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011), of records one by one or in groups.

The labels of which fewest records are left come first: each of their groups goes to the part that wants most of the
label. Beside the paper's rule, a part takes no more records than it is to have as long as another one has room, so
that no part is off by as much as the largest group.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Groups:
    """What is shared out: records that stay together.

    Attributes:
        sizes: By group, its records.
        labels: By group, the numbers of the labels that its records show, and how many of them show each.
        count: How many labels there are.
    """

    sizes: Sequence[int]
    labels: Sequence[Sequence[tuple[int, int]]]
    count: int

    def totals(self) -> list[int]:
        """Return, by label, how many records show it."""
        totals = [0] * self.count
        for own in self.labels:
            for label, count in own:
                totals[label] += count
        return totals

    def at(self, places: Iterable[int]) -> Groups:
        """Return some of the groups, with the same labels."""
        chosen = list(places)
        return Groups([self.sizes[at] for at in chosen], [self.labels[at] for at in chosen], self.count)


@dataclass(frozen=True)
class Wanted:
    """What each part is to have.

    Attributes:
        records: By part, how many.
        of_labels: By label, then by part, how many of the records that show it.
    """

    records: Sequence[int]
    of_labels: Sequence[Sequence[float]]

    @classmethod
    def in_shares(cls, groups: Groups, shares: Sequence[float]) -> Wanted:
        """Return what parts of some shares are to have of groups."""
        return cls(
            whole_shares(sum(groups.sizes), shares),
            [[total * share / sum(shares) for share in shares] for total in groups.totals()],
        )


def whole_shares(total: int, shares: Sequence[float]) -> list[int]:
    """Share out a number of records, by the largest remainders."""
    exact = [total * share / sum(shares) for share in shares]
    counts = [int(share) for share in exact]
    by_remainder = sorted(range(len(shares)), key=lambda part: counts[part] - exact[part])
    for part in by_remainder[: total - sum(counts)]:
        counts[part] += 1
    return counts


def stratify(groups: Groups, wanted: Wanted, *, random: np.random.Generator) -> NDArray[np.int64]:
    """Share groups out so that each part shows each label as often as it is to.

    Args:
        groups: What is shared out.
        wanted: What each part is to have; in all, the records that there are.
        random: Chooses among equals.

    Returns:
        By group, the number of its part. Each part has its number of records but for less than the largest group.
    """
    return _Sharing(groups, wanted, random).share()


class _Sharing:
    def __init__(self, groups: Groups, wanted: Wanted, random: np.random.Generator) -> None:
        self._groups = groups
        self._room = list(wanted.records)
        self._wanted = [list(own) for own in wanted.of_labels]
        self._left = groups.totals()
        self._part_of = np.full(len(groups.sizes), -1, dtype=np.int64)
        shuffled = random.permutation(len(groups.sizes))
        # The largest first: what is left in the end should be small enough to even things out.
        sizes = np.asarray(groups.sizes, dtype=np.int64)
        self._order = shuffled[np.argsort(-sizes[shuffled], kind="stable")].tolist()
        self._ties = random.random((len(groups.sizes), len(self._room))).tolist()

    def share(self) -> NDArray[np.int64]:
        showing: list[list[int]] = [[] for _ in self._left]
        for group in self._order:
            for label, _ in self._groups.labels[group]:
                showing[label].append(group)
        rarest = [(left, label) for label, left in enumerate(self._left)]
        heapq.heapify(rarest)
        while rarest:
            left, label = heapq.heappop(rarest)
            if left == self._left[label] and left:  # else the entry is older than another one of this label
                for other in self._share_label(label, showing[label]):
                    heapq.heappush(rarest, (self._left[other], other))
        for group in self._order:
            if self._part_of[group] < 0:
                self._put(group, self._roomiest(group))
        return self._part_of

    def _share_label(self, label: int, showing: Iterable[int]) -> set[int]:
        """Put the groups that show a label and are in no part yet; return the labels of which fewer are left now."""
        wanted, touched = self._wanted[label], set[int]()
        for group in showing:
            if self._part_of[group] < 0:
                ties, room = self._ties[group], self._room
                parts = self._with_room(self._groups.sizes[group])
                self._put(group, max(parts, key=lambda part: (wanted[part], room[part], ties[part])))
                touched.update(other for other, _ in self._groups.labels[group])
        return touched

    def _with_room(self, size: int) -> Sequence[int]:
        """Return the parts that have room for a group; where none has, that with the most room."""
        room = self._room
        return [part for part, own in enumerate(room) if own >= size] or [room.index(max(room))]

    def _roomiest(self, group: int) -> int:
        room, ties = self._room, self._ties[group]
        return max(range(len(room)), key=lambda part: (room[part], ties[part]))

    def _put(self, group: int, part: int) -> None:
        self._part_of[group] = part
        self._room[part] -= self._groups.sizes[group]
        for label, count in self._groups.labels[group]:
            self._wanted[label][part] -= count
            self._left[label] -= count


def choose(groups: Groups, wanted: Wanted, *, order: Sequence[int]) -> NDArray[np.int64]:
    """Make up the second of two parts, of which the first takes the rest, of the groups that come first in an order.

    Label by label, the rarest first; a group is taken where that brings the labels that it shows nearer to what they
    are to be.

    Args:
        groups: What is shared out.
        wanted: What each part is to have.
        order: The numbers of all groups.

    Returns:
        By group, 0 or 1.
    """
    part_of = np.zeros(len(groups.sizes), dtype=np.int64)
    want, room = [own[1] for own in wanted.of_labels], wanted.records[1]
    scale = [max(own, 1.0) for own in want]
    showing: list[list[int]] = [[] for _ in want]
    for group in order:
        for label, _ in groups.labels[group]:
            showing[label].append(group)
    totals = groups.totals()
    rarest_first = [group for label in sorted(range(len(want)), key=totals.__getitem__) for group in showing[label]]
    at_last = len(rarest_first) + len(order)  # from there on, what is missed may bring no label nearer
    for at, group in enumerate((*rarest_first, *order, *order)):
        own = groups.labels[group]
        if part_of[group] or groups.sizes[group] > room:
            continue
        if at >= at_last or sum(count * (count - 2 * want[label]) / scale[label] for label, count in own) <= 0:
            part_of[group], room = 1, room - groups.sizes[group]
            for label, count in own:
                want[label] -= count
    return part_of


def groups_of(group_of: NDArray[np.int64], labels_of: Sequence[Iterable[int]], *, count: int) -> Groups:
    """Add up records by group.

    Args:
        group_of: By record, the number of its group, from 0.
        labels_of: By record, the numbers of the labels that it shows.
        count: How many labels there are.
    """
    number = int(group_of.max()) + 1 if len(group_of) else 0
    counters: list[Counter[int]] = [Counter() for _ in range(number)]
    for group, labels in zip(group_of.tolist(), labels_of, strict=True):
        counters[group].update(labels)
    sizes = np.bincount(group_of, minlength=number).tolist()
    return Groups(sizes, [tuple(sorted(own.items())) for own in counters], count)
