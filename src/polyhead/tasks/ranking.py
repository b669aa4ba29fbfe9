"""The next best classes beside an answer, from probabilities that decoding made already."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.errors import SettingsError
from polyhead.labels import LabelSet
from polyhead.records import Label

Classes = tuple[tuple[Label, float], ...]
"""Classes, each with how probable it is; the most probable first."""

_FEW = 8
"""Of so many times as many classes, the best are looked for one after the other, which is faster than sorting all."""


def checked_count(top_k: int) -> int:
    """See that so many classes can be asked for.

    Raises:
        SettingsError: If not.
    """
    if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1:
        raise SettingsError(f"top_k: must be a whole number of at least 1, found {top_k!r}")
    return top_k


def best_classes(labels: LabelSet, probabilities: NDArray[Any], count: int) -> list[Classes]:
    """Return the most probable classes of each text; of those equally probable, the first come first.

    Args:
        labels: The classes.
        probabilities: Shape (texts, classes).
        count: How many; all, where there are not as many.
    """
    places = _best_places(probabilities, min(count, probabilities.shape[1]))
    scores = np.take_along_axis(probabilities, places, axis=1)
    return [
        tuple((labels[place], score) for place, score in zip(*own, strict=True))
        for own in zip(places.tolist(), scores.tolist(), strict=True)
    ]


def with_best_classes(labels: LabelSet, predictions: Sequence[Any], count: int) -> list[Any]:
    """Return answers with the most probable classes beside each; those of all texts are looked for at once.

    Args:
        labels: The classes.
        predictions: Answers, dataclasses with ``probabilities`` of all classes and a place for ``classes``.
        count: How many classes, at most.
    """
    if not predictions:
        return []
    classes = best_classes(labels, np.stack([own.probabilities for own in predictions]), count)
    return [replace(own, classes=best) for own, best in zip(predictions, classes, strict=True)]


def sure_classes(classes: Classes, confidence: float) -> Classes:
    """Return those that are held at least so probable."""
    return tuple(pair for pair in classes if pair[1] >= confidence)


def classes_json(classes: Classes | None) -> dict[str, Any]:
    """Return what stands in an answer's JSON beside the answer: nothing where classes were not asked for."""
    if classes is None:
        return {}
    return {"classes": [{"label": label, "score": round(score, 6)} for label, score in classes]}


def others_in_words(classes: Classes | None, answered: Collection[Label | None]) -> str:
    """Return those that are not the answer for a person, behind it; "" where there is none."""
    others = ", ".join(f"{label} {score:.2f}" for label, score in classes or () if label not in answered)
    return f"  then {others}" if others else ""


def _best_places(probabilities: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Return where the most probable classes stand, shape (texts, count)."""
    if count * _FEW > probabilities.shape[1]:
        return np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    left, rows = probabilities.copy(), np.arange(len(probabilities))
    places = np.empty((len(probabilities), count), dtype=np.int64)
    for at in range(count):
        places[:, at] = left.argmax(axis=1)
        left[rows, places[:, at]] = -np.inf
    return places
