"""What a task of any number of classes answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.records import Label
from polyhead.tasks.base import Prediction
from polyhead.tasks.ranking import Classes, classes_json, others_in_words, sure_classes


@dataclass(frozen=True)
class LabelsPrediction(Prediction):
    """The classes that fit a text, the most probable first.

    Attributes:
        labels: The classes, as the data wrote them.
        scores: How probable the model holds each.
        probabilities: Those of all classes, in their order.
        classes: The most probable classes, whether or not they reach their thresholds; `None` where they were not asked
            for.
    """

    labels: tuple[Label, ...]
    scores: tuple[float, ...]
    probabilities: NDArray[np.float32] = field(repr=False, compare=False)
    classes: Classes | None = None

    def to_json(self) -> dict[str, Any]:
        """Return labels and scores, and the classes where they were asked for."""
        pairs = zip(self.labels, self.scores, strict=True)
        labels = [{"label": label, "score": round(score, 6)} for label, score in pairs]
        return {"labels": labels, **classes_json(self.classes)}

    def at_least(self, confidence: float) -> LabelsPrediction:
        """Return the classes that are sure enough."""
        kept = [(label, score) for label, score in zip(self.labels, self.scores, strict=True) if score >= confidence]
        classes = None if self.classes is None else sure_classes(self.classes, confidence)
        labels, scores = tuple(label for label, _ in kept), tuple(score for _, score in kept)
        return LabelsPrediction(labels, scores, self.probabilities, classes)

    def plain(self) -> str:
        """Return the line that `src/predict.py` prints."""
        return f"Prediction: {list(self.labels)}"

    def summary(self) -> str:
        """Return labels and scores for a person, and behind them the most probable of the others."""
        pairs = zip(self.labels, self.scores, strict=True)
        answered = ", ".join(f"{label} {score:.2f}" for label, score in pairs) or "none"
        return answered + others_in_words(self.classes, self.labels)
