"""Which records stay together: groups that grow as reasons are added."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import NDArray


class Joined:
    """Joins things into groups (union-find).

    Args:
        count: How many things there are; each is a group by itself at first.
    """

    def __init__(self, count: int) -> None:
        self._above = list(range(count))
        self._sizes = [1] * count

    def root(self, thing: int) -> int:
        """Return what stands for the group of a thing."""
        above = self._above
        while above[thing] != thing:
            above[thing] = above[above[thing]]
            thing = above[thing]
        return thing

    def join(self, one: int, other: int) -> None:
        """Put the groups of two things together."""
        one, other = self.root(one), self.root(other)
        if one != other:
            # The first of the things stands for the group, whatever the order in which they were joined.
            first, second = min(one, other), max(one, other)
            self._above[second] = first
            self._sizes[first] += self._sizes[second]

    def join_equal(self, values: Iterable[Hashable | None]) -> None:
        """Put together the things of equal values.

        Args:
            values: By thing; `None` is equal to nothing.
        """
        firsts: dict[Hashable, int] = {}
        for thing, value in enumerate(values):
            if value is not None:
                self.join(firsts.setdefault(value, thing), thing)

    def size(self, thing: int) -> int:
        """Return how many things are in a thing's group."""
        return self._sizes[self.root(thing)]

    def numbers(self) -> NDArray[np.int64]:
        """Return, by thing, the number of its group: from 0, in the order in which the groups come."""
        roots = np.fromiter(map(self.root, range(len(self._above))), dtype=np.int64, count=len(self._above))
        return np.unique(roots, return_inverse=True)[1].astype(np.int64)
