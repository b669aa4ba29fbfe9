"""The gradients' fair bargain (Navon et al. 2022)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_RIDGE = 1e-6
"""Added to the cosines' diagonal, so that there is an answer where gradients are exactly opposed."""
_ROUNDS, _CLOSE = 100, 1e-10
_LARGEST = 1.0
"""Norm that the shared gradient is cut down to, as the authors' own code does."""


def nash_factors(gramian: NDArray[np.float64]) -> NDArray[np.float64]:
    """Navon et al. 2022, "Multi-Task Learning as a Bargaining Game", claim 3.1 and algorithm 1.

    w > 0 solves G Gᵀ w = 1 / w, element by element. So Σ w_i g_i has the same inner product with w_i g_i for each task,
    and does not depend on how long a task's gradient is. Its norm is the root of the number of tasks, and is cut to 1.

    w is the one minimum of wᵀ G Gᵀ w / 2 less the sum of log w_i, which is convex: Newton's method finds it in a few
    rounds. The authors' code, and TorchJD's after it, goes by a row of linearised problems, each solved by ECOS, and
    goes on from the last step's answer; so it gives an approximation that depends on the steps before. This one has no
    state.

    Args:
        gramian: Shape (tasks, tasks).

    Returns:
        Shape (tasks,): w.
    """
    lengths = np.sqrt(np.diag(gramian))
    there = lengths > 0
    factors = np.ones(len(gramian))
    if not there.any():
        return factors
    own = lengths[there]
    factors[there] = _solved(gramian[np.ix_(there, there)] / np.outer(own, own)) / own
    norm = math.sqrt(max(0.0, float(factors @ gramian @ factors)))
    return factors * (_LARGEST / norm) if norm > _LARGEST else factors


def _solved(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve C β = 1 / β: the same problem with gradients of length 1, of which w is β divided by their lengths."""
    matrix = cosines + _RIDGE * np.eye(len(cosines))
    beta = np.ones(len(matrix))
    for _ in range(_ROUNDS):
        slope = matrix @ beta - 1 / beta
        step = np.linalg.solve(matrix + np.diag(beta**-2), slope)
        decrement = math.sqrt(max(0.0, float(slope @ step)))
        # Damped while far: of a self-concordant function that never leaves the domain (Boyd and Vandenberghe, 9.6).
        beta = beta - step / (1 + decrement if decrement > 0.25 else 1)
        if decrement < _CLOSE:
            break
    return beta
