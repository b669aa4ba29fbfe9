"""Figures of labels of which a text may have any number."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from polyhead.metrics.by_label import class_rows, label_counts, mean_f1, micro
from polyhead.metrics.counts import Counts
from polyhead.metrics.scorer import Figures, Scorer, Scores, Weights, share
from polyhead.records import Label


class LabelSetScorer(Scorer):
    """Scores sets of labels.

    ``micro_precision``, ``micro_recall`` and ``micro_f1`` over all labels of all texts (0 where nothing was found or
    nothing is there to find); ``macro_f1``, the mean over the labels that stand in gold or answers, and
    ``weighted_f1``, by their number in gold; ``accuracy``, the share of texts with just the right labels (subset
    accuracy). ``per_class`` has a row a label.

    Args:
        labels: Makes a set of labels out of an answer.
    """

    def __init__(self, labels: Callable[[Any], AbstractSet[Label]]) -> None:
        super().__init__()
        self._labels, self._counts = labels, Counts()

    def scores(self) -> Scores:
        """Return figures, and a row for each label."""
        return {**self.headline(), "per_class": class_rows(self._counts.sums())}

    def figures(self, weights: Weights | None = None) -> Figures:
        """Return the headline figures."""
        sums = self._counts.sums(weights)
        over_all = micro(sums)
        return {
            "micro_f1": over_all["f1"],
            **mean_f1(sums),
            "accuracy": share(sums["exact"], sums["all"]),
            "micro_precision": over_all["precision"],
            "micro_recall": over_all["recall"],
        }

    def _add(self, gold: AbstractSet[Label], found: Any) -> None:
        labels = self._labels(found)
        counts = label_counts(gold, labels, gold & labels)
        counts["all"], counts["exact"] = 1, int(gold == labels)
        self._counts.add(counts)
