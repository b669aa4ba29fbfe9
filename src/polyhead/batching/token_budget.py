"""Rows into batches of about as many pieces, with little padding."""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_A_BATCH = 100
"""What a batch costs beside its slots, in slots: it was measured to be between 60 and 100 on a processor."""


def token_budget_batches(lengths: Sequence[int] | NDArray[np.int64], *, budget: int) -> list[NDArray[np.int64]]:
    """Sort rows by length and cut them so that no batch, padded, holds more than `budget` slots.

    Of all ways to cut them where the length changes, or where a batch is full, the one is taken that costs least:
    few slots, and few batches. A single row longer than the budget is a batch of its own.

    Args:
        lengths: Pieces of each row.
        budget: Slots of a batch: its rows times the longest of them.

    Returns:
        Indices of the rows of each batch, those of the longest rows first. Each row is in one batch.
    """
    order = np.argsort(np.asarray(lengths), kind="stable")[::-1]
    longest_first = np.asarray(lengths)[order]
    changes = [*(np.flatnonzero(np.diff(longest_first)) + 1).tolist(), len(order)]
    cuts = _cheapest_cuts(longest_first.tolist(), changes, budget)
    return [order[start:stop] for start, stop in pairwise(cuts)]


def _cheapest_cuts(lengths: Sequence[int], changes: Sequence[int], budget: int) -> list[int]:
    """Return where batches begin, and where the last one ends; the shortest path over all places to cut."""
    cost, before = {0: 0}, {0: 0}
    waiting = [0] if lengths else []
    while waiting:
        start = heapq.heappop(waiting)
        full = min(len(lengths), start + max(1, budget // lengths[start]))
        nearer = changes[bisect.bisect_right(changes, start) : bisect.bisect_left(changes, full)]
        for stop in (*nearer, full):
            total = cost[start] + (stop - start) * lengths[start] + _A_BATCH
            if stop not in cost and stop < len(lengths):
                heapq.heappush(waiting, stop)
            if total < cost.get(stop, total + 1):
                cost[stop], before[stop] = total, start
    cuts = [len(lengths)]
    while cuts[-1]:
        cuts.append(before[cuts[-1]])
    return cuts[::-1]
