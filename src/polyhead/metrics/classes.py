"""Figures of a classification: of texts, or of their words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from polyhead.metrics.by_label import class_rows, label_counts, mean_f1
from polyhead.metrics.counts import Counts
from polyhead.metrics.scorer import Figures, Scorer, Scores, Weights, share, where_any
from polyhead.records import Label

TOP = 3
"""Of so many most probable classes one must be right in ``top_3_accuracy``."""


class Choice(NamedTuple):
    """One class that was to be chosen.

    Attributes:
        gold: The right one.
        found: The chosen one; `None` where none was.
        rank: How many classes were held more probable than the right one; `None` where that is not known.
    """

    gold: Label
    found: Label | None
    rank: int | None = None


class ClassScorer(Scorer):
    """Scores choices of one class, of which a record may hold several; equal to scikit-learn's figures.

    ``accuracy``; ``macro_f1``, the mean over the classes that stand in gold or answers, and ``weighted_f1``, by their
    number in gold; ``top_3_accuracy`` where ranks are given. ``per_class`` has a row a class, ``confusion`` the wrong
    answers, the most frequent first.

    Args:
        choices: Makes the choices out of a record's gold and its answer.
        ranked: Whether they have ranks.
    """

    def __init__(self, choices: Callable[[Any, Any], Sequence[Choice]], *, ranked: bool = False) -> None:
        super().__init__()
        self._choices, self._ranked = choices, ranked
        self._counts = Counts()
        self._wrong: Counter[tuple[Label, Label | None]] = Counter()

    def scores(self) -> Scores:
        """Return figures, a row for each class, and the confusions."""
        confusion = [
            {"gold": gold, "predicted": found, "count": count} for (gold, found), count in self._wrong.most_common()
        ]
        return {**self.headline(), "per_class": class_rows(self._counts.sums()), "confusion": confusion}

    def figures(self, weights: Weights | None = None) -> Figures:
        """Return the headline figures."""
        sums = self._counts.sums(weights)
        ranked = {f"top_{TOP}_accuracy": share(sums["top"], sums["all"])} if self._ranked else {}
        return where_any(sums["all"], {"accuracy": share(sums["right"], sums["all"]), **mean_f1(sums), **ranked})

    def _add(self, gold: Any, found: Any) -> None:
        choices = self._choices(gold, found)
        right = [choice.gold for choice in choices if choice.gold == choice.found]
        answers = [choice.found for choice in choices if choice.found is not None]
        counts = label_counts([choice.gold for choice in choices], answers, right)
        counts["all"], counts["right"] = len(choices), len(right)
        counts["top"] = sum(choice.rank is not None and choice.rank < TOP for choice in choices)
        self._counts.add(counts)
        self._wrong.update((choice.gold, choice.found) for choice in choices if choice.gold != choice.found)
