"""Whether a model is as often right as it says: calibration, and what is gained by answering only when sure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np

from polyhead.metrics.scorer import Floats

BINS = 15
"""Groups of equal width that answers are sorted into by their confidence (Guo et al. 2017)."""
_WANTED = (0.9, 0.95, 0.98, 0.99, 0.995)
"""Shares of right answers that thresholds are looked for."""
_COVERAGES = (1.0, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5)


class ConfidenceScorer:
    """Adds up how sure answers were, and whether they were right."""

    def __init__(self) -> None:
        self._confidence, self._right = array("d"), array("b")

    def add(self, answers: Iterable[tuple[float, bool]]) -> None:
        """Add answers: how probable each was held, and whether it is right."""
        for confidence, is_right in answers:
            self._confidence.append(confidence)
            self._right.append(bool(is_right))

    def scores(self) -> dict[str, Any] | None:
        """Return figures as JSON values; `None` where there is no answer.

        Returns:
            ``answers``, their number; ``expected_calibration_error``: by how much confidence and share of right answers
            differ, on average over answers in bins of equal width (Guo et al. 2017); ``bins``, those that are not
            empty; ``coverage``: of the surest answers, the share that is wrong (risk) and the confidence they begin
            at; ``thresholds``: for a wanted share of right answers, the lowest confidence from which on they are
            right so often, and the share of answers that have it.
        """
        if not self._confidence:
            return None
        confidence, right = np.array(self._confidence), np.array(self._right, dtype=np.float64)
        order = np.argsort(-confidence, kind="stable")
        confidence, right = confidence[order], right[order]
        bins = _bins(confidence, right)
        gap = sum(row["answers"] * abs(row["confidence"] - row["accuracy"]) for row in bins)
        return {
            "answers": len(right),
            "expected_calibration_error": gap / len(right),
            "bins": bins,
            "coverage": _coverage(confidence, right),
            "thresholds": _thresholds(confidence, right),
        }


def _bins(confidence: Floats, right: Floats) -> list[dict[str, Any]]:
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    return [
        {
            "from": at / BINS,
            "to": (at + 1) / BINS,
            "answers": int(own.sum()),
            "confidence": float(confidence[own].mean()),
            "accuracy": float(right[own].mean()),
        }
        for at in range(BINS)
        if (own := place == at).any()
    ]


def _coverage(confidence: Floats, right: Floats) -> list[dict[str, Any]]:
    rows = []
    for coverage in _COVERAGES:
        kept = max(1, round(coverage * len(right)))
        rows.append({"coverage": coverage, "risk": float(1 - right[:kept].mean()), "from": float(confidence[kept - 1])})
    return rows


def _thresholds(confidence: Floats, right: Floats) -> list[dict[str, Any]]:
    share = right.cumsum() / np.arange(1, len(right) + 1)
    last_of_equals = np.append(confidence[1:] != confidence[:-1], True)  # a threshold takes all of them or none
    rows = []
    for wanted in _WANTED:
        places = np.flatnonzero((share >= wanted) & last_of_equals)
        row: dict[str, Any] = {"accuracy": wanted, "threshold": None, "coverage": 0.0}
        if len(places):
            row |= {"threshold": float(confidence[places[-1]]), "coverage": float((places[-1] + 1) / len(right))}
        rows.append(row)
    return rows
