"""`single_label`: one class for a text."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from polyhead.encoding import Encoded
from polyhead.errors import AnnotationError
from polyhead.labels import LabelSet
from polyhead.metrics.classes import class_scores
from polyhead.notices import Notices
from polyhead.records import Label, Source
from polyhead.tasks.base import HeadSpec, Prediction, Scores, Task
from polyhead.tasks.numeric import log_softmax


@dataclass(frozen=True)
class LabelColumn:
    """Reads an integer or a string."""

    field: str

    def read(self, value: Any, text: str, source: Source | None, notices: Notices) -> Label:  # noqa: ARG002
        """Return the label as the data wrote it."""
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise AnnotationError(f"a label must be an integer or a string, found {value!r}")
        if value == "":
            raise AnnotationError("a label must not be empty; leave the field out where the label is unknown")
        return value

    def finish(self, notices: Notices) -> None:
        """Nothing is known only after the whole file."""


@dataclass(frozen=True)
class LabelPrediction(Prediction):
    """A class and how probable the model holds it.

    Attributes:
        label: The class, as the data wrote it.
        score: Its probability.
    """

    label: Label
    score: float

    def to_json(self) -> dict[str, Any]:
        """Return label and score."""
        return {"label": self.label, "score": round(self.score, 6)}

    def plain(self) -> str:
        """Return the line that `src/predict.py` prints."""
        return f"Prediction: {self.label}"

    def summary(self) -> str:
        """Return label and score for a person."""
        return f"{self.label}  {self.score:.2f}"


@dataclass(frozen=True)
class SingleLabel(Task):
    """One class for a text, from a linear layer on the sentence's state.

    Attributes:
        labels: The classes.
    """

    labels: LabelSet

    kind: ClassVar[str] = "single_label"
    main_metric: ClassVar[str] = "accuracy"

    @classmethod
    def column(cls, field: str) -> LabelColumn:
        """Make what reads a label."""
        return LabelColumn(field)

    @classmethod
    def learn(
        cls, *, name: str, field: str, weight: float, options: Mapping[str, Any], annotations: Sequence[Label]
    ) -> Self:
        """Learn the classes from the data."""
        del options  # this kind has none
        return cls(name, field, weight, LabelSet.observed(annotations))

    def head(self) -> HeadSpec:
        """One logit a class."""
        return HeadSpec(reads="sentence", width=len(self.labels))

    def encode(self, annotation: Label, encoded: Encoded) -> NDArray[np.int64]:  # noqa: ARG002
        """Return the class's index."""
        return np.array(self.labels.index(annotation), dtype=np.int64)

    def decode(self, logits: NDArray[np.float32], encoded: Encoded) -> LabelPrediction:  # noqa: ARG002
        """Return the class that is most probable on average over the text's windows."""
        probabilities = np.exp(log_softmax(logits)).mean(axis=0)
        best = int(probabilities.argmax())
        return LabelPrediction(self.labels[best], float(probabilities[best]))

    def score(self, golds: Sequence[Label], predictions: Sequence[LabelPrediction]) -> Scores:
        """Return accuracy and macro F1."""
        return class_scores(golds, [prediction.label for prediction in predictions])

    def is_right(self, gold: Label, prediction: LabelPrediction) -> bool:
        """Whether the class is the right one."""
        return gold == prediction.label

    def labels_in(self, annotation: Label) -> frozenset[Hashable]:
        """Return the class."""
        return frozenset({annotation})

    def state(self) -> dict[str, Any]:
        """Return the classes."""
        return {"labels": list(self.labels)}

    @classmethod
    def restore(cls, *, name: str, field: str, weight: float, state: Mapping[str, Any]) -> Self:
        """Make the task from a bundle's JSON."""
        return cls(name, field, weight, LabelSet(tuple(state["labels"])))

    def describe(self) -> str:
        """Return the number of classes."""
        return f"{len(self.labels)} labels"

    def label_names(self) -> list[str]:
        """Return the classes."""
        return [str(label) for label in self.labels]
