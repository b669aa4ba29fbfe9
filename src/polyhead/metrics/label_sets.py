"""Figures of labels of which a text may have any number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from math import fsum
from typing import Any

from polyhead.records import Label


def label_set_scores(golds: Sequence[AbstractSet[Label]], predictions: Sequence[AbstractSet[Label]]) -> dict[str, Any]:
    """Score sets of labels.

    Returns:
        ``micro_precision``, ``micro_recall`` and ``micro_f1`` over all labels of all texts (0 where nothing was found
        or nothing is there to find); ``macro_f1``, the mean over the labels that stand in gold or predictions;
        ``accuracy``, the share of texts with just the right labels. `None` for no text at all.
    """
    if not golds:
        return dict.fromkeys(("micro_f1", "macro_f1", "accuracy", "micro_precision", "micro_recall"))
    pairs = list(zip(golds, predictions, strict=True))
    wanted = Counter(label for gold in golds for label in gold)
    found = Counter(label for predicted in predictions for label in predicted)
    right = Counter(label for gold, predicted in pairs for label in gold & predicted)
    f1 = [_share(2 * right[label], found[label] + wanted[label]) for label in wanted.keys() | found.keys()]
    return {
        "micro_f1": _share(2 * right.total(), found.total() + wanted.total()),
        "macro_f1": _share(fsum(f1), len(f1)),  # exact, for the order of a set differs from run to run
        "accuracy": _share(sum(gold == predicted for gold, predicted in pairs), len(pairs)),
        "micro_precision": _share(right.total(), found.total()),
        "micro_recall": _share(right.total(), wanted.total()),
    }


def _share(part: float, whole: int) -> float:
    return part / whole if whole else 0.0
