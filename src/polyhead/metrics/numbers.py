"""Figures of predicted numbers."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from polyhead.metrics.scorer import Figures, Floats, Scorer, Scores, Weights


class NumberScorer(Scorer):
    """Scores numbers.

    ``pearson``, the correlation, and ``spearman``, that of the ranks: 0 where all predictions are the same, `None`
    where all of the gold is, as nothing defines them then. In ``amounts``, as they are in units of the data: ``mae``
    and ``rmse``, the mean absolute and the root of the mean squared error.

    Args:
        number: Makes a number out of an answer.
    """

    def __init__(self, number: Callable[[Any], float]) -> None:
        super().__init__()
        self._number = number
        self._gold, self._found = array("d"), array("d")

    def scores(self) -> Scores:
        """Return correlations and amounts."""
        figures = self.headline()
        return {
            "pearson": figures["pearson"],
            "spearman": figures["spearman"],
            "amounts": {"mae": figures["mae"], "rmse": figures["rmse"]},
        }

    def figures(self, weights: Weights | None = None) -> Figures:
        """Return correlations and amounts of samples."""
        weights = np.ones((1, self.records)) if weights is None else weights
        gold, found = np.array(self._gold), np.array(self._found)
        shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
        wrong = np.abs(gold - found)
        largest = wrong.max(initial=0.0) or 1.0  # so that no square is too large or too small for a float
        return {
            "pearson": _correlation(gold, found, shares),
            "spearman": _correlation(_ranks(gold, weights), _ranks(found, weights), shares),
            "mae": shares @ wrong,
            "rmse": largest * np.sqrt(shares @ np.square(wrong / largest)),
        }

    def _add(self, gold: float, found: Any) -> None:
        self._gold.append(gold)
        self._found.append(self._number(found))


def _correlation(gold: Floats, found: Floats, shares: Floats) -> Floats:
    """Return the correlation in each sample.

    Args:
        gold: Shape (records,), or (samples, records).
        found: Like gold.
        shares: Shape (samples, records): each record's share of the sample.
    """
    one, other = _directions(gold, shares), _directions(found, shares)
    together = np.clip((one * other).sum(axis=1), -1.0, 1.0)
    return np.where(np.any(one, axis=1), together, np.nan)


def _directions(values: Floats, shares: Floats) -> Floats:
    """Return the distances from the mean, as vectors of length 1; of length 0 where all values are the same."""
    values = np.broadcast_to(values, shares.shape)
    there = shares > 0
    low = np.where(there, values, np.inf).min(axis=1, initial=np.inf)
    high = np.where(there, values, -np.inf).max(axis=1, initial=-np.inf)
    distances = (values - (values * shares).sum(axis=1, keepdims=True)) * there
    distances /= np.maximum(np.abs(distances).max(axis=1, initial=0.0), np.finfo(np.float64).tiny)[:, None]
    distances *= np.sqrt(shares)
    lengths = np.sqrt(np.square(distances).sum(axis=1))
    return np.where((high > low)[:, None], distances / np.where(lengths > 0, lengths, 1.0)[:, None], 0.0)


def _ranks(values: Floats, weights: Weights) -> Floats:
    """Return each value's rank in each sample, shape (samples, records); equal values share the mean of theirs."""
    _, place = np.unique(values, return_inverse=True)
    counts = np.zeros((len(weights), place.max(initial=-1) + 1))
    for sample, own in zip(counts, weights, strict=True):
        sample += np.bincount(place, weights=own, minlength=len(sample))
    ranks: Floats = (counts.cumsum(axis=1) - (counts - 1) / 2)[:, place]
    return ranks
