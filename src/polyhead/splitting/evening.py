"""Groups change places two by two, as long as that brings the labels' counts nearer to what they are to be.

Iterative stratification looks at one label of a group; here all of them count.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from polyhead.splitting.stratify import Groups, Wanted

_MOST = 2000
"""Exchanges; each takes a look at all sorts of groups."""
_LOOKED_AT = 8
"""Of the sorts of groups that promise most on either side, those that are tried with one another."""
_LEAST = 1e-9

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def even_out(groups: Groups, wanted: Wanted, part_of: Indices) -> Indices:
    """Exchange groups of equal size between parts.

    What is made less is Σ (got - wanted)² / max(wanted, 1) over labels and parts.

    Args:
        groups: What was shared out.
        wanted: What each part is to have.
        part_of: By group, its part.

    Returns:
        By group, its part; each part has as many records as before.
    """
    return _Evening(groups, wanted, part_of).go()


class _Evening:
    def __init__(self, groups: Groups, wanted: Wanted, part_of: Indices) -> None:
        self._part_of = part_of.copy()
        # Groups that show the same are one sort: only how many of it each part has need be known.
        numbers: dict[tuple[int, tuple[tuple[int, int], ...]], int] = {}
        sort_of = [
            numbers.setdefault((size, labels), len(numbers))
            for size, labels in zip(groups.sizes, map(tuple, groups.labels), strict=True)
        ]
        self._sorts = [labels for _, labels in numbers]
        self._sizes = np.array([size for size, _ in numbers], dtype=np.int64)
        parts = len(wanted.records)
        self._members: list[list[list[int]]] = [[[] for _ in range(parts)] for _ in self._sorts]
        for group, (sort, part) in enumerate(zip(sort_of, part_of.tolist(), strict=True)):
            self._members[sort][part].append(group)
        self._counts = np.array([[len(own) for own in members] for members in self._members]).reshape(-1, parts)
        self._fill_matrix()
        self._off = -np.array(wanted.of_labels, dtype=np.float64).reshape(groups.count, parts)
        self._weight = 1 / np.maximum(-self._off, 1)
        for sort, here in enumerate(self._counts):
            labels, counts = self._row(sort)
            self._off[labels] += counts[:, None] * here

    def _fill_matrix(self) -> None:
        """Keep the labels of all sorts in rows, one behind the other."""
        lengths = [len(labels) for labels in self._sorts]
        pairs = [pair for labels in self._sorts for pair in labels]
        self._row_of = np.repeat(np.arange(len(lengths)), lengths)
        self._starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self._labels = np.array([label for label, _ in pairs], dtype=np.int64)
        self._shown = np.array([count for _, count in pairs], dtype=np.float64)

    def _row(self, sort: int) -> tuple[Indices, Floats]:
        own = slice(self._starts[sort], self._starts[sort + 1])
        return self._labels[own], self._shown[own]

    def go(self) -> Indices:
        pairs, left = list(combinations(range(self._counts.shape[1]), 2)), _MOST
        found = True
        while found and left > 0:
            found = False
            for one, other in pairs:
                while left > 0 and (best := self._best(one, other)):
                    self._exchange(*best, one, other)
                    found, left = True, left - 1
        return self._part_of

    def _best(self, one: int, other: int) -> tuple[int, int] | None:
        """Return which sort of group in one part, and which in the other, should change places."""
        there, back = self._costs(one, other), self._costs(other, one)
        best, least = None, -_LEAST
        for first, second in self._candidates(there, back, one, other):
            cost = there[first] + back[second] - self._shared(first, second, one, other)
            if cost < least:
                best, least = (first, second), cost
        return best

    def _costs(self, source: int, target: int) -> Floats:
        """Return, by sort, what it costs to move a group of it."""
        off, weight = self._off, self._weight
        slope = 2 * (weight[:, target] * off[:, target] - weight[:, source] * off[:, source])
        curve = weight[:, target] + weight[:, source]
        each = self._shown * slope[self._labels] + self._shown**2 * curve[self._labels]
        return np.bincount(self._row_of, weights=each, minlength=len(self._sorts))

    def _candidates(self, there: Floats, back: Floats, one: int, other: int) -> Iterator[tuple[int, int]]:
        first = _cheapest(there, self._counts[:, one] > 0)
        for sort in first.tolist():
            fits = (self._counts[:, other] > 0) & (self._sizes == self._sizes[sort])
            yield from ((sort, partner) for partner in _cheapest(back, fits).tolist() if partner != sort)

    def _shared(self, first: int, second: int, one: int, other: int) -> float:
        """Return what was counted too much for labels that both sorts show: those stay where they are."""
        labels, counts = self._row(first)
        others, others_counts = self._row(second)
        _, mine, theirs = np.intersect1d(labels, others, assume_unique=True, return_indices=True)
        curve = self._weight[labels[mine], one] + self._weight[labels[mine], other]
        return float(2 * (curve * counts[mine] * others_counts[theirs]).sum())

    def _exchange(self, first: int, second: int, one: int, other: int) -> None:
        self._move(first, one, other)
        self._move(second, other, one)

    def _move(self, sort: int, source: int, target: int) -> None:
        group = self._members[sort][source].pop()
        self._members[sort][target].append(group)
        self._part_of[group] = target
        self._counts[sort, source] -= 1
        self._counts[sort, target] += 1
        labels, counts = self._row(sort)
        self._off[labels, source] -= counts
        self._off[labels, target] += counts


def _cheapest(costs: Floats, allowed: NDArray[np.bool_]) -> Indices:
    """Return the places of the least costs among those allowed, the least first."""
    places = np.flatnonzero(allowed)
    if len(places) > _LOOKED_AT:
        places = np.sort(places[np.argpartition(costs[places], _LOOKED_AT)[:_LOOKED_AT]])
    return places[np.argsort(costs[places], kind="stable")]
