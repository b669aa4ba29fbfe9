"""Figures of a classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polyhead.errors import MissingExtraError
from polyhead.records import Label


def class_scores(golds: Sequence[Label], predictions: Sequence[Label]) -> dict[str, Any]:
    """Score a classification.

    Returns:
        ``accuracy``, and ``macro_f1`` over the classes that stand in gold or predictions; both `None` for no record.
    """
    if not golds:
        return {"accuracy": None, "macro_f1": None}
    try:
        from sklearn.metrics import f1_score
    except ImportError as error:
        raise MissingExtraError("scoring", "train") from error
    index = {label: number for number, label in enumerate(dict.fromkeys([*golds, *predictions]))}
    gold, found = [index[label] for label in golds], [index[label] for label in predictions]
    right = sum(a == b for a, b in zip(gold, found, strict=True))
    return {
        "accuracy": right / len(gold),
        "macro_f1": float(f1_score(gold, found, average="macro", zero_division=0.0)),
    }
