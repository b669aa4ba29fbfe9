"""The share of records that are right."""

from __future__ import annotations

from polyhead.metrics.counts import Counts
from polyhead.metrics.scorer import Figures, Scorer, Scores, Weights, share


class ShareScorer(Scorer):
    """Counts what is right: frames, say.

    Args:
        name: What the figure is called.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name, self._counts = name, Counts()

    def scores(self) -> Scores:
        """Return the share."""
        return dict(self.headline())

    def figures(self, weights: Weights | None = None) -> Figures:
        """Return the share in samples."""
        sums = self._counts.sums(weights)
        return {self._name: share(sums["right"], sums["all"])}

    def _add(self, gold: bool, found: bool) -> None:
        self._counts.add({"all": 1, "right": int(gold == found)})
