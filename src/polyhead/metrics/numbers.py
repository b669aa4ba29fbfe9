"""Figures of predicted numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def number_scores(golds: Sequence[float], predictions: Sequence[float]) -> dict[str, Any]:
    """Score numbers.

    Returns:
        ``pearson``, the correlation, and ``spearman``, that of the ranks: 0 where all predictions are the same, `None`
        where all of the gold is, as nothing defines them then. In ``amounts``, as they are in units of the data:
        ``mae`` and ``rmse``, the mean absolute and the root of the mean squared error. All `None` for no record.
    """
    if not golds:
        return {"pearson": None, "spearman": None, "amounts": {"mae": None, "rmse": None}}
    gold, found = np.array(golds, dtype=np.float64), np.array(predictions, dtype=np.float64)
    return {
        "pearson": _correlation(gold, found),
        "spearman": _correlation(_ranks(gold), _ranks(found)),
        "amounts": {
            "mae": float(np.abs(gold - found).mean()),
            "rmse": float(np.sqrt(np.square(gold - found).mean())),
        },
    }


def _correlation(gold: Floats, found: Floats) -> float | None:
    if gold.min() == gold.max():
        return None
    if found.min() == found.max():
        return 0.0
    return float(np.clip(_direction(gold) @ _direction(found), -1.0, 1.0))


def _direction(values: Floats) -> Floats:
    """Return the distances from the mean, as a vector of length 1."""
    distances = values - values.mean()
    distances /= np.abs(distances).max()  # so that no square is too large or too small for a float
    unit: Floats = distances / np.linalg.norm(distances)
    return unit


def _ranks(values: Floats) -> Floats:
    """Return each value's rank; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (counts.cumsum() - (counts - 1) / 2)[place]
    return ranks
