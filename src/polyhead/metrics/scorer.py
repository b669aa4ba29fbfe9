"""What figures have in common: records are added one by one, and figures are of all of them or of samples of them.

Scorer
├── ClassScorer      one class: a text's, or those of its words
├── LabelSetScorer   any number of labels
├── EntityScorer     spans with types
├── NumberScorer     numbers
├── ShareScorer      right or wrong
└── ListScorer       any function of gold and predictions
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Weights = NDArray[np.float64]
"""Shape (samples, records): how often each record stands in each sample."""
Figures = dict[str, Floats]
"""Each figure in each sample, shape (samples,); NaN where nothing defines it."""
Scores = dict[str, Any]


class Scorer(ABC):
    """Adds up what gold and predictions of records say.

    Attributes:
        records: How many were added.
    """

    def __init__(self) -> None:
        self.records = 0

    def add(self, gold: Any, found: Any) -> None:
        """Add a record's gold annotation and the answer for it."""
        self._add(gold, found)
        self.records += 1

    def over(self, golds: Sequence[Any], found: Sequence[Any]) -> Scores:
        """Add records, and return the scores of all."""
        for pair in zip(golds, found, strict=True):
            self.add(*pair)
        return self.scores()

    @abstractmethod
    def scores(self) -> Scores:
        """Return all there is to say: `headline` figures, ``amounts``, and tables of particulars as JSON values."""

    @abstractmethod
    def figures(self, weights: Weights | None = None) -> Figures:
        """Return the headline figures and amounts of samples of the records; without weights, of the one of all."""

    def headline(self) -> dict[str, float | None]:
        """Return the figures of all records; `None` for what nothing defines, and for all where there is no record."""
        of_all = self.figures()
        known = {name: float(values[0]) for name, values in of_all.items()}
        return {name: None if not self.records or np.isnan(value) else value for name, value in known.items()}

    @abstractmethod
    def _add(self, gold: Any, found: Any) -> None: ...


class ListScorer(Scorer):
    """Figures by any function of lists: the whole is scored anew for every sample, so that many samples take a while.

    Args:
        score: From golds and predictions to scores, as `polyhead.tasks.Task.score`.
    """

    def __init__(self, score: Callable[[Sequence[Any], Sequence[Any]], Scores]) -> None:
        super().__init__()
        self._score = score
        self._golds: list[Any] = []
        self._found: list[Any] = []

    def scores(self) -> Scores:
        """Return what the function says of all."""
        return self._score(self._golds, self._found)

    def figures(self, weights: Weights | None = None) -> Figures:
        """Return what it says of samples."""
        if weights is None:
            samples = [self.scores()]
        else:
            drawn = [np.repeat(np.arange(self.records), sample.astype(np.int64)) for sample in weights]
            samples = [self._score([self._golds[at] for at in own], [self._found[at] for at in own]) for own in drawn]
        values = [{**headline_of(sample), **sample.get("amounts", {})} for sample in samples]
        return {
            name: np.array([np.nan if own[name] is None else own[name] for own in values], dtype=np.float64)
            for name in values[0]
        }

    def _add(self, gold: Any, found: Any) -> None:
        self._golds.append(gold)
        self._found.append(found)


def headline_of(scores: Scores) -> dict[str, float | None]:
    """Return a task's headline figures out of its scores: what is one number, a share of 1."""
    return {name: value for name, value in scores.items() if name != "records" and not isinstance(value, dict | list)}


def share(part: Floats, whole: Floats) -> Floats:
    """Divide, 0 by 0 being 0: nothing was found, or nothing was there to find."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)


def where_any(whole: Floats, figures: Figures) -> Figures:
    """Return figures that are NaN where there is nothing that they could be of."""
    return {name: np.where(whole > 0, values, np.nan) for name, values in figures.items()}
