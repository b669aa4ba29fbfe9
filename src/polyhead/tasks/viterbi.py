"""The best tag sequence among those that read back as spans."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best_path(scores: NDArray[np.float64], start: NDArray[np.bool_], step: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Find the sequence with the highest sum of scores that breaks no constraint (Viterbi 1967).

    Args:
        scores: Shape (units, tags): log-probability of each tag at each unit.
        start: Shape (tags,): which tags may come first.
        step: Shape (tags, tags): ``step[i, j]`` is true where tag j may follow tag i.

    Returns:
        Shape (units,): tag indices.
    """
    greedy: NDArray[np.int64] = scores.argmax(axis=1)
    if len(greedy) == 0 or (start[greedy[0]] and step[greedy[:-1], greedy[1:]].all()):
        return greedy  # the best sequence without constraints keeps them all: nothing can beat it
    forbidden = np.where(step, 0.0, -np.inf)
    best = np.where(start, scores[0], -np.inf)
    came_from = np.zeros(scores.shape, dtype=np.int64)
    for unit in range(1, len(scores)):
        candidates = best[:, None] + forbidden
        came_from[unit] = candidates.argmax(axis=0)
        best = candidates.max(axis=0) + scores[unit]
    path = np.empty(len(scores), dtype=np.int64)
    path[-1] = best.argmax()
    for unit in range(len(scores) - 1, 0, -1):
        path[unit - 1] = came_from[unit, path[unit]]
    return path
