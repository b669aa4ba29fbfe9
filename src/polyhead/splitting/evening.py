"""Groups change places two by two, as long as that brings the labels' counts nearer to what they are to be.

Iterative stratification looks at one label of a group; here all of them count.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from polyhead.splitting.stratify import Groups, Wanted

_MOST = 5000
"""Exchanges."""
_MOST_LOOKS = 10**9
"""Labels of sorts of groups that are looked at in all, which bounds the time: there are fewer exchanges where each
takes longer to find."""
_LOOKED_AT = 4
"""Of the sorts of groups that promise most on one side, those that are tried with all on the other."""
_LEAST = 1e-9

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def even_out(groups: Groups, wanted: Wanted, part_of: Indices, *, in_last: Sequence[float] | None = None) -> Indices:
    """Exchange groups of equal size between parts.

    What is made less is Σ (got - wanted)² / max(wanted, 1) over labels and parts, and what groups cost in the
    last part.

    Args:
        groups: What was shared out.
        wanted: What each part is to have.
        part_of: By group, its part.
        in_last: By group, what it costs in the last part; nothing where not given.

    Returns:
        By group, its part; each part has as many records as before.
    """
    return _Evening(groups, wanted, part_of, in_last or [0.0] * len(groups.sizes)).go()


class _Evening:
    def __init__(self, groups: Groups, wanted: Wanted, part_of: Indices, in_last: Sequence[float]) -> None:
        self._part_of = part_of.copy()
        # Groups that show the same are one sort: only how many of it each part has need be known.
        numbers: dict[tuple[int, float, tuple[tuple[int, int], ...]], int] = {}
        sort_of = [
            numbers.setdefault((size, cost, labels), len(numbers))
            for size, cost, labels in zip(groups.sizes, in_last, map(tuple, groups.labels), strict=True)
        ]
        self._sorts = [labels for _, _, labels in numbers]
        self._sizes = np.array([size for size, _, _ in numbers], dtype=np.int64)
        self._in_last = np.array([cost for _, cost, _ in numbers], dtype=np.float64)
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
        pairs = list(combinations(range(self._counts.shape[1]), 2))
        left = min(_MOST, _MOST_LOOKS // (2 * _LOOKED_AT * max(1, len(self._labels))))
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
        costs = {source: self._costs(source, one + other - source) for source in (one, other)}
        best, least = None, -_LEAST
        for source, own in costs.items():
            target = one + other - source
            for first in _cheapest(own, self._counts[:, source] > 0).tolist():
                fits = (self._counts[:, target] > 0) & (self._sizes == self._sizes[first])
                both = np.where(fits, costs[target] - self._shared(first, one, other), np.inf)
                second = int(np.argmin(both))
                if own[first] + both[second] < least:
                    best = (first, second) if source == one else (second, first)
                    least = own[first] + both[second]
        return best

    def _shared(self, sort: int, one: int, other: int) -> Floats:
        """Return, by sort, what its costs and those of another sort counted too much: what both show stays."""
        labels, counts = self._row(sort)
        mine = np.zeros(len(self._weight))
        mine[labels] = 2 * (self._weight[labels, one] + self._weight[labels, other]) * counts
        both = np.bincount(self._row_of, weights=self._shown * mine[self._labels], minlength=len(self._sorts))
        return np.asarray(both, dtype=np.float64)

    def _costs(self, source: int, target: int) -> Floats:
        """Return, by sort, what it costs to move a group of it."""
        off, weight = self._off, self._weight
        slope = 2 * (weight[:, target] * off[:, target] - weight[:, source] * off[:, source])
        curve = weight[:, target] + weight[:, source]
        each = self._shown * slope[self._labels] + self._shown**2 * curve[self._labels]
        last = self._off.shape[1] - 1
        moved = int(target == last) - int(source == last)
        costs = np.bincount(self._row_of, weights=each, minlength=len(self._sorts)) + moved * self._in_last
        return np.asarray(costs, dtype=np.float64)

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
