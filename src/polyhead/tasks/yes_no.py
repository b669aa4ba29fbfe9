"""Outputs that are each a yes or a no of their own: how probable each is, and from where on it counts as a yes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def probabilities(logits: NDArray[Any]) -> Floats:
    """Return the sigmoid of each logit, in double precision."""
    shares: Floats = np.exp(-np.logaddexp(0.0, -logits.astype(np.float64)))
    return shares


def best_threshold(scores: NDArray[Any], gold: NDArray[np.bool_], *, near: float) -> float:
    """Choose the probability from which on an output counts as a yes, such that F1 is highest.

    Tried are the middle between any two neighbouring probabilities, 0.5, and `near`.

    Args:
        scores: Shape (cases,): how probable each is.
        gold: Shape (cases,): which are to be a yes.
        near: Of thresholds that are equally good, the one nearest to this is taken.
    """
    order = np.argsort(scores)
    rising, is_yes = scores[order].astype(np.float64), gold[order]
    middles = (rising[1:] + rising[:-1])[rising[1:] > rising[:-1]] / 2
    tried = np.unique([*middles, 0.5, near])
    first = np.searchsorted(rising, tried)  # from here on all are found
    right = np.concatenate([[0], is_yes[::-1].cumsum()])[len(rising) - first]
    f1 = 2 * right / np.maximum(len(rising) - first + is_yes.sum(), 1)
    best = tried[f1 == f1.max()]
    return float(best[np.abs(best - near).argmin()])
