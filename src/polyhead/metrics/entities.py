"""Figures of entity recognition: exact match of place and type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from polyhead.records import Span


def entity_scores(golds: Sequence[Sequence[Span]], predictions: Sequence[Sequence[Span]]) -> dict[str, Any]:
    """Score entities: right is what has the right start, end and type (CoNLL-2003; seqeval's strict IOB2 figures).

    Args:
        golds: The entities of each text.
        predictions: The entities found in each text.

    Returns:
        Micro ``precision``, ``recall`` and ``f1`` (0 where nothing was found or nothing is there to find), and
        ``per_type`` with the same and ``support``, the number of gold entities. `None` for no text at all.
    """
    if not golds:
        return {"precision": None, "recall": None, "f1": None, "per_type": {}}
    wanted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for gold, predicted in zip(golds, predictions, strict=True):
        wanted.update(span.label for span in gold)
        found.update(span.label for span in predicted)
        right.update(span.label for span in set(gold) & set(predicted))
    per_type = {
        label: {**_figures(right[label], found[label], wanted[label]), "support": wanted[label]}
        for label in sorted(wanted.keys() | found.keys())
    }
    return {**_figures(right.total(), found.total(), wanted.total()), "per_type": per_type}


def _figures(right: int, found: int, wanted: int) -> dict[str, float]:
    precision = right / found if found else 0.0
    recall = right / wanted if wanted else 0.0
    total = found + wanted
    return {"precision": precision, "recall": recall, "f1": 2 * right / total if total else 0.0}
